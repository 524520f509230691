"""What a sweep needs of the rest of the program; `tui.services.Services` gives it."""

from __future__ import annotations

from typing import Protocol

from tui.evals.setup import SetupServices
from tui.jobs.ports import JobServices


class SweepServices(JobServices, SetupServices, Protocol):
    """What launching jobs and measuring their models needs together."""
