"""Opens what a run needs: base model, examples, adapter, trainer and schedule."""

from __future__ import annotations

from dataclasses import dataclass

from tui.engine.llama.base_model import BaseModel, load_base_model
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import load_peft
from tui.engine.trainers.preference import PreferenceTrainer
from tui.engine.trainers.protocol import Trainer
from tui.engine.trainers.schedule import (
    PREFERENCE_RATE,
    SUPERVISED_RATE,
    Schedule,
    resolve_hyperparameters,
)
from tui.engine.trainers.supervised import SupervisedTrainer
from tui.engine.trainers.training_data import (
    BadTrainingFile,
    Reading,
    read_preferences,
    read_supervised,
)
from tui.engine.worker.job_spec import JobSpec
from tui.engine.worker.run_log import RunLog


@dataclass(frozen=True, slots=True)
class PreparedRun:
    """A trainer with its timetable."""

    trainer: Trainer
    schedule: Schedule


def prepare_run(spec: JobSpec, log: RunLog) -> PreparedRun:
    """Read files and set the trainer up; what had to be cut or left out is said in an event.

    Raises:
        BadTrainingFile: A row can't be learned, or none is left.
        TunedeckError: The base model or the adapter can't be opened.
    """
    base = load_base_model(spec.base_model_folder)
    start = load_peft(spec.start_adapter, base.config) if spec.start_adapter else None
    adapter = start or Adapter.initial(base.config, seed=spec.seed)
    make = _preference_run if spec.method == "dpo" else _supervised_run
    return make(spec, log, base, adapter)


def _supervised_run(spec: JobSpec, log: RunLog, base: BaseModel, adapter: Adapter) -> PreparedRun:
    reading, limit = Reading(), spec.max_tokens_per_example
    training = read_supervised(spec.training_file, base.tokenizer, limit, reading)
    held_out = (
        read_supervised(spec.validation_file, base.tokenizer, limit, Reading())
        if spec.validation_file
        else []
    )
    report(reading, log, limit, len(training))
    trainer = SupervisedTrainer(base, adapter, training, held_out)
    settings = resolve_hyperparameters(spec.hyperparameters, spec.method, len(training))
    return PreparedRun(trainer, Schedule(settings, len(training), spec.seed, SUPERVISED_RATE))


def _preference_run(spec: JobSpec, log: RunLog, base: BaseModel, adapter: Adapter) -> PreparedRun:
    reading, limit = Reading(), spec.max_tokens_per_example
    training = read_preferences(spec.training_file, base.tokenizer, limit, reading)
    held_out = (
        read_preferences(spec.validation_file, base.tokenizer, limit, Reading())
        if spec.validation_file
        else []
    )
    report(reading, log, limit, len(training))
    settings = resolve_hyperparameters(spec.hyperparameters, spec.method, len(training))
    reference = load_peft(spec.start_adapter, base.config) if spec.start_adapter else None
    assert settings.beta is not None
    trainer = PreferenceTrainer(base, adapter, training, held_out, settings.beta, reference)
    return PreparedRun(trainer, Schedule(settings, len(training), spec.seed, PREFERENCE_RATE))


def report(reading: Reading, log: RunLog, limit: int, usable: int, remedy: str = "") -> None:
    """Say what of a training file was cut at `limit` tokens, and what would help, or left out.

    Raises:
        BadTrainingFile: No example is left.
    """
    if reading.truncated:
        log.say_once(f"{reading.truncated} examples were cut off at {limit} tokens{remedy}", level="warn")
    if reading.skipped:
        log.say_once(f"{reading.skipped} examples hold nothing to learn and were left out", level="warn")
    if not usable:
        raise BadTrainingFile("The training file holds no example with an assistant's answer to learn.")
