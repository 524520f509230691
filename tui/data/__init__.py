"""Data that ships with the program: the model catalog, tokenizer vocabularies, example datasets."""
