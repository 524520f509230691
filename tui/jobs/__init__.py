"""Preparing, launching and following fine-tuning jobs."""
