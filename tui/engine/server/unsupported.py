"""Parts of OpenAI's API that this engine does not have: each says what it is and what to use."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tui.engine.api_errors import ApiError

_CHAT = "Use POST /v1/chat/completions."
_AREAS: dict[str, tuple[str, str]] = {
    "/v1/moderations": ("Moderation", "No moderation model is part of this engine; check texts elsewhere."),
    "/v1/responses": ("The Responses API", _CHAT),
    "/v1/conversations": ("The Conversations API", _CHAT),
    "/v1/batches": ("The Batch API", "Send the requests one by one to POST /v1/chat/completions."),
    "/v1/embeddings": ("Embeddings", "The local models are text generators; use an embedding service."),
    "/v1/images": ("Image generation", "The local models only write text."),
    "/v1/videos": ("Video generation", "The local models only write text."),
    "/v1/audio": ("Audio", "The local models only read and write text."),
    "/v1/realtime": ("The Realtime API", _CHAT),
    "/v1/evals": ("The Evals API", "Compare models over POST /v1/chat/completions."),
    "/v1/assistants": ("The Assistants API", _CHAT),
    "/v1/threads": ("The Assistants API", _CHAT),
    "/v1/vector_stores": (
        "Vector stores",
        "Put what the model must know into its messages or training data.",
    ),
    "/v1/containers": ("Containers", _CHAT),
    "/v1/webhook_endpoints": ("Webhooks", "Poll GET /v1/fine_tuning/jobs/{id}/events."),
    "/v1/fine_tuning/alpha/graders": ("Graders", "Reinforcement fine-tuning is not part of this engine."),
    "/v1/fine_tuning/checkpoints": (
        "Checkpoint permissions",
        "Every checkpoint of this engine can be used by whoever has its token.",
    ),
    "/v1/organization": ("Administration", "A local engine has one owner and one token."),
}


def unsupported_routes() -> list[Route]:
    """Return a route for each area, and for everything below it."""
    routes = []
    for path, (name, instead) in _AREAS.items():
        endpoint = _refuser(name, instead)
        for pattern in (path, f"{path}/{{rest:path}}"):
            routes.append(Route(pattern, endpoint, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]))
    return routes


def _refuser(name: str, instead: str) -> Callable[[Request], Response]:
    def refuse(_: Request) -> Response:
        raise ApiError(404, message, code="unsupported_endpoint")

    message = f"{name} is not supported by this local engine. {instead}"
    return refuse
