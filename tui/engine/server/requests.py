"""What every route shares: JSON bodies with a limit, pages of lists, and refusals in OpenAI's envelope."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tui.engine.api_errors import ApiError

MEGABYTE = 1024 * 1024
JSON_LIMIT = 32 * MEGABYTE
"""Largest JSON body in bytes."""

_FULL_DISK = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

_BAD_JSON = (
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP "
    "library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
)


def too_large(limit: int) -> ApiError:
    """Return the refusal of a body over `limit` bytes."""
    return ApiError(
        413, f"The request is too large: the limit here is {limit // MEGABYTE} MB.", code="request_too_large"
    )


async def read_json_body(request: Request, max_bytes: int = JSON_LIMIT) -> dict[str, Any]:
    """Return the request's JSON object.

    Raises:
        ApiError: 413 when over `max_bytes`, 400 when it is not a JSON object.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > max_bytes:
            raise too_large(max_bytes)
        pieces.append(piece)
    return parse_json_object(b"".join(pieces))


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in `body`, refusing NaN, endless nesting and anything that is not an object."""
    try:
        # Bytes would let UTF-16 and a byte order mark pass.
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise ApiError(400, _BAD_JSON) from error
    if not isinstance(value, dict):
        raise ApiError(
            400,
            f"Invalid body: expected a JSON object, but got {_a_type(value)} instead.",
            code="invalid_type",
        )
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _a_type(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case None:
            return "null"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"


def page_of(
    items: Sequence[Mapping[str, Any]],
    request: Request,
    *,
    default_limit: int,
    max_limit: int,
    with_ends: bool,
) -> dict[str, Any]:
    """Return one page of `items` (already in their order) as the service's list object.

    Args:
        items: Objects with an "id".
        request: Its query may hold `limit` and `after`.
        default_limit: Items in a page when `limit` is absent.
        max_limit: Highest `limit` that is accepted.
        with_ends: Whether the service gives `first_id` and `last_id` for this kind of list.
    """
    limit = integer_query(request, "limit", default_limit, 1, max_limit)
    after = request.query_params.get("after")
    start = 0
    if after:
        positions = [number for number, item in enumerate(items) if item["id"] == after]
        if not positions:
            raise ApiError(400, f"Invalid 'after': no object with id {after!r} in this list.", param="after")
        start = positions[0] + 1
    data = list(items[start : start + limit])
    page: dict[str, Any] = {"object": "list", "data": data, "has_more": start + limit < len(items)}
    if with_ends:
        page["first_id"] = data[0]["id"] if data else None
        page["last_id"] = data[-1]["id"] if data else None
    return page


def integer_query(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return an integer of the query string, refusing what is no integer or out of range."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(text) if len(text) < 20 else high + 1
    except ValueError:
        raise ApiError(
            400,
            f"Invalid type for '{name}': expected an integer, but got a string instead.",
            param=name,
            code="invalid_type",
        ) from None
    if value < low:
        bound, word, code = low, "below minimum", "integer_below_min_value"
    elif value > high:
        bound, word, code = high, "above maximum", "integer_above_max_value"
    else:
        return value
    sign = ">=" if value < low else "<="
    raise ApiError(
        400,
        f"Invalid '{name}': integer {word} value. Expected a value {sign} {bound}, but got {value} instead.",
        param=name,
        code=code,
    )


def error_response(error: ApiError) -> Response:
    """Return the refusal as JSON; clients are told not to repeat what can't succeed."""
    headers = {"x-should-retry": "false"} if error.status in (409, 501, 507) else None
    return JSONResponse(error.body(), error.status, headers)


async def answer_api_error(_: Request, error: Exception) -> Response:
    """Starlette handler for ApiError."""
    assert isinstance(error, ApiError)
    return error_response(error)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Starlette handler for its own 404 and 405, told in OpenAI's words."""
    assert isinstance(error, HTTPException)
    place = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        refusal = ApiError(
            404,
            f"Unknown request URL: {place}. Please check the URL for typos, or see the docs at "
            "https://platform.openai.com/docs/api-reference/.",
            code="unknown_url",
        )
    elif error.status_code == 405:
        refusal = ApiError(
            405,
            f"Not allowed to {request.method} on {request.url.path}. "
            "(HINT: Perhaps you meant to use a different HTTP method?)",
            code="method_not_supported",
        )
    else:
        refusal = ApiError(error.status_code, str(error.detail))
    answer = error_response(refusal)
    answer.headers.update(error.headers or {})
    return answer


async def answer_disk_error(_: Request, error: Exception) -> Response:
    """Starlette handler for OSError: a full disk says so, anything else is a server error."""
    assert isinstance(error, OSError)
    if error.errno in _FULL_DISK:
        message = "The engine's disk is full: nothing was kept of this request. Free some room and try again."
        return error_response(ApiError(507, message, type="server_error", code="insufficient_storage"))
    return error_response(
        ApiError(
            500, f"The engine could not read or write its folder: {error.strerror}.", type="server_error"
        )
    )


async def answer_nobody(_: Request, __: Exception) -> Response:
    """Starlette handler for a client that left while sending: nobody reads this, no fault of ours."""
    return Response(status_code=499)


async def answer_unexpected_error(_: Request, error: Exception) -> Response:
    """Starlette handler for a fault of ours: the log has the traceback, the client a plain sentence."""
    return error_response(
        ApiError(
            500,
            f"The engine had an unexpected error ({type(error).__name__}); its log says more.",
            type="server_error",
        )
    )
