"""Engines that count tokens: one protocol, each as exact as tiktoken, the fastest that is installed first."""
