"""Serving of text, over real HTTP and piece by piece."""
