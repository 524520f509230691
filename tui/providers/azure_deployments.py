"""Deployments of Azure / Foundry, through Azure's management API with a token of Microsoft Entra.

Routes and bodies by MicrosoftDocs/azure-ai-docs, fine-tuning-deploy.md of 2026-02-11 (api-version
2024-10-21), formats of open models by microsoft/azure-skills; read 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tui.providers.deploying import ClientFactory, state_of
from tui.providers.rest import delete, get_list, put_json
from tui.records.deployments import Deployment, DeploymentRequest
from tui.safe_text import safe_text

if TYPE_CHECKING:
    from openai import OpenAI

API_VERSION = "2024-10-21"
_SKUS = {"Developer": "DeveloperTier"}
"""The catalog's word for a tier -> the management API's, where they differ."""
_TIERS = {"developertier": "Developer", "globalstandard": "GlobalStandard", "standard": "Standard"}


_FORMATS = (
    ("gpt-oss", "Microsoft"),
    ("ministral", "Mistral AI"),
    ("mistral", "Mistral AI"),
    ("llama", "Meta"),
    ("qwen", "Alibaba"),
)
"""Part of a base model's name -> who it is from, as the management API wants it; OpenAI for any other."""


class AzureDeployer:
    """Deployments of one Azure OpenAI or Foundry resource.

    Args:
        account: Name of the account.
        connect: Makes a client whose base URL is the management API's, with its token.
        subscription: Id of the subscription.
        resource_group: Name of the resource group.
        resource: Name of the resource.
    """

    def __init__(
        self, account: str, connect: ClientFactory, subscription: str, resource_group: str, resource: str
    ) -> None:
        self._account = account
        self._connect = connect
        self._named = {"subscription": subscription, "resource_group": resource_group, "resource": resource}

    hides_models = True

    @property
    def missing(self) -> str:
        """Which of the account's options are not set."""
        missing = [name for name, value in self._named.items() if not value]
        if not missing:
            return ""
        options = " ".join(f"--option {name}=…" for name in missing)
        return f"Deploying at Azure needs to know more: `tunedeck account add {self._account} {options}`."

    def create(self, request: DeploymentRequest) -> Deployment:
        """Ask for a deployment; a second one of the same name is the same one."""
        model = request.checkpoint_id if request.is_checkpoint and request.checkpoint_id else request.model
        body = {
            "sku": {"name": _SKUS.get(request.tier, request.tier), "capacity": request.capacity or 1},
            "properties": {"model": {"format": _format(request.base_model), "name": model, "version": "1"}},
        }
        with self._connect() as client:
            return self._deployment(put_json(client, self._path(request.name), body))

    def list(self) -> Sequence[Deployment]:
        """Return what is deployed at the resource, base models too."""
        with self._connect() as client:
            return [self._deployment(raw) for raw in get_list(client, self._path(), "value")]

    def delete(self, name: str) -> None:
        """Take a deployment down."""
        with self._connect() as client:
            delete(client, self._path(name))

    def _path(self, name: str = "") -> str:
        subscription, group, resource = (quote(value, safe="") for value in self._named.values())
        path = (
            f"/subscriptions/{subscription}/resourceGroups/{group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{resource}/deployments"
        )
        return f"{path}/{quote(name, safe='')}" if name else path

    def _deployment(self, raw: Mapping[str, Any]) -> Deployment:
        properties, sku = _mapping(raw.get("properties")), _mapping(raw.get("sku"))
        word = str(properties.get("provisioningState") or "unknown")
        tier, capacity = str(sku.get("name") or ""), sku.get("capacity")
        return Deployment(
            self._account,
            safe_text(str(raw.get("name") or "")),
            safe_text(str(_mapping(properties.get("model")).get("name") or "")),
            state_of(word),
            safe_text(word),
            _TIERS.get(tier.lower(), safe_text(tier)),
            capacity if isinstance(capacity, int) else None,
            _seconds(_mapping(raw.get("systemData")).get("createdAt")),
        )


def management_client(url: str, token: Callable[[], str], http_client: Any = None) -> OpenAI:
    """Return the client of every other request, for its retries and errors, turned to the management API.

    Args:
        url: `https://management.azure.com`, or that of another cloud.
        token: Gives a valid token each time it is called.
        http_client: What sends, paces and reads limits; None lets the package make its own.
    """
    import openai  # 0.4 s, only when a call is made

    return openai.OpenAI(
        api_key=token, base_url=url, default_query={"api-version": API_VERSION}, http_client=http_client
    )


def _format(base_model: str) -> str:
    name = base_model.lower()
    return next((owner for part, owner in _FORMATS if part in name), "OpenAI")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _seconds(text: object) -> int | None:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None
