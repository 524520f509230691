"""One message to one apprise URL, in a process of its own: `python -m tui.jobs.notices.address_child`.

A process, because a mail server that hangs can't be hurried in a thread, and because apprise is 20 MB that
an app at rest need not hold. The URL comes on stdin, so that no list of processes shows it; the answer, on
stdout, is one line of JSON: whether it was sent, and if not, why, in apprise's own words.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from typing import Any

_CONNECT_SECONDS = 10.0
_ANSWER_SECONDS = 3600.0
"""Longer than the parent waits: an answer that is late is a lost one, which must not count as a refusal."""
NOT_INSTALLED, NOT_AN_ADDRESS, NOT_SENT = "not installed", "no address", "not sent"


class _Reasons(logging.Handler):
    """Keeps what apprise says of a failure."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep warnings, and of what is for debugging only the cause: the rest repeats the URL."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING or text.startswith("Socket Exception"):
            self.lines.append(text)


def _send(order: dict[str, Any]) -> dict[str, Any]:
    try:
        import apprise
    except ImportError:
        return {"sent": False, "kind": NOT_INSTALLED, "words": ""}
    reasons = _Reasons()
    logger = logging.getLogger("apprise")
    logger.addHandler(reasons)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    service = apprise.Apprise.instantiate(order["url"])
    if service is None:
        return {"sent": False, "kind": NOT_AN_ADDRESS, "words": ""}  # its words would quote the URL
    if order.get("only_check"):
        return {"sent": True, "service": str(service.service_name)}
    service.socket_connect_timeout, service.socket_read_timeout = _CONNECT_SECONDS, _ANSWER_SECONDS
    sent = service.notify(
        title=order["title"], body=order["body"], notify_type=order["kind"],
        body_format=apprise.NotifyFormat.TEXT,
    )  # fmt: skip
    words = " ".join(reasons.lines)
    return {"sent": bool(sent), "kind": NOT_SENT, "words": words, "service": str(service.service_name)}


def main() -> int:
    """Read an order, carry it out and answer; end by the limit even when nobody waits any more."""
    order = json.loads(sys.stdin.buffer.read())
    limit = threading.Timer(order["seconds"], os._exit, (1,))
    limit.daemon = True
    limit.start()
    answer = _send(order)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
