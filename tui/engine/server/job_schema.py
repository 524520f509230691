"""The body of a job's creation, checked field by field with the service's ranges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tui.engine.api_errors import ApiError
from tui.engine.server.queue_schema import LATEST

Auto = Literal["auto"]
AutoBatchSize = Auto | Annotated[int, Field(strict=True, ge=1, le=256)] | None
AutoEpochs = Auto | Annotated[int, Field(strict=True, ge=1, le=50)] | None
AutoMultiplier = Auto | Annotated[float, Field(strict=True, gt=0.0, le=1000.0, allow_inf_nan=False)] | None
AutoBeta = Auto | Annotated[float, Field(strict=True, gt=0.0, le=2.0, allow_inf_nan=False)] | None
Text = Annotated[str, Field(strict=True)]
MetadataKey = Annotated[str, Field(strict=True, max_length=64)]
MetadataValue = Annotated[str, Field(strict=True, max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Hyperparameters(_Strict):
    """Of supervised tuning; None and "auto" are the same."""

    batch_size: AutoBatchSize = "auto"
    learning_rate_multiplier: AutoMultiplier = "auto"
    n_epochs: AutoEpochs = "auto"

    def resolved(self) -> dict[str, int | float | str]:
        """Return every value, "auto" where it is left to the trainer."""
        return {name: "auto" if value is None else value for name, value in self.model_dump().items()}


class DpoHyperparameters(Hyperparameters):
    """Of direct preference optimisation."""

    beta: AutoBeta = "auto"


class SupervisedMethod(_Strict):
    """`method.supervised`."""

    hyperparameters: Hyperparameters | None = None


class DpoMethod(_Strict):
    """`method.dpo`."""

    hyperparameters: DpoHyperparameters | None = None


class Method(_Strict):
    """`method`."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: SupervisedMethod | None = None
    dpo: DpoMethod | None = None
    reinforcement: dict[str, Any] | None = None


class CreateJob(_Strict):
    """POST /v1/fine_tuning/jobs."""

    model: Text
    training_file: Text
    validation_file: Text | None = None
    hyperparameters: Hyperparameters | None = None
    method: Method | None = None
    suffix: Annotated[str, Field(strict=True, min_length=1, max_length=64)] | None = None
    seed: Annotated[int, Field(strict=True, ge=0, le=2_147_483_647)] | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None = None
    integrations: list[Any] | None = None
    trainer: Literal["auto", "embedded", "trl"] = "auto"
    """Beyond the service: who trains; see `choose_trainer`."""
    load_in_4bit: Annotated[bool, Field(strict=True)] = False
    """Beyond the service: QLoRA, the frozen weights in 4 bits."""
    max_tokens_per_example: Annotated[int, Field(strict=True, ge=16, le=1_048_576)] | None = None
    """Beyond the service: where a row is cut, for trainer "trl"; see `tui.engine.server.example_length`."""
    run_on: Annotated[str, Field(strict=True, max_length=64)] | None = None
    """Beyond the service: the executor that runs the worker; this machine when left out."""
    num_workers: Annotated[int, Field(strict=True, ge=1, le=64)] = 1
    """Beyond the service: processes that share each batch, on an executor that can start several."""
    accept_costs: Annotated[bool, Field(strict=True)] = False
    """Beyond the service: says that the price is known, where the executor bills somebody's account."""
    priority: Literal["low", "normal", "high"] = "normal"
    """Beyond the service: which of the queued jobs goes first."""
    start_after: Annotated[int, Field(strict=True, ge=0, le=LATEST)] | None = None
    """Beyond the service: Unix seconds until which it stays in the queue."""

    def method_type(self) -> str:
        """Return "supervised" or "dpo", refusing what this engine does not do.

        Raises:
            ApiError: 400 for reinforcement, integrations, or a method that contradicts itself.
        """
        if self.integrations:
            raise ApiError(
                400,
                "Integrations (such as wandb) are not supported by this local engine. "
                "Leave 'integrations' out; metrics are in the job's events and in its result file.",
                param="integrations",
                code="unsupported_parameter",
            )
        kind = self.method.type if self.method else "supervised"
        if kind == "reinforcement":
            raise ApiError(
                400,
                "Reinforcement fine-tuning is not supported by this local engine. "
                "Use method type 'supervised' or 'dpo'.",
                param="method.type",
                code="unsupported_value",
            )
        for name in ("supervised", "dpo", "reinforcement"):
            if self.method and name != kind and getattr(self.method, name) is not None:
                raise ApiError(
                    400,
                    f"Invalid 'method.{name}': only allowed when 'method.type' is '{name}'.",
                    param=f"method.{name}",
                    code="invalid_value",
                )
        return kind

    def method_hyperparameters(self) -> dict[str, int | float | str]:
        """Return the method's hyperparameters with "auto" where nothing was asked.

        Raises:
            ApiError: 400 when they are given both at the top and in the method, or at the top of a DPO job.
        """
        kind = self.method_type()
        part = getattr(self.method, kind) if self.method else None
        chosen = part.hyperparameters if part else None
        if self.hyperparameters is not None and (chosen is not None or kind != "supervised"):
            raise ApiError(
                400,
                f"Use 'method.{kind}.hyperparameters' alone: 'hyperparameters' can't be given beside it.",
                param="hyperparameters",
                code="invalid_value",
            )
        if kind == "dpo":
            return (chosen or DpoHyperparameters()).resolved()
        return (chosen or self.hyperparameters or Hyperparameters()).resolved()
