"""A service on loopback that deploys: Azure's management API, and Nebius' custom models."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar
from urllib.parse import unquote

import pytest

from tests.unit.core.fake_service import FakeService, Json, _Handler
from tui.providers import entra

_RESOURCE = "/subscriptions/sub-1/resourceGroups/group/providers/Microsoft.CognitiveServices/accounts/mine"
DEPLOYMENTS = f"{_RESOURCE}/deployments"


class FakeCloud(FakeService):
    """Keeps deployments by name; `state` is what new ones begin with."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _CloudHandler
        self.deployments: dict[str, Json] = {}
        self.custom_models: dict[str, Json] = {}
        self.state = "Creating"
        self.drops_after_creating = False


class _CloudHandler(_Handler):
    server: FakeCloud
    routes: ClassVar[list[tuple[str, str, str]]] = [
        *_Handler.routes,
        ("GET", DEPLOYMENTS, "_list_deployments"),
        ("PUT", f"{DEPLOYMENTS}/([^/]+)", "_put_deployment"),
        ("DELETE", f"{DEPLOYMENTS}/([^/]+)", "_delete_deployment"),
        ("GET", r"/v0/models", "_list_custom"),
        ("POST", r"/v0/models", "_create_custom"),
        ("DELETE", r"/v0/models/(.+)", "_delete_custom"),
    ]

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _list_deployments(self) -> None:
        self.send({"value": list(self.server.deployments.values())})

    def _put_deployment(self, name: str) -> None:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        self.server.deployments[name] = {
            "name": name, "sku": body["sku"], "systemData": {"createdAt": "2026-11-30T01:00:00Z"},
            "properties": {**body["properties"], "provisioningState": self.server.state},
        }  # fmt: skip
        if self.server.drops_after_creating:
            self.drop()
            return
        self.send(self.server.deployments[name], 201)

    def _delete_deployment(self, name: str) -> None:
        if self.server.deployments.pop(name, None) is None:
            self.refuse(404, "no such deployment", "ResourceNotFound")
            return
        self.send_raw(b"", 202)

    def _list_custom(self) -> None:
        self.send_raw(json.dumps(list(self.server.custom_models.values())).encode())

    def _create_custom(self) -> None:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        name = f"{body['base_model']}-LoRa:{body['name']}-udpd"
        self.server.custom_models[name] = {**body, "name": name, "status": "validating", "created_at": 10}
        if self.server.drops_after_creating:
            self.drop()
            return
        self.send(self.server.custom_models[name])

    def _delete_custom(self, name: str) -> None:
        found = self.server.custom_models.pop(unquote(name), None)
        if found is None:
            self.refuse(404, "no such model")
        else:
            self.send({**found, "status": "deleted"})


def sign_in(monkeypatch: pytest.MonkeyPatch, tokens: Callable[[str], str]) -> None:
    """Put an azure-identity in the place of the real one; `tokens` gives one for a scope, or raises."""
    core, exceptions, identity = (ModuleType(name) for name in ("core", "exceptions", "identity"))
    exceptions.AzureError = AzureError  # type: ignore[attr-defined]
    identity.DefaultAzureCredential = object  # type: ignore[attr-defined]

    def provider(_credential: Any, scope: str) -> Callable[[], str]:
        return lambda: tokens(scope)

    identity.get_bearer_token_provider = provider  # type: ignore[attr-defined]
    for name, module in {
        "azure": ModuleType("azure"), "azure.core": core, "azure.core.exceptions": exceptions,
        "azure.identity": identity,
    }.items():  # fmt: skip
        monkeypatch.setitem(sys.modules, name, module)
    entra.entra_tokens.cache_clear()


class AzureError(Exception):
    """As azure.core's: what everything it raises is."""
