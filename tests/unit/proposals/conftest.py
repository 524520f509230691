from __future__ import annotations

from tests.unit.evals.conftest import _no_pace, service, services

__all__ = ["_no_pace", "service", "services"]
