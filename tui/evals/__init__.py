"""Test sets, checks, paired runs and their statistics; no Textual here."""
