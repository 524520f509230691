"""The engine's HTTP server: files, uploads, jobs, models, and the one worker that trains."""

from __future__ import annotations
