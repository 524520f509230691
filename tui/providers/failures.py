"""Every failure of a call to a service as a sentence with its remedy, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from tui.providers.protocol import ProviderError
from tui.providers.rate_limits import retry_after
from tui.providers.redaction import redact
from tui.safe_text import safe_text

TRAINING_REFUSED = "training_not_available"
LOST_ANSWER = "answer_lost"
"""Our own code for a request that was sent but never answered: what it asked for may have happened."""
NOT_REACHED = "not_reached"
"""Our own code for a request that never left."""

_LONGEST_MESSAGE = 2000


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about an error, and whether the same call may succeed later."""

    text: str
    retryable: bool = False


_BY_CODE: Mapping[str, Remedy] = {
    TRAINING_REFUSED: Remedy(
        "OpenAI is winding fine-tuning down: organisations without recent fine-tuned inference can't create "
        "jobs since 2026-07-02, and nobody can after 2027-01-06. The same file trains on the local engine."
    ),
    "invalid_api_key": Remedy("Set the right key in the environment and start again."),
    "model_not_found": Remedy(
        "It may be shut down, deleted, or belong to another project; `tunedeck models` lists what there is."
    ),
    "daily_rate_limit_exceeded": Remedy("The day's number of jobs is used up; launch again tomorrow."),
    "rate_limit_exceeded": Remedy("Too many requests; wait a moment and try again.", retryable=True),
    "insufficient_quota": Remedy("The account has no credit left; see the service's billing page."),
    "credit_balance_exhausted": Remedy("The account has no credit left; see the service's billing page."),
    "organization_spend_limit_exceeded": Remedy(
        "The organisation's spending limit is reached; raise it there."
    ),
    "project_spend_limit_exceeded": Remedy("The project's spending limit is reached; raise it there."),
    "organization_usage_limit_exceeded": Remedy("The organisation's usage limit is reached."),
}

_BY_STATUS: Mapping[int, Remedy] = {
    400: Remedy("Correct what it names and try again."),
    401: Remedy("Check the key in the environment; it may be wrong, revoked or for another project."),
    403: Remedy("The key lacks this right; check its scopes and the account's region."),
    404: Remedy("It may have been deleted, or belong to another account."),
    408: Remedy("Try again.", retryable=True),
    409: Remedy("Something else changed it meanwhile; look again and retry.", retryable=True),
    413: Remedy("The file or request is too large for the service."),
    429: Remedy("Wait a little and try again.", retryable=True),
}
_SERVER_TROUBLE = Remedy("The service has trouble; try again in a while.", retryable=True)
_NOTHING_TO_ADVISE = Remedy("")


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
    envelope = _envelope(error.body)
    code = _text(envelope.get("code")) or _text(envelope.get("type"))
    param = _text(envelope.get("param"))
    words = _text(envelope.get("message")) or f"HTTP status {status}"
    remedy = _remedy(status, _text(envelope.get("code")), _text(envelope.get("type")))
    place = f" (at {param})" if param else ""
    request = f" [request {error.request_id}]" if error.request_id else ""
    return ProviderError(
        _clean(f"{service} refused with {status}{place}: {words}{request}", secrets),
        remedy.text, code=code, status=status, request_id=error.request_id, retryable=remedy.retryable,
        retry_after=retry_after(error.response.headers),
    )  # fmt: skip


def _remedy(status: int, code: str | None, kind: str | None) -> Remedy:
    for word in (code, kind):
        if word is not None and word in _BY_CODE:
            return _BY_CODE[word]
    return _BY_STATUS.get(status, _SERVER_TROUBLE if status >= 500 else _NOTHING_TO_ADVISE)


def _envelope(body: object) -> Mapping[str, object]:
    if isinstance(body, Mapping):
        inner = body.get("error")
        if isinstance(inner, Mapping):
            return inner
        return {"message": inner, **body} if isinstance(inner, str) else body
    return {"message": body} if isinstance(body, str) and body.strip() else {}


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and str(value).strip() else None


def _from_connection(error: Exception, service: str, secrets: Iterable[str]) -> ProviderError:
    import httpx2

    if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol):
        words = str(error.__cause__).rstrip(".") or "no connection"
        return ProviderError(
            _clean(f"{service} can't be reached: {words}.", secrets),
            "Check the network and the base URL.", code=NOT_REACHED, retryable=True,
        )  # fmt: skip
    return _lost(service, "closed the connection without an answer")


def _lost(service: str, words: str) -> ProviderError:
    return ProviderError(
        f"{service} {words}.", "Try again; check the network if it goes on.", code=LOST_ANSWER, retryable=True
    )


def _from_stream(error: object, service: str, secrets: Iterable[str]) -> ProviderError:
    words = getattr(error, "message", None) or str(error)
    code = _text(getattr(error, "code", None))
    remedy = _BY_CODE.get(code or "", _NOTHING_TO_ADVISE)
    return ProviderError(
        _clean(f"{service}: {words}", secrets), remedy.text, code=code, retryable=remedy.retryable
    )


def _clean(text: str, secrets: Iterable[str]) -> str:
    return redact(safe_text(text[:_LONGEST_MESSAGE]), secrets)
