"""Shipped test sets, of our own writing."""

from __future__ import annotations

from pathlib import Path

PACKS = {"behaviour": Path(__file__).with_name("behaviour.jsonl")}
"""Name -> file. `behaviour`: what fine-tuning cost, in skills, refusals, length and even-handedness."""
