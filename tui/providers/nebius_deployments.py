"""Deployments of Nebius Token Factory: a checkpoint becomes a "custom model", which answers under a new name.

Routes by docs.tokenfactory.nebius.com/api-reference/models, read 2026-11-30. It is charged by its tokens;
whether it costs anything while it stands by is not published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tui.providers.deploying import ClientFactory, state_of
from tui.providers.protocol import ProviderError
from tui.providers.rest import delete, get_list, post_json
from tui.records.deployments import Deployment, DeploymentRequest, DeploymentState
from tui.safe_text import safe_text

_PATH = "/v0/models"


class NebiusDeployer:
    """Custom models of one account.

    Args:
        account: Name of the account.
        connect: Makes a client whose base URL is the service's root, without /v1.
    """

    missing = ""
    hides_models = False

    def __init__(self, account: str, connect: ClientFactory) -> None:
        self._account = account
        self._connect = connect

    def create(self, request: DeploymentRequest) -> Deployment:
        """Ask for a custom model; the service adds some letters to its name."""
        if not request.job_id or not request.checkpoint_id:
            raise ProviderError(
                f"Nebius deploys checkpoints of its jobs, and none is known of {request.model}.",
                "`tunedeck checkpoints JOB` asks for them.",
            )
        body = {
            "source": f"{request.job_id}:{request.checkpoint_id}",
            "base_model": request.base_model,
            "name": request.name,
        }
        with self._connect() as client:
            return self._deployment(post_json(client, _PATH, body))

    def list(self) -> Sequence[Deployment]:
        """Return the custom models that are there, or on their way."""
        with self._connect() as client:
            found = [self._deployment(raw) for raw in get_list(client, _PATH)]
        return [one for one in found if one.state is not DeploymentState.ENDING]

    def delete(self, name: str) -> None:
        """Delete a custom model by its full or short name; its checkpoint stays."""
        with self._connect() as client:
            delete(client, f"{_PATH}/{quote(name, safe='/:')}")

    def _deployment(self, raw: Mapping[str, Any]) -> Deployment:
        word = str(raw.get("status") or "unknown")
        job, checkpoint = str(raw.get("job_id") or ""), str(raw.get("checkpoint_id") or "")
        source = str(raw.get("source") or (f"{job}:{checkpoint}" if job else ""))
        created = raw.get("created_at")
        return Deployment(
            self._account,
            safe_text(str(raw.get("name") or "")),
            safe_text(source),
            state_of(word),
            safe_text(word),
            created_at=created if isinstance(created, int) else None,
            problem=safe_text(str(raw.get("status_reason") or "")),
            source_job=safe_text(source.partition(":")[0]),
        )
