"""The launch form without its looks: what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.errors import TunedeckError
from tui.jobs.metadata import metadata_line, parse_metadata
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight_grader import takes_grader
from tui.jobs.queue_wish import parse_queue_wish
from tui.jobs.run_places import HERE, RUN_ON, RunPlace
from tui.jobs.stop_rules import parse_stop_rules
from tui.jobs.wandb import parse_wandb
from tui.providers.parameters import Parameter, Value, read_choices
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Method
from tui.records.models import Capability

if TYPE_CHECKING:
    from tui.jobs.first_model import FirstModel
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
    "compute_multiplier": (1e-5, 10, False),
    "eval_interval": (1, 1_000_000, True),
    "eval_samples": (1, 1_000_000, True),
    "seed": (0, 2**31 - 1, True),
}
"""Field -> (lowest, highest, whole number), where the service's profile says nothing else; a number that is
not whole has to be above the lowest."""
EFFORT = "reasoning_effort"
_TINY = 1e-6
"""A lowest number in a profile that means: above 0."""


@dataclass(slots=True)
class LaunchForm:
    """Every field as it stands in the form; a fresh one is complete but for the file."""

    training: Path | None = None
    account: str = LOCAL
    provider: str = LOCAL
    """The account's service, whose profile says what can be chosen."""
    model: str = ""
    first_model: FirstModel | None = None
    """The model that the form begins with, and why; None once one was chosen."""
    models_chosen: dict[str, str] = field(default_factory=dict)
    """Account -> the model that was chosen for it, to come back to."""
    method: Method = Method.SUPERVISED
    methods: tuple[Method, ...] = (Method.SUPERVISED,)
    """Those that the chosen model takes."""
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
    metadata: str = ""
    """What the job carries beside the run id: `team=tone note="two words"`."""
    run_on: str = HERE
    """Where the account's engine has the job trained."""
    places: tuple[RunPlace, ...] = ()
    """Those that the engine has told of; empty until it has."""
    effort: str = AUTO
    """How much the model thinks before each graded answer."""
    grader_file: Path | None = None
    """What scores the answers of a reinforcement job; read anew whenever the form is judged."""
    grader: Mapping[str, Any] | None = None
    """Likewise, of a job that is launched again and names no file."""
    wandb: str = ""
    stop_rules: str = ""
    start: str = ""
    """When it should start and how much it matters: `tonight high`."""
    night: str = "22:00-06:00"
    """What "tonight" means."""

    @property
    def service(self) -> Profile:
        """The profile of the account's service."""
        return profile(self.provider)

    def extra_parameters(self) -> list[Parameter]:
        """Return what the service takes beside the fields of the form."""
        return [
            one
            for one in self.service.parameters_for(self.method)
            if one.name not in (*NUMBERS, EFFORT, RUN_ON)
        ]

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = {name: problem for name in self._asked() if (problem := self._number_problem(name))}
        if self.training is None:
            found["training"] = "choose a file: ctrl+o"
        if not self.model:
            found["model"] = "no model known: test the account, a on Home"
        if self.validation == "file" and self.validation_file is None:
            found["validation"] = "choose a file: enter"
        if self.asks("grader") and self.grader_file is None and self.grader is None:
            found["grader"] = "choose a file: enter"
        readers: Mapping[str, Callable[[str], object]] = {
            "wandb": parse_wandb, "stop_rules": parse_stop_rules, "metadata": parse_metadata,
            "start": lambda text: parse_queue_wish(text, self.night),
        }  # fmt: skip
        for name in readers:
            text = getattr(self, name).strip() if self.asks(name) else ""
            try:
                if text:
                    readers[name](text)
            except TunedeckError as error:
                found[name] = error.remedy
        if problem := self._extra_problem():
            found["extra"] = problem
        return found

    def offered_places(self) -> list[str]:
        """Return the places that can be chosen; what can't be used now stays where it is chosen already."""
        usable = [one.name for one in self.places if not one.why_not]
        return list(dict.fromkeys([HERE, *usable, self.run_on]))

    def asks(self, name: str) -> bool:
        """True for a field that the service takes for this method."""
        match name:
            case "extra":
                return bool(self.extra_parameters())
            case "seed" | "stop_rules" | "start":
                return True
            case "metadata":
                return self.service.keeps_metadata
            case "wandb":
                return Capability.WANDB not in self.service.cannot
            case "grader":
                return self.method is Method.REINFORCEMENT and takes_grader(self.service)
        return self.service.parameter(name, self.method) is not None

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

    def bounds(self, name: str) -> tuple[float, float, bool]:
        """Return lowest, highest and whether it is whole, as the service takes a number."""
        low, high, whole = NUMBERS[name]
        known = self.service.parameter(name, self.method)
        if known is not None and known.maximum is not None:
            least = known.minimum or 0
            low, high = (0 if least < _TINY else least), known.maximum
        return low, high, whole

    def range_words(self, name: str) -> str:
        """Return what a number may be: `1 to 50, whole`."""
        low, high, whole = self.bounds(name)
        return f"{low:g} to {high:,}, whole" if whole else f"above {low:g}, to {high:,}"

    def _number_problem(self, name: str) -> str:
        low, high, whole = self.bounds(name)
        text = self.numbers[name].strip()
        if text in ("", AUTO):
            return ""
        try:
            number = int(text) if whole else float(text)
        except ValueError:
            return f"{self.range_words(name)}, or auto"
        fits = low <= number <= high if whole else low < number <= high
        return "" if fits else f"{self.range_words(name)}, or auto"

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
        chosen: dict[str, Value | None] = {
            name: self._number(name) for name in self._asked() if name != "seed"
        }
        if self.asks(EFFORT) and self.effort != AUTO:
            chosen[EFFORT] = self.effort
        if self.asks(RUN_ON) and self.run_on != HERE:
            chosen[RUN_ON] = self.run_on
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
            metadata=parse_metadata(self.metadata) if self.asks("metadata") else {},
            grader=self.grader if self.asks("grader") and self.grader_file is None else None,
            wandb=parse_wandb(self.wandb) if self.asks("wandb") and self.wandb.strip() else None,
            stop_rules=self._rules(),
            start=self.start.strip(),
        )

    def _rules(self) -> str:
        rules = parse_stop_rules(self.stop_rules)
        return rules.text if rules else ""

    def fill(self, terms: JobTerms) -> None:
        """Take what a job is made from; what it leaves open goes back to auto."""
        self.account = terms.account or self.account
        self.model = terms.model or self.model
        self.first_model = None if terms.model else self.first_model
        self.method = terms.method or self.method
        self.training = terms.training or self.training
        self.validation_file = terms.validation
        self.validation = "file" if terms.validation else "split" if terms.split_share else "none"
        self.split_share = terms.split_share or SPLIT_SHARE
        chosen = dict(terms.hyperparameters)
        self.numbers = {name: _typed(chosen.pop(name, AUTO)) for name in NUMBERS if name != "seed"}
        self.numbers["seed"] = AUTO if terms.seed is None else str(terms.seed)
        self.effort = str(chosen.pop(EFFORT, AUTO))
        self.run_on = str(chosen.pop(RUN_ON, HERE))
        self.grader_file, self.grader = None, terms.grader
        self.wandb = terms.wandb.text if terms.wandb is not None else ""
        self.stop_rules = terms.stop_rules or ""
        self.extra = " ".join(f"{name}={_typed(value)}" for name, value in chosen.items())
        self.suffix = terms.suffix or ""
        self.metadata = metadata_line(terms.metadata)


def _typed(value: Value) -> str:
    """Return a value as a person would type it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def aside_of(examples: int, share: float = SPLIT_SHARE) -> int:
    """Return how many examples a split puts aside."""
    return min(max(1, round(examples * share)), max(0, examples - 1))
