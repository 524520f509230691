"""Sends a message to an address (mail, Slack, ntfy, a webhook) through apprise, within a time limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tui.errors import TunedeckError
from tui.jobs.notices.address_child import NOT_AN_ADDRESS, NOT_INSTALLED, NOT_SENT
from tui.jobs.notices.rules import Address, url_of
from tui.jobs.notices.words import Message
from tui.providers.redaction import redact
from tui.safe_text import safe_line

SEND_SECONDS = 30.0
_INSTALL = "Install it with `pip install 'tunedeck[notify]'`."
_LONGEST_WORDS = 300
_NO_CONNECTION = "connect timeout"
_BROKEN_OFF = ("timed out", "aborted", "reset", "closed", "disconnected", "broken pipe")
"""What the libraries under apprise say of a connection that ended before the answer."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of a message."""

    sent: bool
    problem: str = ""
    """In words, without the address's secrets."""
    may_repeat: bool = False
    """True when it was certainly not taken; after a time limit nobody knows."""


def is_installed() -> bool:
    """Return whether apprise is here, without loading it."""
    return find_spec("apprise") is not None


def missing_words() -> str:
    """Return what to do when it is not."""
    return f"The apprise package is not installed. {_INSTALL}"


def send_to(address: Address, message: Message, kind: str) -> SendResult:
    """Send a message; never raises, and blocks for `SEND_SECONDS` at most, then ends the sending process.

    Args:
        address: Where to.
        message: What.
        kind: apprise's kind of it: info, success, warning or failure.
    """
    try:
        url = url_of(address)
    except TunedeckError as error:
        return SendResult(False, f"{error.message} {error.remedy}".strip())
    order: dict[str, object] = {"url": url, "title": message.title, "body": message.body, "kind": kind}
    try:
        answer = _ask(order, SEND_SECONDS)
    except TunedeckError as error:
        return SendResult(False, f"{error.message} {error.remedy}".strip())
    if answer.get("sent"):
        return SendResult(True)
    if answer.get("kind") == NOT_INSTALLED:
        return SendResult(False, missing_words())
    if answer.get("kind") == NOT_AN_ADDRESS:
        return SendResult(False, f"apprise can't read the address in {address.source}.")
    told = str(answer.get("words") or "it gave no reason")
    certain = answer.get("kind") == NOT_SENT and not _may_have_arrived(told)
    words = safe_line(redact(told, secrets_of(url)), _LONGEST_WORDS)
    return SendResult(False, f"Not sent: {words}", may_repeat=certain)


def _may_have_arrived(words: str) -> bool:
    """Return whether a failure came after a connection was there, when the message may have been taken."""
    lower = words.lower()
    return _NO_CONNECTION not in lower and any(sign in lower for sign in _BROKEN_OFF)


def check_url(url: str) -> str:
    """Return which kind of service a URL is for, such as `E-Mail`.

    Raises:
        TunedeckError: apprise is not installed, or can't read it.
    """
    answer = _ask({"url": url, "only_check": True}, SEND_SECONDS)
    if answer.get("sent"):
        return safe_line(str(answer.get("service", "")), 60)
    if answer.get("kind") == NOT_INSTALLED:
        raise TunedeckError("The apprise package is not installed.", _INSTALL)
    raise TunedeckError(
        "apprise can't read that address.",
        "It is written like mailto://user:password@gmail.com, slack://TOKENS, ntfy://TOPIC or "
        "jsons://host/path; apprise's documentation lists a hundred services.",
    )


def secrets_of(url: str) -> list[str]:
    """Return every part of a URL that may be a secret: nobody knows which segment holds the token."""
    return sorted(set(_parts(url)), key=len, reverse=True)


def _parts(url: str) -> Iterator[str]:
    yield url
    _, _, rest = url.partition("://")
    pieces = [rest]
    for separator in "/?&=@:":
        pieces = [piece for one in pieces for piece in one.split(separator)]
    host = urlsplit(url).hostname if _is_split(url) else None
    for piece in pieces:
        if piece and piece.lower() != host:
            yield piece
            yield unquote(piece)


def _is_split(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _ask(order: dict[str, object], seconds: float) -> dict[str, object]:
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "tui.jobs.notices.address_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise TunedeckError(f"The sender can't be started: {error.strerror or error}.", "") from None
    with child:
        try:
            output, _ = child.communicate(
                json.dumps({**order, "seconds": seconds + 1}).encode(), timeout=seconds
            )
        except subprocess.TimeoutExpired:
            child.kill()
            raise TunedeckError(
                f"No answer within {seconds:.0f} s; whether it was delivered is not known.",
                "It is not sent again, so that nobody is told twice.",
            ) from None
    try:
        answer = json.loads(output)
    except ValueError:
        answer = {}
    return answer if isinstance(answer, dict) else {}
