"""Parts of OpenAI's API that this engine does not have: each says what it is and what to use."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.engine.api_errors import ApiError

_CHAT = "Use POST /v1/chat/completions."
_AREAS: dict[str, tuple[str, str]] = {
    "/v1/moderations": (
        "Moderation is",
        "No moderation model is part of this engine; check texts elsewhere.",
    ),
    "/v1/responses": ("The Responses API is", _CHAT),
    "/v1/conversations": ("The Conversations API is", _CHAT),
    "/v1/batches": ("The Batch API is", "Send the requests one by one to POST /v1/chat/completions."),
    "/v1/embeddings": ("Embeddings are", "The local models are text generators; use an embedding service."),
    "/v1/chat/completions": (
        "Stored chat completions are",
        "Answers are given once and not kept: 'store' has no effect.",
    ),
    "/v1/images": ("Image generation is", "The local models only write text."),
    "/v1/videos": ("Video generation is", "The local models only write text."),
    "/v1/audio": ("Audio is", "The local models only read and write text."),
    "/v1/realtime": ("The Realtime API is", _CHAT),
    "/v1/evals": ("The Evals API is", "Compare models over POST /v1/chat/completions."),
    "/v1/assistants": ("The Assistants API is", _CHAT),
    "/v1/threads": ("The Assistants API is", _CHAT),
    "/v1/vector_stores": (
        "Vector stores are",
        "Put what the model must know into its messages or training data.",
    ),
    "/v1/containers": ("Containers are", _CHAT),
    "/v1/webhook_endpoints": ("Webhooks are", "Poll GET /v1/fine_tuning/jobs/{id}/events."),
    "/v1/fine_tuning/alpha/graders": ("Graders are", "Reinforcement fine-tuning is not part of this engine."),
    "/v1/fine_tuning/checkpoints": (
        "Checkpoint permissions are",
        "Every checkpoint of this engine can be used by whoever has its token.",
    ),
    "/v1/organization": ("Administration is", "A local engine has one owner and one token."),
}


def unsupported_routes() -> list[Route]:
    """Return a route for each area, and for everything below it."""
    routes = []
    for path, (subject, instead) in _AREAS.items():
        endpoint = _refuser(subject, instead)
        for pattern in (path, f"{path}/{{rest:path}}"):
            routes.append(Route(pattern, endpoint, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return routes


def _refuser(subject: str, instead: str) -> Callable[[Request], Response]:
    def refuse(_: Request) -> Response:
        raise ApiError(404, message, code="unsupported_endpoint")

    message = f"{subject} not supported by this local engine. {instead}"
    return refuse
