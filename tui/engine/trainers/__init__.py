"""Trainers: what turns examples into an adapter, behind one protocol."""
