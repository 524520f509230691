"""Before a launch at the local engine: whether its base model is here, and who would train it."""

from __future__ import annotations

from collections.abc import Iterator

from tui import paths
from tui.engine.environments.gpus import nvidia_gpus
from tui.engine.environments.kept import require_environment
from tui.engine.transformers_base import is_transformers_base
from tui.errors import TunedeckError
from tui.jobs.mend import OTHER_MODEL, Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.money.base_tokenizer import load_base_tokenizer
from tui.records.model_names import base_of

_HERE = "local"
_USUAL = 2_048
"""Tokens of a row that the embedded trainer reads, and TRL where no other number is asked for."""


def about_base_model(plan: LaunchPlan) -> Iterator[PreflightLine]:
    """Say whether the engine can train this here, and with what."""
    if load_base_tokenizer(plan.model) is not None:
        yield PreflightLine("ok", "The base model is on this machine.")
    else:
        yield PreflightLine(
            "warn",
            "The base model is not on this machine yet; the engine fetches it first.",
            "The job waits for it; `tunedeck engine fetch` shows the progress.",
        )
    if plan.hyperparameters.get("run_on", _HERE) == _HERE:
        yield from _about_trainer(plan)


def _about_trainer(plan: LaunchPlan) -> Iterator[PreflightLine]:
    only_trl = is_transformers_base(paths.base_models_dir() / base_of(plan.model))
    asked, four_bits = plan.hyperparameters.get("trainer", "auto"), plan.hyperparameters.get("load_in_4bit")
    longer = plan.hyperparameters.get("max_tokens_per_example", _USUAL) != _USUAL
    if asked == "embedded":
        if only_trl:
            yield PreflightLine(
                "stop",
                f"The embedded trainer can't read {base_of(plan.model)}; TRL can.",
                "Leave the trainer out, or choose trl.",
                (_without("trainer"), OTHER_MODEL),
            )
        elif four_bits:
            yield PreflightLine(
                "stop",
                "The embedded trainer has no 4-bit training.",
                "Leave load_in_4bit out, or choose trainer trl.",
                (_without("load_in_4bit"),),
            )
        elif longer:
            yield PreflightLine(
                "stop",
                "The embedded trainer reads 2,048 tokens of a row, no more and no less.",
                "Leave max_tokens_per_example out, or choose trainer trl.",
                (_without("max_tokens_per_example"),),
            )
        return
    if not (only_trl or four_bits or longer or asked == "trl"):
        return
    try:
        found = require_environment("gpu")
    except TunedeckError as error:
        culprit = "trainer" if asked == "trl" else "load_in_4bit" if four_bits else "max_tokens_per_example"
        mends = (OTHER_MODEL,) if only_trl else (_without(culprit),)
        yield PreflightLine("stop", error.message, error.remedy, mends)
        return
    if four_bits and not nvidia_gpus():
        yield PreflightLine(
            "stop",
            "load_in_4bit needs an NVIDIA GPU, and nvidia-smi names none here.",
            "Leave it out.",
            (_without("load_in_4bit"),),
        )
    elif nvidia_gpus():
        yield PreflightLine("ok", f"TRL {found.versions.get('trl', '?')} trains it on {nvidia_gpus()[0]}.")
    else:
        yield PreflightLine(
            "warn",
            f"TRL {found.versions.get('trl', '?')} trains it without an NVIDIA GPU.",
            "On a processor a model of a billion weights takes minutes for each step.",
        )


def _without(name: str) -> Mend:
    return Mend(MendKind.LEAVE_OUT, f"leave {name} to the engine", name)
