"""What a field of the launch form that is left as it is comes to, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from screens.launch_form import EFFORT, LOCAL, LaunchForm, aside_of
from tui.jobs.queue_wish import HELP as START_HELP
from tui.jobs.stop_rules import HELP
from tui.money.estimate import auto_epochs
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.words import place

# The local engine's automatic choices, as in tui.engine.trainers.schedule (2026-11-21); a test compares them.
_LOCAL_SMALL_BATCH, _LOCAL_LARGE_BATCH, _LOCAL_LARGE_FILE = 4, 8, 256
LOCAL_RATES: Mapping[Method, float] = {Method.SUPERVISED: 4e-4, Method.DPO: 1e-4}
LOCAL_BETA = 0.1


@dataclass(frozen=True, slots=True)
class Hint:
    """What a field left to `auto` comes to."""

    value: str
    why: str


def hints(form: LaunchForm, examples: int) -> dict[str, Hint]:
    """Return what every field comes to when it is left as it is, and why.

    Args:
        form: The form.
        examples: Training examples; 0 while they are not counted.
    """
    makers: Mapping[str, Callable[[LaunchForm, int], Hint]] = {
        "n_epochs": _epochs_hint,
        "batch_size": _batch_hint,
        "learning_rate_multiplier": _rate_hint,
        "beta": _beta_hint,
        "learning_rate": _absolute_rate_hint,
        "extra": _extra_hint,
        "grader": _grader_hint,
    }
    found = {name: maker(form, examples) for name, maker in makers.items()}
    first = form.first_model
    sentence = "What is trained: ←→ changes it, enter lists all, those that can't be trained with why."
    if first is not None and first.why:
        sentence = f"It begins with {first.why}; ←→ and enter change it."
    found["model"] = Hint(first.note if first is not None else "", sentence)
    same = "The same seed, file and settings give the same run."
    for name in (EFFORT, "compute_multiplier", "eval_interval", "eval_samples"):
        known = form.service.parameter(name, form.method)
        if known is not None:
            found[name] = Hint("by the service", known.help)
    found["wandb"] = Hint(
        "",
        "PROJECT or PROJECT/ENTITY at Weights & Biases, with the key that the service holds. May stay empty.",
    )
    found["metadata"] = Hint("", "Pairs that the job carries: team=tone note='two words'. May stay empty.")
    found["stop_rules"] = Hint("", f"Stops the job by itself: {HELP}.")
    found["start"] = Hint("at once", f"When it may start: {START_HELP}. It waits in the queue: w in Jobs.")
    found["seed"] = (
        Hint("random", f"Left to auto, the job tells which. {same}")
        if form.account == LOCAL
        else Hint("the service's", same)
    )
    found["suffix"] = Hint(
        "", "Becomes part of the new model's name: letters, digits, hyphens. May stay empty."
    )
    found["validation"] = _validation_hint(form, examples)
    return found


def _epochs_hint(form: LaunchForm, examples: int) -> Hint:
    if not examples:
        return Hint("", "Passes over the file.")
    choice = auto_epochs(form.trained_examples(examples), form.provider)
    value = "by the service" if choice.epochs is None else str(choice.epochs)
    return Hint(value, f"Passes over the file; {choice.source}.")


def _batch_hint(form: LaunchForm, examples: int) -> Hint:
    if form.account != LOCAL:
        return Hint("by the service", "Examples per step; about 0.2 % of the file, told once the job runs.")
    size = _LOCAL_LARGE_BATCH if examples > _LOCAL_LARGE_FILE else _LOCAL_SMALL_BATCH
    rule = f"{_LOCAL_SMALL_BATCH}, or {_LOCAL_LARGE_BATCH} above {_LOCAL_LARGE_FILE} examples"
    why = f"Examples per step; {rule}."
    return Hint(str(min(size, examples) if examples else size), why)


def _rate_hint(form: LaunchForm, examples: int) -> Hint:
    if form.account != LOCAL:
        return Hint("by the service", "Scales the service's own learning rate, which is not published.")
    rate = LOCAL_RATES.get(form.method, LOCAL_RATES[Method.SUPERVISED])
    return Hint("1", f"Scales the learning rate, which is {rate:g} at 1 ({rate / 2:g} with trainer=trl).")


def _absolute_rate_hint(form: LaunchForm, examples: int) -> Hint:
    known = form.service.parameter("learning_rate", form.method)
    value = (
        f"{known.default:g}" if known is not None and isinstance(known.default, float) else "the service's"
    )
    return Hint(value, "The learning rate itself: a factor from another service means nothing here.")


def _extra_hint(form: LaunchForm, examples: int) -> Hint:
    known = form.extra_parameters()
    return Hint(
        "", "Only here, as name=value: " + "; ".join(f"{one.name}, {one.wanted}" for one in known) + "."
    )


def _grader_hint(form: LaunchForm, examples: int) -> Hint:
    if form.grader_file is not None:
        where = safe_line(place(form.grader_file.parent), 200)
    else:
        where = "as the job had it" if form.grader is not None else ""
    return Hint(where, "What scores each answer, from 0 to 1: a JSON file. Enter chooses it.")


def _beta_hint(form: LaunchForm, examples: int) -> Hint:
    value = f"{LOCAL_BETA:g}" if form.account == LOCAL else "by the service"
    return Hint(value, "How closely to stay to the base model; more is closer.")


def _validation_hint(form: LaunchForm, examples: int) -> Hint:
    why = "Rows that are not trained on show when the model begins to memorise. ←→ changes it."
    if form.validation == "split" and examples:
        return Hint(f"{aside_of(examples, form.split_share):,} of {examples:,} rows", why)
    return Hint("memorising stays unseen" if form.validation == "none" else "", why)
