"""The form of a comparison with a recorded model: what was recorded, and who takes its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from screens.evaluate_form import EvaluateForm
from screens.evaluate_pane import Choices, EvaluatePane
from screens.job_words import ago
from screens.record_lines import source_words
from tui.chat.model_names import short_model_name
from tui.records.recordings import Recording
from tui.safe_text import safe_line
from tui.widgets.words import place

if TYPE_CHECKING:
    from tui.evals.parity_setup import ParityWish

_AS_RECORDED = _BY_WORDS = ""


@dataclass(slots=True)
class ParityForm(EvaluateForm):
    """Every field; `model` is the successor, `other_file` has the rows where not all are compared."""

    recordings: Sequence[Recording] = ()
    old: str = ""
    """Id of a recording."""
    system: Path | None = None
    """File with the successor's own prompt; None leaves the rows'."""
    agreement: str = _BY_WORDS
    """The check that tells how alike two answers are."""
    checks_chosen: bool = True
    """Agreement needs no check: none is suggested."""

    @property
    def recording(self) -> Recording | None:
        """What is compared with."""
        return next((one for one in self.recordings if one.id == self.old), None)

    def take(self, recordings: Sequence[Recording]) -> None:
        """Offer these recordings; the one chosen stays, else the newest of another model is taken."""
        self.recordings = recordings
        if self.recording is None:
            others = [one for one in recordings if (one.account, one.model) != self.model]
            self.old = (others or [*recordings])[0].id if recordings else ""

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = {}
        if self.recording is None:
            found["old"] = "nothing is recorded yet: R in Models records"
        if self.model is None:
            found["model"] = "choose one: enter"
        if self.cap.strip() and self.amount is None:
            found["cap"] = "an amount such as 2.50, or empty"
        return found

    def parity_wish(self, prompt: str | None) -> ParityWish:
        """Return what the form asks for.

        Args:
            prompt: Content of `system`.

        Raises:
            ValueError: There are problems.
        """
        from tui.evals.parity_setup import ParityWish

        if self.model is None or self.recording is None or self.problems():
            raise ValueError("the form has problems")
        account, model = self.model
        # Golden rows name the model that was recorded, and no recording.
        old = self.recording.id if self.other_file is None else self.recording.model
        return ParityWish(
            old,
            model,
            account,
            self.other_file,
            system=prompt,
            checks=self.checks,
            agreement=self.agreement or None,
            max_cost=self.amount,
        )


class ParityPane(EvaluatePane):
    """The form on the screen."""

    TITLE = "Old against new"
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("old", "Recorded"),
        ("model", "Successor"),
        ("test-set", "Rows"),
        ("agreement", "Alike by"),
        ("checks", "Checks"),
        ("system", "Its own prompt"),
        ("cap", "Money cap"),
    )
    TYPED: ClassVar[Mapping[str, str]] = {"cap": "the price's end"}
    SENTENCES: ClassVar[Mapping[str, str]] = {
        "old": "Kept answers, which stand for the old model. ←→ changes what is compared with.",
        "model": "Who takes its place and is asked now. Enter lists all models.",
        "test-set": "Which of its answers. Enter takes a file of their rows, or golden rows.",
        "agreement": "How alike two answers are. Enter takes a check; the old answer is the right one.",
        "checks": "Enter adds one: both are scored against the answers that the rows name.",
        "system": "What the new model is told in place of it. Enter takes a prompt from a file.",
        "cap": EvaluatePane.SENTENCES["cap"],
    }

    def __init__(self, form: ParityForm) -> None:
        super().__init__(form)
        self.parity = form

    def choices(self, checks: tuple[str, ...]) -> dict[str, tuple[Choices, str]]:
        """Return what each field that is chosen offers, and which is taken."""
        form = self.parity
        files: Choices = [(_AS_RECORDED, "all that was recorded")]
        if form.other_file is not None:
            files.append((str(form.other_file), form.other_file.name))
        prompts: Choices = [(_AS_RECORDED, "that of the rows")]
        if form.system is not None:
            prompts.append((str(form.system), form.system.name))
        recorded: Choices = [(one.id, short_model_name(one.model)) for one in form.recordings]
        successor = short_model_name(form.model[1]) if form.model else "none yet: enter chooses one"
        alike: Choices = [(_BY_WORDS, "shared words")]
        if form.agreement:
            alike.append((form.agreement, form.agreement))
        return {
            "agreement": (alike, form.agreement),
            "old": (recorded or [("", "nothing yet")], form.old),
            "model": ([("", successor)], ""),
            "test-set": (files, str(form.other_file) if form.other_file is not None else _AS_RECORDED),
            "checks": ([("", " + ".join(checks) or "none: how alike alone")], ""),
            "system": (prompts, str(form.system) if form.system is not None else _AS_RECORDED),
        }

    def notes(self, why: str, cases: int) -> dict[str, str]:
        """Return what is said beside each field."""
        form, recording = self.parity, self.parity.recording
        told = ""
        if recording is not None:
            answers = f"{recording.answered:,} answers of {source_words(recording.source)}"
            told = f"{ago(recording.created_at)}, {answers}"
        return {
            "old": told,
            "model": safe_line(form.model[0]) if form.model is not None else "",
            "test-set": place(form.other_file.parent) if form.other_file is not None else "",
            "system": place(form.system.parent) if form.system is not None else "",
        }
