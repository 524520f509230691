"""What a person decides before a launch, and what the program says about it."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tui.datasets.formats import DatasetFormat
from tui.jobs.mend import Mend
from tui.providers.parameters import AUTO
from tui.records.jobs import Method
from tui.records.models import Capability
from tui.records.requests import RUN_ID_KEY as RUN_ID_KEY
from tui.records.requests import WandbProject

TRAINING = {
    Method.SUPERVISED: Capability.TRAIN_SUPERVISED,
    Method.DPO: Capability.TRAIN_DPO,
    Method.REINFORCEMENT: Capability.TRAIN_REINFORCEMENT,
}
"""Method -> what an account has to be able to do for it."""


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """Everything a job is made from; hyperparameters left out are chosen by the service."""

    account: str
    model: str
    training: Path
    method: Method = Method.SUPERVISED
    validation: Path | None = None
    split_share: float | None = None
    """Share of the examples (0 to 1, exclusive) put aside for validation; None splits nothing."""
    hyperparameters: Mapping[str, int | float | str] = field(default_factory=dict)
    """By the names of the service's profile: n_epochs, batch_size, and what else it takes."""
    suffix: str | None = None
    seed: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    grader: Mapping[str, Any] | None = None
    """The grader of a reinforcement job itself, so that what was confirmed is what is sent."""
    wandb: WandbProject | None = None
    stop_rules: str = ""
    """By which the job shall be stopped by itself, as `tui.jobs.stop_rules` reads them."""
    start: str = ""
    """When it should start and how much it matters, as `tui.jobs.queue_wish` reads it."""
    training_sha256: str | None = None
    """Hash of the content that was checked and priced; a launch refuses a file that has changed since."""
    read_as: DatasetFormat | None = None
    """What the rows are read as before the launch; None finds it out. The service is told nothing of it."""
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """One confirmation: however often a plan is launched, it makes one job. A new plan has a new one."""

    @property
    def epochs(self) -> int | None:
        """The number of epochs where a person chose it; None for "auto"."""
        value = self.hyperparameters.get("n_epochs")
        return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    @property
    def chosen_hyperparameters(self) -> dict[str, int | float | str]:
        """Only the values that are not "auto"."""
        return {name: value for name, value in self.hyperparameters.items() if value != AUTO}

    def fingerprint(self, training_sha256: str, validation_sha256: str | None) -> str:
        """Return a hash that two launches share exactly when they ask for the same training."""
        parts: list[Any] = [
            self.account, self.model, str(self.method), training_sha256, validation_sha256,
            sorted(self.chosen_hyperparameters.items()), self.suffix, self.seed,
        ]  # fmt: skip
        if self.grader is not None:  # appended, so that launches from before graders keep their fingerprints
            parts.append(json.dumps(self.grader, sort_keys=True))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PreflightLine:
    """One finding before a launch; a "stop" forbids it."""

    level: Literal["ok", "warn", "stop"]
    text: str
    remedy: str = ""
    mends: tuple[Mend, ...] = ()
    """What a key can do about it, the likeliest first; none where only a person can."""

    def as_json(self) -> dict[str, Any]:
        """Return the line for `--json`."""
        return {
            "level": self.level, "text": self.text, "remedy": self.remedy,
            "mends": [one.as_json() for one in self.mends],
        }  # fmt: skip


def may_launch(lines: list[PreflightLine]) -> bool:
    """True when no line forbids the launch."""
    return all(line.level != "stop" for line in lines)
