"""The form of rows that are to be made: what was typed or chosen, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from screens.field_form import FieldForm
from screens.navigation import ModelChoice
from tui.chat.model_names import short_model_name
from tui.money.amounts import typed_amount
from tui.proposals.definition import DEFAULT_ANSWERS, MOST_ROWS, Answers
from tui.proposals.setup import DEFAULT_TARGET, MakingWish
from tui.records.proposals import MakingKind
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.words import place

Choices = list[tuple[str, str]]
_KINDS: Choices = [
    ("generate", "new rows, from a task and examples"),
    ("paraphrase", "questions in other words"),
    ("persona", "questions as somebody else puts them"),
    ("translation", "rows in another language"),
    ("noise", "questions with slips of the keyboard"),
    ("recording", "rows of what was recorded of a model"),
]
_ANSWERS: dict[Answers, str] = {
    Answers.KEEP: "kept as they are",
    Answers.TRANSLATE: "translated, too",
    Answers.AGAIN: "written again by the model",
}
_NONE = ""


@dataclass(slots=True)
class MakingForm:
    """Every field as it stands."""

    kind: MakingKind = MakingKind.GENERATE
    task: str = ""
    examples: Path | None = None
    lines: tuple[int, ...] = ()
    """Only these rows of it; none takes all."""
    other_examples: list[Path] = field(default_factory=list)
    """Files that were chosen before."""
    recordings: Choices = field(default_factory=list)
    """Id and name of each, newest first."""
    recording: str = ""
    """Id of the one whose answers are proposed."""
    detail: str = ""
    answers: Answers | None = None
    """None does what the kind does unasked."""
    model: ModelChoice | None = None
    count: str = "20"
    target: Path | None = None
    """None takes the file of the examples."""
    cap: str = ""

    @property
    def is_new(self) -> bool:
        """True where new rows are made, and none is changed."""
        return self.kind is MakingKind.GENERATE

    @property
    def is_recorded(self) -> bool:
        """True where rows are what was recorded."""
        return self.kind is MakingKind.RECORDING

    @property
    def effective_answers(self) -> Answers:
        """What becomes of answers."""
        return self.answers or DEFAULT_ANSWERS.get(self.kind, Answers.KEEP)

    @property
    def effective_target(self) -> Path:
        """The training file that kept rows go to."""
        return (self.target or self._own_target).absolute()

    @property
    def _own_target(self) -> Path:
        return DEFAULT_TARGET if self.is_recorded else self.examples or DEFAULT_TARGET

    def take_examples(self, path: Path, lines: tuple[int, ...] = ()) -> None:
        """Take another file of examples."""
        if path not in self.other_examples:
            self.other_examples.append(path)
        self.examples, self.lines = path, lines

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = {}
        if self.is_new and not self.task.strip():
            found["task"] = "say it in a sentence"
        if self.is_recorded and not self.recording:
            found["recording"] = "nothing is recorded yet: R on Home"
        elif not self.is_new and not self.is_recorded and self.examples is None:
            found["examples"] = "choose a file: enter"
        if self.kind is MakingKind.TRANSLATION and not self.detail.strip():
            found["detail"] = "a language, such as French"
        if self.kind.needs_model and self.model is None:
            found["model"] = "choose one: enter"
        count = self.count.strip()
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_ROWS):
            found["count"] = f"a whole number up to {MOST_ROWS:,}"
        if self.cap.strip() and self.amount is None:
            found["cap"] = "an amount such as 2.50, or empty"
        return found

    @property
    def amount(self) -> Decimal | None:
        """The money cap as typed; None where there is none, or where it is no amount."""
        return typed_amount(self.cap)

    def wish(self) -> MakingWish:
        """Return what the form asks for.

        Raises:
            ValueError: There are problems.
        """
        if self.problems():
            raise ValueError("the form has problems")
        account, model = self.model if self.model is not None else (None, "")
        detail = self.detail if self.kind in (MakingKind.PERSONA, MakingKind.TRANSLATION) else ""
        return MakingWish(
            kind=self.kind, target=self.effective_target, task=self.task, examples=self.examples,
            lines=self.lines, model=model, account=account, count=int(self.count), detail=detail,
            answers=self.answers, max_cost=self.amount, recording=self.recording if self.is_recorded else "",
        )  # fmt: skip


class MakingPane(FieldForm):
    """The form on the screen.

    Args:
        form: What is shown; the screen changes it.
    """

    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("kind", "Make"),
        ("task", "Task"),
        ("examples", "From"),
        ("recording", "Recorded"),
        ("detail", "Persona"),
        ("answers", "Answers"),
        ("model", "Model"),
        ("count", "Rows"),
        ("target", "Into"),
        ("cap", "Money cap"),
    )
    TYPED: ClassVar[Mapping[str, str]] = {
        "task": "Say whether a review is good or bad",
        "detail": "six in turn",
        "count": "",
        "cap": "none",
    }
    SENTENCES: ClassVar[Mapping[str, str]] = {
        "kind": "New rows, or rows that are there said otherwise. ←→ changes it.",
        "task": "What the model to be trained shall do, in a sentence; the one that writes rows reads it.",
        "examples": "Rows that new ones are made like, or of. Enter chooses a file; m in it takes marks.",
        "recording": "Whose answers are looked through, to train a successor on. ←→ changes it.",
        "detail": "Who asks, or the language. Without a persona six are taken in turn.",
        "answers": "What becomes of the answer when the question changes. ←→ changes it.",
        "model": "Who writes. Enter lists the models of all accounts; slips of the keyboard need none.",
        "count": "How many are to wait for you. What can't be used is not counted.",
        "target": "The training file that kept rows are added to. Enter chooses one; never a held-out one.",
        "cap": "An amount. Nothing more is asked once it would be passed.",
    }

    def __init__(self, form: MakingForm) -> None:
        super().__init__(id="making-form", title="Make training rows")
        self.form = form

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        for name, label in self.FIELDS:
            if name in self.TYPED:
                typed = Input(getattr(self.form, name), placeholder=self.TYPED[name], id=name, compact=True)
                yield from self.field_row(name, label, typed)
            else:
                yield from self.field_row(name, label, ChoiceField(id=name))
        yield self.hint_line()

    def sentence(self, name: str) -> str:
        """Return what a field is for, and the keys that change it."""
        return self.SENTENCES.get(name, "")

    def show_form(self) -> None:
        """Show what the form says now."""
        form = self.form
        for name, (options, value) in self._choices().items():
            self.query_one(f"#{name}", ChoiceField).set_options(options, value)
        # What a kind has no use for is not asked.
        for name, is_used in {
            "task": form.is_new or form.effective_answers is Answers.AGAIN,
            "examples": not form.is_recorded,
            "recording": form.is_recorded,
            "detail": form.kind in (MakingKind.PERSONA, MakingKind.TRANSLATION),
            "answers": not form.is_new and form.kind.needs_model,
            "model": form.kind.needs_model,
            "cap": form.kind.needs_model,
        }.items():
            self.query_one(f"#row-{name}").display = is_used
        self.show_field_notes(self._notes_now(), form.problems())

    def _choices(self) -> dict[str, tuple[Choices, str]]:
        form = self.form
        files: Choices = [(str(path), _named(path)) for path in form.other_examples]
        if form.is_new or not files:
            files = [(_NONE, "no examples" if form.is_new else "none yet: enter chooses a file"), *files]
        target = form.target
        own = DEFAULT_TARGET if form.is_recorded else form.examples or DEFAULT_TARGET
        targets: Choices = [(_NONE, _named(own))]
        if target is not None:
            targets.append((str(target), _named(target)))
        model = "none yet: enter chooses one" if form.model is None else short_model_name(form.model[1])
        return {
            "kind": (_KINDS, str(form.kind)),
            "examples": (files, str(form.examples) if form.examples is not None else _NONE),
            "recording": (form.recordings or [(_NONE, "nothing yet")], form.recording),
            "answers": ([(str(one), words) for one, words in _ANSWERS.items()], str(form.effective_answers)),
            "model": ([("", model)], ""),
            "target": (targets, str(target) if target is not None else _NONE),
        }

    def _notes_now(self) -> dict[str, str]:
        form = self.form
        notes = {"target": place(form.effective_target.parent)}
        if form.examples is not None:
            notes["examples"] = (
                f"{len(form.lines):,} marked rows" if form.lines else place(form.examples.parent)
            )
        if form.model is not None:
            notes["model"] = form.model[0]
        if form.effective_answers is Answers.AGAIN and not form.is_new:
            notes["answers"] = "look at them with more care"
        return notes


def _named(path: Path) -> str:
    return safe_line(path.name, 100)
