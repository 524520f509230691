"""Writes a tuned model in the forms that other programs load: PEFT, merged safetensors, GGUF, Ollama."""
