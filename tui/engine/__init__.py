"""The local engine: an OpenAI-shaped server that really trains and serves, a process of its own."""

from __future__ import annotations
