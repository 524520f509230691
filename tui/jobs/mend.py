"""Ways to mend what a preflight complains about: a screen offers them on a key, `--json` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MendKind(StrEnum):
    """What is done; `Mend.value` says with what."""

    SPLIT = "split"
    """Put rows of the training file aside for validation."""
    CHECK = "check"
    """Look at a file's findings and fix them; the value is its path."""
    RESHAPE = "reshape"
    """Make new files of a file's rows, cut or without repetitions; the value is its path."""
    SUFFIX = "suffix"
    """Take another suffix; an empty value leaves it out."""
    SEED = "seed"
    """Take another seed; an empty value leaves it to the service."""
    LEAVE_OUT = "leave_out"
    """Leave a hyperparameter to the service; the value is its name."""
    EPOCHS = "epochs"
    """Train so many epochs; an empty value asks for the number."""
    GRADER = "grader"
    """Choose a grader file."""
    METHOD = "method"
    """Train by another method."""
    MODEL = "model"
    """Choose another model of this account."""
    ACCOUNT = "account"
    """Launch at another account."""
    ACCOUNTS = "accounts"
    """Go to the accounts and their keys."""
    BUDGET = "budget"
    """Raise the account's monthly budget; the value is what would be enough."""
    JOBS = "jobs"
    """Go to the list of jobs, where launches are settled and queued ones are shown."""
    FIELD = "field"
    """Go to a field of the form; the value is its name."""


@dataclass(frozen=True, slots=True)
class Mend:
    """One way to mend a finding."""

    kind: MendKind
    words: str
    """What it does, as an instruction of a few words."""
    value: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it for `--json`."""
        return {"kind": str(self.kind), "value": self.value, "words": self.words}


OTHER_MODEL = Mend(MendKind.MODEL, "choose another model")
ELSEWHERE = Mend(MendKind.ACCOUNT, "launch at another account")
SPLIT = Mend(MendKind.SPLIT, "put 10 % of the rows aside", "0.1")
ACCOUNTS = Mend(MendKind.ACCOUNTS, "see the accounts and their keys")
TO_JOBS = Mend(MendKind.JOBS, "go to Jobs")
