"""Reusable widgets; they show what the core hands them and decide nothing."""
