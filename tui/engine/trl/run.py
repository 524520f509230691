"""Trains the job of one run folder with TRL, alone or as one of several processes."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tui.engine.trainers.schedule import Schedule, resolve_hyperparameters
from tui.engine.trainers.training_data import Example, Reading
from tui.engine.transformers_base import context_length, load_tokenizer
from tui.engine.trl.base_folder import transformers_folder
from tui.engine.trl.device import find_device, require_four_bits
from tui.engine.trl.model import make_trainer, padding_id
from tui.engine.trl.rows import read_examples
from tui.engine.trl.team import Team
from tui.engine.trl.trainer import TrlTrainer
from tui.engine.worker.job_spec import JobSpec, read_spec
from tui.engine.worker.prepare_run import PreparedRun, report
from tui.engine.worker.run_job import run_job
from tui.engine.worker.run_log import RunLog
from tui.engine.worker.stop_request import StopRequest

BASE_RATE = 2e-4
"""What a learning-rate multiplier of 1 means for supervised LoRA with TRL (usual there, read 2026-11-21)."""
PREFERENCE_RATE = 5e-5
"""The same for DPO: half of supervised, as in the embedded trainer the one is a quarter of the other."""


def train(folder: Path, stop: StopRequest, team: Team | None = None) -> int:
    """Train the job of `folder` to its end, or until it should stop; every process of a team calls this.

    Args:
        folder: The run folder, which all processes see; only the first one writes.
        stop: Asked after each step by the first process.
        team: This process's place; found in the environment when None.

    Returns:
        The process exit code, as `run_job`; 0 for the others.

    Raises:
        PeerLost: Another process is gone; the run goes on from its last state when it is started again.
    """
    members = team or Team.join()
    if members.leads:
        return run_job(folder, stop, lambda spec, log: prepare(spec, log, members))
    _follow(prepare(read_spec(folder), _Silence(folder), members).trainer, members)
    return 0


def prepare(spec: JobSpec, log: RunLog, team: Team) -> PreparedRun:
    """Open what a run needs; what had to be cut or left out, and where it trains, is said in events.

    Raises:
        BadTrainingFile: A row can't be learned, or none is left.
        TunedeckError: The base model or the adapter can't be opened, or there are no 4 bits here.
    """
    device = find_device()
    if spec.load_in_4bit:
        require_four_bits(device)
    tokenizer = load_tokenizer(spec.base_model_folder)
    reading, limit = Reading(), spec.max_tokens_per_example
    training = read_examples(spec.training_file, spec.method, tokenizer, limit, reading)
    held_out: list[Example] = []
    if spec.validation_file is not None:
        held_out = read_examples(spec.validation_file, spec.method, tokenizer, limit, Reading())
    context = context_length(spec.base_model_folder) or limit
    longer = f"; max_tokens_per_example can be up to {context}" if limit < context else ""
    report(reading, log, limit, len(training), longer)
    settings = resolve_hyperparameters(spec.hyperparameters, spec.method, len(training))
    folder = transformers_folder(spec.base_model_folder)
    sample = training[0].sequences[0]
    trl = make_trainer(spec, folder, tokenizer, device, sample, settings.beta)
    log.say_once(
        f"Training on {device.name} in {'4 bits' if spec.load_in_4bit else device.dtype} with "
        f"TRL {version('trl')}, PEFT {version('peft')} and torch {version('torch')}"
        + (f", {team.size} processes" if team.size > 1 else "")
    )
    trainer = TrlTrainer(
        trl, training, held_out, base_name=tokenizer.name, padding=padding_id(tokenizer),
        at_once=settings.batch_size, say=lambda text: log.say(text, level="warn"), team=team,
    )  # fmt: skip
    rate = PREFERENCE_RATE if spec.method == "dpo" else BASE_RATE
    return PreparedRun(trainer, Schedule(settings, len(training), spec.seed, rate))


def _follow(trainer: object, team: Team) -> None:
    """Do what the first process says, until it says no more."""
    assert isinstance(trainer, TrlTrainer)
    while True:
        match team.hear():
            case ("train", examples, rate):
                trainer.take_step(examples, rate)
            case ("validate", examples):
                trainer.measure(examples)
            case ("restore", state):
                trainer.take_over(state)
            case _:
                return


class _Silence(RunLog):
    """The log of a process that does not lead: the first one says everything."""

    def say(self, message: str, *, level: str = "info", data: Mapping[str, Any] | None = None) -> None:
        """Say nothing."""
