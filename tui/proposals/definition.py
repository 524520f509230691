"""What is asked for, whole: kept with a run, so that the same run goes on after anything that stopped it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane
from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.records.proposals import MakingKind, ProposalRun

MOST_ROWS = 10_000
"""Rows that one run may be asked for: a person looks at each."""
TEMPERATURES = (0.7, 0.9, 1.1)
"""Of the askings in turn: one alone makes rows that are alike."""
CHANGING_TEMPERATURES = (0.4, 0.7)
"""Where a row is changed: what is meant has to stay."""
SHOTS = 4
"""Examples that are shown with each asking, drawn anew each time."""
PERSONAS = (
    "somebody in a hurry who writes in fragments",
    "a polite elderly person who explains the background first",
    "a teenager who writes the way people text",
    "an expert who uses the words of the trade",
    "somebody who is annoyed and says so",
    "somebody whose first language is another one",
)
"""Taken in turn where no other persona is named."""
_IDENTIFIER_LENGTH = 12


class Answers(StrEnum):
    """What becomes of the answer of a row whose question is changed."""

    KEEP = "keep"
    """As it is: right where the change leaves the meaning, as with labels."""
    TRANSLATE = "translate"
    """Into the same language as the question."""
    AGAIN = "again"
    """Written anew by the model for the changed question; a person has to look at it with more care."""


DEFAULT_ANSWERS: Mapping[MakingKind, Answers] = {
    MakingKind.PARAPHRASE: Answers.KEEP,
    MakingKind.PERSONA: Answers.KEEP,
    MakingKind.NOISE: Answers.KEEP,
    MakingKind.TRANSLATION: Answers.TRANSLATE,
}
"""What each kind does unless it is told otherwise."""


@dataclass(frozen=True, slots=True)
class Seed:
    """A row that new ones are made from."""

    label: str
    """Where it is from: "train.jsonl line 12", "typed 1"."""
    row: Mapping[str, Any]
    """As it stands in its file."""


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything that makes two runs the same."""

    kind: MakingKind
    target: Path
    seeds: tuple[Seed, ...] = ()
    task: str = ""
    """What the model to be trained shall do, in a sentence."""
    system: str = ""
    """System prompt of the new rows; empty for none."""
    lane: Lane | None = None
    count: int = 20
    """Rows that are wanted."""
    at_a_time: int = 1
    """Rows that one asking is to bring."""
    shots: int = SHOTS
    temperatures: tuple[float, ...] = TEMPERATURES
    max_tokens: int = 512
    """Of one answer."""
    seed: int = 1
    """Decides which examples are shown together, which rows are changed, and where slips fall."""
    format: DatasetFormat = DatasetFormat.CHAT
    detail: str = ""
    """The persona, or the language."""
    answers: Answers = Answers.KEEP
    validation: tuple[Path, ...] = ()
    """Files whose rows must not come back in training."""
    recording: str = ""
    """Id of the recording whose answers are proposed."""

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_ROWS:
            raise TunedeckError(f"{self.count:,} rows are out of range.", f"Ask for 1 to {MOST_ROWS:,}.")
        if not 1 <= self.at_a_time <= 50:
            raise TunedeckError(f"{self.at_a_time} rows at a time are out of range.", "Choose 1 to 50.")
        if not self.temperatures or not all(0 <= one <= 2 for one in self.temperatures):
            raise TunedeckError("A temperature is out of range.", "Choose from 0 to 2, such as 0.7,0.9,1.1.")

    @property
    def id(self) -> str:
        """The run's id: the same for the same request."""
        text = json.dumps(self.as_json(), sort_keys=True)
        return sha256(text.encode()).hexdigest()[:_IDENTIFIER_LENGTH]

    def as_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return {
            "kind": str(self.kind),
            "target": str(self.target),
            "seeds": [{"label": one.label, "row": dict(one.row)} for one in self.seeds],
            "task": self.task,
            "system": self.system,
            "account": self.lane.account if self.lane is not None else "",
            "model": self.lane.model if self.lane is not None else "",
            "count": self.count,
            "at_a_time": self.at_a_time,
            "shots": self.shots,
            "temperatures": list(self.temperatures),
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "format": str(self.format),
            "detail": self.detail,
            "answers": str(self.answers),
            "validation": [str(path) for path in self.validation],
            "recording": self.recording,
        }

    @classmethod
    def of(cls, run: ProposalRun) -> Definition:
        """Return what a run that was kept had been asked for.

        Raises:
            TunedeckError: It was kept by another version, whose words are not known here.
        """
        kept = run.definition
        try:
            return cls(
                kind=MakingKind(kept["kind"]), target=Path(kept["target"]),
                seeds=tuple(Seed(one["label"], one["row"]) for one in kept["seeds"]),
                task=kept["task"], system=kept["system"],
                lane=Lane(kept["account"], kept["model"]) if kept["model"] else None,
                count=kept["count"], at_a_time=kept["at_a_time"], shots=kept["shots"],
                temperatures=tuple(kept["temperatures"]), max_tokens=kept["max_tokens"], seed=kept["seed"],
                format=DatasetFormat(kept["format"]), detail=kept["detail"],
                answers=Answers(kept["answers"]),
                validation=tuple(Path(path) for path in kept["validation"]), recording=kept["recording"],
            )  # fmt: skip
        except (KeyError, ValueError, TypeError):
            raise TunedeckError(
                f"What run {run.id} was asked for can't be read.", "Make the rows anew; decisions stay."
            ) from None
