"""How tuned models are deployed at a service of OpenAI's shape: the shape itself has no route for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from tui.providers.protocol import ProviderError
from tui.records.deployments import Deployment, DeploymentRequest, DeploymentState
from tui.records.model_names import is_tuned
from tui.records.models import Capability, Permission

if TYPE_CHECKING:
    from openai import OpenAI

    from tui.providers.profiles import Profile

ClientFactory = Callable[[], "OpenAI"]

NOT_DEPLOYED = "not_deployed"
"""Our own code for a tuned model that answers only once it is deployed."""
_LISTED_FOR_SECONDS = 60.0

STATES = {
    "succeeded": DeploymentState.READY,
    "active": DeploymentState.READY,
    "ready": DeploymentState.READY,
    "accepted": DeploymentState.STARTING,
    "creating": DeploymentState.STARTING,
    "moving": DeploymentState.STARTING,
    "updating": DeploymentState.STARTING,
    "scaling": DeploymentState.STARTING,
    "validating": DeploymentState.STARTING,
    "deleting": DeploymentState.ENDING,
    "deleted": DeploymentState.ENDING,
    "canceled": DeploymentState.FAILED,
    "disabled": DeploymentState.FAILED,
    "error": DeploymentState.FAILED,
    "failed": DeploymentState.FAILED,
}
"""A service's word -> ours; any other word is OTHER."""


class Deployer(Protocol):
    """One service's way to deploy; calls block, and let the client's exceptions through."""

    @property
    def missing(self) -> str:
        """Why nothing can be deployed with what the account says; empty when it can."""
        ...

    @property
    def hides_models(self) -> bool:
        """A tuned model answers under its deployment's name alone."""
        ...

    def create(self, request: DeploymentRequest) -> Deployment:
        """Ask for a deployment once."""
        ...

    def list(self) -> Sequence[Deployment]:
        """Return what is deployed."""
        ...

    def delete(self, name: str) -> None:
        """Take a deployment down; the model stays."""
        ...


def state_of(word: str) -> DeploymentState:
    """Return our word for a service's."""
    return STATES.get(word.lower(), DeploymentState.OTHER)


def can_deploy(deployer: Deployer | None, profile: Profile) -> Permission:
    """Say whether tuned models can be deployed at a service from here, and if not, why."""
    if deployer is not None:
        return Permission(not deployer.missing, deployer.missing)
    if profile.deployment:
        return Permission(False, f"{profile.deployment} tunedeck can't do it there.")
    return Permission(False, f"Nothing is deployed at {profile.label}: a tuned model answers at once.")


class Deploys:
    """The part of a provider that deploys, where something does."""

    _deployer: Deployer | None
    _deployed: tuple[float, Sequence[Deployment]] | None = None
    """When the deployments were last listed, in seconds of the monotonic clock, and which there were."""

    def can(self, capability: Capability) -> Permission:
        """Say whether the service can do this, and if not, why."""
        raise NotImplementedError

    def _telling_errors(self) -> AbstractContextManager[None]:
        raise NotImplementedError

    def deploy(self, request: DeploymentRequest) -> Deployment:
        """Ask for a deployment once; a lost answer may hide one that costs by the hour."""
        with self._telling_errors():
            self._deployed = None
            return self._deploying().create(request)

    def list_deployments(self) -> Sequence[Deployment]:
        """Return what is deployed, or on its way."""
        with self._telling_errors():
            return self._deploying().list()

    def delete_deployment(self, name: str) -> None:
        """Take a deployment down; the model stays."""
        with self._telling_errors():
            self._deployed = None
            self._deploying().delete(name)

    def _answering_name(self, model: str) -> str:
        """Return under which name a model answers: that of its deployment, where it has to have one.

        Raises:
            ProviderError: It has none that is ready.
        """
        deployer = self._deployer
        if deployer is None or deployer.missing or not deployer.hides_models or not is_tuned(model):
            return model
        serving = [one for one in self._recently_deployed() if one.model == model]
        ready = [one.name for one in serving if one.state is DeploymentState.READY]
        if ready:
            return ready[0]
        states = ", ".join(f"{one.name} is {one.state}" for one in serving)
        self._deployed = None  # it may be about to stand
        raise ProviderError(
            f"{model} answers nobody yet: {states or 'it is not deployed'}.",
            "Ask again in some minutes." if serving
            else f"`tunedeck deployments add {model}` deploys it, price per hour first.",
            code=NOT_DEPLOYED, status=404,
        )  # fmt: skip

    def _recently_deployed(self) -> Sequence[Deployment]:
        now = time.monotonic()
        if self._deployed is None or now - self._deployed[0] > _LISTED_FOR_SECONDS:
            self._deployed = now, self.list_deployments()
        return self._deployed[1]

    def _deploying(self) -> Deployer:
        permission = self.can(Capability.DEPLOY)
        if self._deployer is None or not permission:
            raise ProviderError(permission.reason, "", status=405)
        return self._deployer
