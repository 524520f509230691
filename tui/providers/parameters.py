"""Hyperparameters and other choices of a job, with type and range, as a service takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tui.errors import TunedeckError
from tui.records.jobs import Method

AUTO = "auto"
Value = int | float | bool | str
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One choice of a job."""

    name: str
    type: str
    """integer, number, boolean, choice or text."""
    where: str = "hyperparameters"
    """hyperparameters, body (beside the method) or lambda_grader (a grader's function)."""
    default: Value | None = None
    """What the service takes when it is left out; None where that is not published."""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    billed: tuple[str, ...] = ()
    """Choices that cost money at somebody else's, at a price that is not in the catalog."""
    methods: tuple[Method, ...] = ()
    """Methods that know it; none named means all."""
    required: bool = False
    help: str = ""

    def problem(self, value: object) -> str:
        """Return why a value can't be sent, as an instruction; empty when it can."""
        return "" if self._takes(value) else f"Give {self.wanted}."

    @property
    def wanted(self) -> str:
        """What a value has to be, in words."""
        if self.type == "choice":
            return f"one of {', '.join(self.choices)}"
        if self.type in ("integer", "number"):
            kind = "a whole number" if self.type == "integer" else "a number"
            return f"{kind} from {self.minimum or 0:g} to {self.maximum or 0:g}"
        return "true or false" if self.type == "boolean" else "a text"

    def _takes(self, value: object) -> bool:
        match self.type:
            case "boolean":
                return isinstance(value, bool)
            case "choice":
                return value in self.choices
            case "text":
                return isinstance(value, str) and bool(value.strip())
        if isinstance(value, bool) or not isinstance(value, int if self.type == "integer" else int | float):
            return False
        return (self.minimum or 0) <= value <= (self.maximum or 0)

    def read(self, text: str) -> Value:
        """Return the value that somebody typed; one that does not fit stays text, for `problem` to tell."""
        try:
            if self.type == "integer":
                return int(text)
            if self.type == "number":
                return float(text)
        except ValueError:
            return text
        if self.type == "boolean" and text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        return text


def read_choices(texts: Iterable[str], known: Callable[[str], Parameter | None]) -> dict[str, Value]:
    """Return name -> value of texts such as `lora_r=16`; unknown names stay, for a preflight to tell.

    Args:
        texts: One for each choice.
        known: Name -> what the service takes under it.

    Raises:
        TunedeckError: A text is no `name=value`.
    """
    found: dict[str, Value] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise TunedeckError(f"{text!r} is no choice.", "Write name=value, without blanks in between.")
        parameter = known(name)
        found[name] = parameter.read(value) if parameter is not None else value
    return found


def parameter_from(entry: Mapping[str, Any]) -> Parameter:
    """Return a parameter from its JSON."""
    values = dict(entry)
    values["choices"] = tuple(entry.get("choices", ()))
    values["billed"] = tuple(entry.get("billed", ()))
    values["methods"] = tuple(Method(word) for word in entry.get("methods", ()))
    return Parameter(**values)


def told_choice(raw: Mapping[str, Any], name: str) -> Any:
    """Return what a job's object says of a choice beside the method; our engine's stand under `tunedeck`."""
    if name in raw:
        return raw[name]
    beyond = raw.get("tunedeck")
    return beyond.get(name) if isinstance(beyond, Mapping) else None
