"""The launch form without its looks: what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import TunedeckError
from tui.jobs.plan import LaunchPlan
from tui.money.estimate import auto_epochs
from tui.providers.parameters import Parameter, Value, read_choices
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Method

if TYPE_CHECKING:
    from tui.jobs.job_file import JobTerms

AUTO = "auto"
SPLIT_SHARE = 0.1
LOCAL = "local"

NUMBERS: Mapping[str, tuple[float, float, bool]] = {
    # OpenAI's API description of 2026-08-21; the local engine takes the same.
    "n_epochs": (1, 50, True),
    "batch_size": (1, 256, True),
    "learning_rate_multiplier": (0, 1_000_000, False),
    "learning_rate": (0, 1, False),
    "beta": (0, 2, False),
    "seed": (0, 2**31 - 1, True),
}
"""Field -> (lowest, highest, whole number); a lowest of 0 for a number that is not whole means above 0."""

# The local engine's automatic choices, as in tui.engine.trainers.schedule (2026-11-21); a test compares them.
_LOCAL_SMALL_BATCH, _LOCAL_LARGE_BATCH, _LOCAL_LARGE_FILE = 4, 8, 256
LOCAL_RATES: Mapping[Method, float] = {Method.SUPERVISED: 4e-4, Method.DPO: 1e-4}
LOCAL_BETA = 0.1


@dataclass(slots=True)
class LaunchForm:
    """Every field as it stands in the form; a fresh one is complete but for the file."""

    training: Path | None = None
    account: str = LOCAL
    provider: str = LOCAL
    """The account's service, whose profile says what can be chosen."""
    model: str = ""
    method: Method = Method.SUPERVISED
    validation: str = "split"
    """`none`, `split` or `file`."""
    validation_file: Path | None = None
    numbers: dict[str, str] = field(default_factory=lambda: dict.fromkeys(NUMBERS, AUTO))
    """Field -> what was typed."""
    suffix: str = ""
    from_model: tuple[str, str] | None = None
    """Account and id of a model, tuned already or a checkpoint, that is offered to be trained further."""
    extra: str = ""
    """Choices that only this service takes: `lora=true lora_r=16`."""
    split_share: float = SPLIT_SHARE
    """What a split puts aside."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the job carries beside the run id; has no field, and comes from a job that is launched again."""

    @property
    def service(self) -> Profile:
        """The profile of the account's service."""
        return profile(self.provider)

    def extra_parameters(self) -> list[Parameter]:
        """Return what the service takes beside the fields of the form."""
        return [one for one in self.service.parameters_for(self.method) if one.name not in NUMBERS]

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = {name: problem for name in self._asked() if (problem := self._number_problem(name))}
        if self.training is None:
            found["training"] = "choose a file: ctrl+o"
        if not self.model:
            found["model"] = "no model known: test the account, a on Home"
        if self.validation == "file" and self.validation_file is None:
            found["validation"] = "choose a file: enter"
        if problem := self._extra_problem():
            found["extra"] = problem
        return found

    def asks(self, name: str) -> bool:
        """True for a field that the service takes for this method."""
        if name == "extra":
            return bool(self.extra_parameters())
        return name == "seed" or self.service.parameter(name, self.method) is not None

    def _asked(self) -> list[str]:
        return [name for name in NUMBERS if self.asks(name)]

    def _extras(self) -> dict[str, Value]:
        return read_choices(self.extra.split(), lambda name: self.service.parameter(name, self.method))

    def _extra_problem(self) -> str:
        if not self.asks("extra"):
            return ""
        known = {one.name: one for one in self.extra_parameters()}
        try:
            chosen = self._extras()
        except TunedeckError as error:
            return error.remedy
        for name, value in chosen.items():
            if name not in known:
                return f"there is no {name}; there are {', '.join(known)}"
            if known[name].problem(value):
                return f"{name}: {known[name].wanted}"
        missing = [one.name for one in known.values() if one.required and one.name not in chosen]
        return f"needs {missing[0]}=…" if missing else ""

    def _number_problem(self, name: str) -> str:
        low, high, whole = NUMBERS[name]
        bounds = f"{low:g} to {high:,}, whole" if whole else f"above 0, to {high:,}"
        text = self.numbers[name].strip()
        if text in ("", AUTO):
            return ""
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            return f"{bounds}, or auto"
        fits = low <= number <= high if whole else low < number <= high
        return "" if fits else f"{bounds}, or auto"

    def _number(self, name: str) -> int | float | None:
        text = self.numbers[name].strip()
        if text in ("", AUTO):
            return None
        return int(text) if NUMBERS[name][2] else float(text)

    def trained_examples(self, examples: int) -> int:
        """Return how many of a file's examples are trained on, the rest being put aside."""
        return examples - aside_of(examples, self.split_share) if self.validation == "split" else examples

    def plan(self) -> LaunchPlan:
        """Return what the form says, as a new confirmation to be given.

        Raises:
            ValueError: There are problems.
        """
        if self.training is None or self.problems():
            raise ValueError("the form has problems")
        chosen = {name: self._number(name) for name in self._asked() if name != "seed"}
        seed = self._number("seed")
        return LaunchPlan(
            account=self.account,
            model=self.model,
            training=self.training,
            method=self.method,
            validation=self.validation_file if self.validation == "file" else None,
            split_share=self.split_share if self.validation == "split" else None,
            hyperparameters={
                **{name: value for name, value in chosen.items() if value is not None},
                **(self._extras() if self.asks("extra") else {}),
            },
            suffix=self.suffix.strip() or None,
            seed=None if seed is None else int(seed),
            metadata=self.metadata,
        )

    def fill(self, terms: JobTerms) -> None:
        """Take what a job is made from; what it leaves open goes back to auto."""
        self.account = terms.account or self.account
        self.model = terms.model or self.model
        self.method = terms.method or self.method
        self.training = terms.training or self.training
        self.validation_file = terms.validation
        self.validation = "file" if terms.validation else "split" if terms.split_share else "none"
        self.split_share = terms.split_share or SPLIT_SHARE
        chosen = dict(terms.hyperparameters)
        self.numbers = {name: _typed(chosen.pop(name, AUTO)) for name in NUMBERS if name != "seed"}
        self.numbers["seed"] = AUTO if terms.seed is None else str(terms.seed)
        self.extra = " ".join(f"{name}={_typed(value)}" for name, value in chosen.items())
        self.suffix = terms.suffix or ""
        self.metadata = terms.metadata


def _typed(value: Value) -> str:
    """Return a value as a person would type it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def aside_of(examples: int, share: float = SPLIT_SHARE) -> int:
    """Return how many examples a split puts aside."""
    return min(max(1, round(examples * share)), max(0, examples - 1))


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
    }
    found = {name: maker(form, examples) for name, maker in makers.items()}
    same = "The same seed, file and settings give the same run."
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
    return Hint("1", f"Scales the learning rate, which is {rate:g} at 1.")


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


def _beta_hint(form: LaunchForm, examples: int) -> Hint:
    value = f"{LOCAL_BETA:g}" if form.account == LOCAL else "by the service"
    return Hint(value, "How closely to stay to the base model; more is closer.")


def _validation_hint(form: LaunchForm, examples: int) -> Hint:
    why = "Rows that are not trained on show when the model begins to memorise. ←→ changes it."
    if form.validation == "split" and examples:
        return Hint(f"{aside_of(examples, form.split_share):,} of {examples:,} rows", why)
    return Hint("memorising stays unseen" if form.validation == "none" else "", why)
