"""Answers side by side: where they differ, which is preferred blind, and how they change during training."""
