"""Ray's job-submission API over plain HTTP: nothing of Ray is needed here.

Paths, fields and states as in Ray 2.60 (dashboard/modules/job, read and tried 2026-11-30); the API counts its
own version.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tui.engine.executors.outside_command import Refused, Unreachable
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import httpx2

OLDEST_API = 4
"""Of the job API; no older one was tried."""
PACKAGE_LIMIT = 100 * 1024**2
"""Bytes of a body that the dashboard takes (DASHBOARD_CLIENT_MAX_SIZE)."""
MODE_VARIABLE, TOKEN_VARIABLE, TOKEN_FILE_VARIABLE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
"""Ray's own variables for its token."""
_SECONDS = 20.0
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True)
class RayJob:
    """One submission, as the cluster tells it."""

    status: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED."""
    message: str
    exit_code: int | None
    """Of the entry point, once it has ended."""


class RayClient:
    """One cluster's dashboard.

    Args:
        address: Such as http://127.0.0.1:8265.
        token: Sent as bearer token; never written anywhere.
        seconds: How long an answer may take.
    """

    def __init__(self, address: str, token: str = "", *, seconds: float = _SECONDS) -> None:
        self.address = address.rstrip("/")
        self._token = token
        self._seconds = seconds

    def version(self) -> str:
        """Return the Ray version.

        Raises:
            Unreachable: Nothing, or something else, answers.
            Refused: The token is missing or wrong, or the API is older than ours.
        """
        value = self._json("GET", "/api/version")
        api, version = str(value.get("version", "")), safe_line(str(value.get("ray_version", "")), 40)
        if not api.isdecimal() or not version:
            raise Unreachable(f"what answers at {self.address} is no Ray dashboard")
        if int(api) < OLDEST_API:
            raise Refused(f"Ray {version} speaks version {api} of the job API; {OLDEST_API} is needed")
        return version

    def submit(
        self,
        submission_id: str,
        entrypoint: str,
        *,
        metadata: Mapping[str, str],
        runtime_env: Mapping[str, Any],
    ) -> None:
        """Start a job under an id of our own, which the cluster takes only once.

        Raises:
            Unreachable: Nobody knows whether it was taken.
            Refused: It was not.
        """
        body = {
            "submission_id": submission_id,
            "entrypoint": entrypoint,
            "metadata": dict(metadata),
            "runtime_env": dict(runtime_env),
        }
        answer = self._request("POST", "/api/jobs/", json=body)
        if answer.status_code == 200:
            return
        words = _words(answer.text)
        if answer.status_code >= 500 and "already exists" not in answer.text:
            raise Unreachable(words)
        raise Refused(words)

    def job(self, submission_id: str) -> RayJob | None:
        """Return a submission, or None when the cluster does not know it.

        Raises:
            Unreachable: Nothing certain is known.
        """
        answer = self._request("GET", f"/api/jobs/{quote(submission_id, safe='')}")
        if answer.status_code == 404 and "does not exist" in answer.text:
            return None
        value = self._object(answer)
        code = value.get("driver_exit_code")
        return RayJob(
            status=safe_line(str(value.get("status", "")), 40),
            message=safe_line(str(value.get("message") or ""), _LONGEST_WORDS),
            exit_code=code if isinstance(code, int) else None,
        )

    def logs(self, submission_id: str) -> str:
        """Return what the job has printed, for display alone.

        Raises:
            Unreachable: Nothing came.
        """
        return str(self._json("GET", f"/api/jobs/{quote(submission_id, safe='')}/logs").get("logs") or "")

    def stop(self, submission_id: str) -> None:
        """End a job; one that is not there is ended already.

        Raises:
            Unreachable: Nobody knows whether that was heard.
        """
        self._done(self._request("POST", f"/api/jobs/{quote(submission_id, safe='')}/stop"))

    def upload(self, name: str, content: bytes) -> str:
        """Upload a zip of code unless the cluster has it, and return the address for `runtime_env`.

        Args:
            name: Ends in .zip and changes with the content; the cluster never replaces one.
            content: At most `PACKAGE_LIMIT` bytes.

        Raises:
            Unreachable: It did not arrive.
            Refused: It is too large.
        """
        path = f"/api/packages/gcs/{quote(name, safe='')}"
        if self._request("GET", path).status_code == 200:
            return f"gcs://{name}"
        answer = self._request("PUT", path, content=content)
        if answer.status_code == 413 or len(content) > PACKAGE_LIMIT:
            raise Refused(f"the code package of {len(content):,} bytes is too large for the cluster")
        if answer.status_code != 200:
            raise Unreachable(_words(answer.text))
        return f"gcs://{name}"

    def _json(self, method: str, path: str) -> dict[str, Any]:
        return self._object(self._request(method, path))

    @staticmethod
    def _object(answer: httpx2.Response) -> dict[str, Any]:
        if answer.status_code != 200:
            raise Unreachable(f"HTTP {answer.status_code}: {_words(answer.text)}")
        try:
            value = answer.json()
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Unreachable("the answer is not what a Ray dashboard sends")
        return value

    @staticmethod
    def _done(answer: httpx2.Response) -> None:
        if answer.status_code not in (200, 404):
            raise Unreachable(f"HTTP {answer.status_code}: {_words(answer.text)}")

    def _request(self, method: str, path: str, **body: Any) -> httpx2.Response:
        import httpx2  # 60 ms that only jobs on Ray pay

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        host = urlsplit(self.address).hostname or ""
        try:
            with httpx2.Client(
                timeout=httpx2.Timeout(self._seconds, connect=min(5.0, self._seconds)),
                trust_env=not _is_loopback(host),  # a proxy would carry the token off this machine
            ) as client:
                answer = client.request(method, f"{self.address}{path}", headers=headers, **body)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(_words(str(error)) or type(error).__name__) from error
        if answer.status_code in (401, 403):
            raise Refused(
                f"it wants a token: set {MODE_VARIABLE}=token and {TOKEN_VARIABLE} or {TOKEN_FILE_VARIABLE}, "
                "as for Ray's own commands"
            )
        return answer


def ray_token(environment: Mapping[str, str] | None = None) -> str:
    """Return the token that Ray's own client would send, "" when it would send none."""
    environment = os.environ if environment is None else environment
    if environment.get(MODE_VARIABLE, "").lower() != "token":
        return ""
    if token := environment.get(TOKEN_VARIABLE, "").strip():
        return token
    named = environment.get(TOKEN_FILE_VARIABLE, "").strip()
    path = Path(named).expanduser() if named else Path.home() / ".ray" / "auth_token"
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")


def _words(text: str) -> str:
    """Return the last line, which of a traceback is the one that says something."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return safe_line(lines[-1], _LONGEST_WORDS) if lines else "without a word"
