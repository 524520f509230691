"""Every failure of a call to a service as a sentence with its remedy, without secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from tui.providers.protocol import ProviderError
from tui.providers.rate_limits import retry_after
from tui.providers.redaction import redact
from tui.providers.remedies import (
    BY_CODE,
    BY_STATUS,
    NO_FINE_TUNING,
    NOTHING_TO_ADVISE,
    REFUSED_ON_THE_WAY,
    SERVER_TROUBLE,
    TRAINING_REFUSED,
    WEB_PAGE,
    remedy_for,
)
from tui.providers.web_page import web_page_title
from tui.safe_text import safe_text

__all__ = [
    "LOST_ANSWER",
    "NOT_REACHED",
    "NO_FINE_TUNING",
    "TRAINING_REFUSED",
    "UNREADABLE",
    "told_as_provider_errors",
]

LOST_ANSWER = "answer_lost"
"""Our own code for a request that was sent but never answered: what it asked for may have happened."""
NOT_REACHED = "not_reached"
"""Our own code for a request that never left."""
UNREADABLE = "unreadable_answer"
"""Our own code for an answer that came and can't be read."""

_TLS_TROUBLE = (
    "A server without TLS wants http:// in its base URL; one whose certificate is not known here wants "
    "SSL_CERT_FILE."
)
_LONGEST_MESSAGE = 2000
_MOST_DETAILS = 5
_SERVER_ERROR = 500
_FORBIDDEN = 403
_OF_A_PROXY = (401, 407, 429)
"""Statuses that say something even when a web page comes with them."""


@contextmanager
def told_as_provider_errors(service: str, secrets: Iterable[str]) -> Iterator[None]:
    """Turn whatever the client library raises into ProviderError.

    The library's exception is not chained: its request carries the key.

    Args:
        service: Name of the service, for the sentence.
        secrets: Texts that must not be shown.

    Raises:
        ProviderError: The call failed.
    """
    import httpx2
    import openai  # 0.4 s; loaded by the caller already

    try:
        yield
    except openai.APIStatusError as error:
        raise _from_status(error, service, secrets) from None
    except openai.APITimeoutError:
        raise _lost(service, "did not answer in time") from None
    except openai.APIConnectionError as error:
        raise _from_connection(error, service, secrets) from None
    except openai.APIError as error:
        raise _from_stream(error, service, secrets) from None
    except openai.OpenAIError as error:
        raise ProviderError(_clean(f"{service}: {error}", secrets), "") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        # Of a stream; asked again, a broken server would be paid again for the same bytes.
        raise ProviderError(
            f"{service} sent bytes that are no answer: neither UTF-8 nor JSON.",
            "Ask again; if it goes on, the server or a proxy before it is broken.",
            code=UNREADABLE,
        ) from None
    except (httpx2.InvalidURL, UnicodeEncodeError):
        raise ProviderError(
            f"The request to {service} could not be written.",
            "A base URL, key or organisation in the environment holds characters that can't stand there.",
            code=NOT_REACHED,
        ) from None


def _from_status(error: object, service: str, secrets: Iterable[str]) -> ProviderError:
    import openai

    assert isinstance(error, openai.APIStatusError)
    status = error.status_code
    wait = retry_after(error.response.headers)
    page = web_page_title(error.body)
    request = f" [request {error.request_id}]" if error.request_id else ""
    if page is not None:
        remedy = REFUSED_ON_THE_WAY if status == _FORBIDDEN else WEB_PAGE
        if status in _OF_A_PROXY:
            remedy = BY_STATUS.get(status, SERVER_TROUBLE)
        words = f"{service} answered {status} with a web page{page}, not as an API{request}"
        return ProviderError(
            _clean(f"{words}.", secrets), remedy.text, status=status, request_id=error.request_id,
            retryable=remedy.retryable or status >= _SERVER_ERROR, retry_after=wait,
        )  # fmt: skip
    envelope = _envelope(error.body)
    code, kind, param = (_text(envelope.get(key)) for key in ("code", "type", "param"))
    words = _text(envelope.get("message")) or f"HTTP status {status}"
    remedy = remedy_for(status, code, kind, words)
    place = f" (at {param})" if param else ""
    named = f" [{code}]" if code and code not in words else ""
    return ProviderError(
        _clean(f"{service} refused with {status}{place}: {words}{named}{request}", secrets),
        remedy.text, code=_clean(code or kind or "", secrets) or None, status=status,
        request_id=error.request_id, retryable=remedy.retryable, limit=remedy.limit, retry_after=wait,
    )  # fmt: skip


def _envelope(body: object) -> Mapping[str, object]:
    if isinstance(body, Mapping):
        inner = body.get("error")
        if isinstance(inner, Mapping):
            return inner
        if isinstance(inner, str):
            return {"message": inner, **body}
        return body if _text(body.get("message")) else {**body, "message": _details(body)}
    return {"message": body} if isinstance(body, str) and body.strip() else {}


def _details(body: Mapping[str, object]) -> str:
    """Return what a body of another shape says: `detail` as FastAPI sends it, or a list of `errors`."""
    found = body.get("detail") or body.get("errors") or body.get("title") or ""
    entries = found if isinstance(found, list) else [found]
    return "; ".join(filter(None, map(_detail, entries[:_MOST_DETAILS])))


def _detail(entry: object) -> str:
    if not isinstance(entry, Mapping):
        return _text(entry) or ""
    words = _text(entry.get("msg")) or _text(entry.get("message")) or _text(entry.get("detail")) or ""
    place = entry.get("loc")
    named = ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""
    return f"{named}: {words}" if named and words else words


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and str(value).strip() else None


def _from_connection(error: Exception, service: str, secrets: Iterable[str]) -> ProviderError:
    import httpx2

    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        words = str(error.__cause__).rstrip(".") or "no connection"
        return ProviderError(
            _clean(f"{service} can't be reached: {words}.", secrets),
            _TLS_TROUBLE if "SSL" in words else "Check the network and the base URL.",
            code=NOT_REACHED, retryable=True,
        )  # fmt: skip
    return _lost(service, "closed the connection without an answer")


def _lost(service: str, words: str) -> ProviderError:
    return ProviderError(
        f"{service} {words}.", "Try again; check the network if it goes on.", code=LOST_ANSWER, retryable=True
    )


def _from_stream(error: object, service: str, secrets: Iterable[str]) -> ProviderError:
    words = getattr(error, "message", None) or str(error)
    code = _text(getattr(error, "code", None))
    remedy = BY_CODE.get(code or "", NOTHING_TO_ADVISE)
    return ProviderError(
        _clean(f"{service}: {words}", secrets), remedy.text,
        code=_clean(code or "", secrets) or None, retryable=remedy.retryable, limit=remedy.limit,
    )  # fmt: skip


def _clean(text: str, secrets: Iterable[str]) -> str:
    return redact(safe_text(text[:_LONGEST_MESSAGE]), secrets)
