"""Rows that were proposed for a training file, and what a person decided about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class MakingKind(StrEnum):
    """How rows are made."""

    GENERATE = "generate"
    """New ones, from a task and examples, by a model."""
    PARAPHRASE = "paraphrase"
    """The question of a row in other words, by a model."""
    PERSONA = "persona"
    """The question of a row as somebody else would put it, by a model."""
    TRANSLATION = "translation"
    """A row in another language, by a model."""
    NOISE = "noise"
    """The question of a row with slips of the keyboard, on this machine and without a model."""
    RECORDING = "recording"
    """What a model answered that is going to be shut down, or was."""

    @property
    def needs_model(self) -> bool:
        """True where a model is asked for each row."""
        return self not in (MakingKind.NOISE, MakingKind.RECORDING)


class ProposalState(StrEnum):
    """What became of a proposed row."""

    WAITING = "waiting"
    """For a person's decision."""
    KEPT = "kept"
    """It goes to the training file with the next writing."""
    REJECTED = "rejected"
    WRITTEN = "written"
    """It stands in the training file."""
    UNUSABLE = "unusable"
    """No row could be made of what the model wrote, or the rules refuse it: never offered."""
    REPEATED = "repeated"
    """The same stands in the training file or among the proposals, or nearly the same in the validation."""


@dataclass(frozen=True, slots=True)
class ProposalRun:
    """One request for rows, as it was asked for; its proposals are kept beside it."""

    id: str
    """Digest of everything that makes two runs the same."""
    kind: MakingKind
    account: str
    """Empty where no model is asked."""
    model: str
    target: str
    """Path of the training file."""
    definition: Mapping[str, Any]
    created_at: int
    """Unix seconds."""
    counts: Mapping[ProposalState, int] = field(default_factory=dict)
    """Proposals by what became of them."""

    def count(self, *states: ProposalState) -> int:
        """Return how many proposals are in any of these states."""
        return sum(self.counts.get(state, 0) for state in states)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One row that was proposed; its texts are as the model wrote them, not yet safe to show."""

    run: str
    number: int
    """Unique within its run, in the order of asking."""
    state: ProposalState
    line: bytes
    """The row as JSON without line end; what the model wrote where it is unusable."""
    why: str = ""
    """Why it is unusable or repeated, in a sentence."""
    seeds: tuple[str, ...] = ()
    """Rows that it was made from: "train.jsonl line 12", "typed 1"."""
    near: str = ""
    """Which row it comes nearest to: "train.jsonl line 40"; empty where none comes near."""
    near_share: float = 0.0
    """How much of both is the same, 0 to 1."""
    near_line: bytes = b""
    """That row."""
    temperature: float | None = None
    prompt: bytes = b""
    """Digest of what was asked; empty where nobody was."""
    made_at: int = 0
    """Unix seconds of the answer."""
    edited: bool = False
    """A person has changed it."""
