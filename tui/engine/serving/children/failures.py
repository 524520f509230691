"""The refusal of a request whose server is not there just now."""

from __future__ import annotations

import math

from tui.engine.api_errors import ApiError


class ChildNotReady(ApiError):
    """A 503 that says when to come again.

    Args:
        message: What is the matter.
        retry_after: Seconds; None when coming again is of no use.
    """

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(503, message, type="server_error", code="server_not_ready")
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))
