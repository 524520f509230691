"""Fetching and adding base models."""

from __future__ import annotations
