"""The engine's refusals in OpenAI's error envelope."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """Ends a request with an OpenAI-shaped error body.

    Args:
        status: HTTP status.
        message: A sentence for a person.
        type: OpenAI's error type, "invalid_request_error" for most.
        param: The request field at fault.
        code: OpenAI's machine-readable code, such as "model_not_found".
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",  # noqa: A002 - the field's name on the wire
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code

    def body(self) -> dict[str, Any]:
        """Return the JSON body: {"error": {message, type, param, code}}."""
        return {"error": {"message": self.message, "type": self.type, "param": self.param, "code": self.code}}
