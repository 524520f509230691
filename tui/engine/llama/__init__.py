"""Llama-family models in numpy: files, text, and the mathematics that training and serving share."""
