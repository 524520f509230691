"""tunedeck: the keyboard-driven deck for fine-tuning GPT-style models from a terminal."""

__version__ = "0.1.0"
