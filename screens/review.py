"""Review proposed rows, one at a time: keep, edit or reject by a key; then write what is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.records.proposals import Proposal, ProposalRun, ProposalState
from tui.safe_text import safe_line, safe_text
from tui.widgets.keys import bindings
from tui.widgets.message_view import MessageView
from tui.widgets.tones import Part, Tone, content, content_lines

if TYPE_CHECKING:
    from tui.datasets.conversation import Turn
    from tui.datasets.report import Finding
    from tui.datasets.row_diff import DiffLine
    from tui.proposals.review import ReviewQueue

_SIGN_TONES: dict[str, Tone] = {"-": "bad", "+": "good", "…": "muted"}


@dataclass(frozen=True, slots=True)
class Shown:
    """One proposal with what is said of it, read in a thread."""

    proposal: Proposal | None
    """None when no row waits."""
    run: ProposalRun
    turns: tuple[Turn, ...] = ()
    findings: tuple[Finding, ...] = ()
    diff: tuple[DiffLine, ...] = ()


class ReviewScreen(GreyedKeys, inherit_bindings=False):
    """A queue of proposed rows.

    Args:
        run_id: Whose.
    """

    PLACE = "datasets"
    CSS_PATH = "review.tcss"
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("review"), *DeckScreen.BINDINGS]
    HELP = """
    A model proposed these rows; nothing is in the training file before you keep it and press w. Rows that
    the rules refuse, that repeat others or come near held-out ones are not here: o tells how many and why.
    Where a row is much like one that is there, the difference stands below. Every decision is kept as you
    make it: leave whenever you like.
    """

    @dataclass
    class Read(Message):
        """A proposal was read."""

        shown: Shown

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self._run_id = run_id
        self._queue: ReviewQueue | None = None
        self._shown: Shown | None = None
        self._busy = True
        """A decision is being kept, or a row read: a key typed now is meant for no row."""
        self._passed: list[int] = []
        """Those that were put off in this sitting."""

    def compose_body(self) -> ComposeResult:
        """Yield the counts, the row, the difference and the origin."""
        yield Static("", id="review-line", markup=False)
        view = MessageView(id="review-row", classes="pane")
        view.can_focus = False
        yield view
        with VerticalScroll(id="review-near", classes="pane") as pane:
            pane.can_focus = False
            yield Static("", id="review-diff", markup=False)
        yield Static("", id="review-origin", markup=False)

    def on_mount(self) -> None:
        """Read the first row that waits."""
        self.query_one("#review-near").display = False
        self._do(lambda queue: None)

    # Reading and deciding, in a thread, one after the other

    @work(thread=True, group="review", exit_on_error=False, description="read or decide a proposal")
    def _do(self, act: Callable[[ReviewQueue], int | None], stay: int | None = None) -> None:
        """Decide, then read: the row that `act` names, `stay`, or the next one that waits."""
        from tui.proposals.review import ReviewQueue, find_run

        try:
            if self._queue is None:
                store = self.services.store
                self._queue = ReviewQueue(store, find_run(store, self._run_id))
            number = act(self._queue)
            self.post_message(self.Read(self._read(self._queue, number if number is not None else stay)))
        except TunedeckError as error:
            self.post_from_thread(self._fail, error)

    def _fail(self, error: TunedeckError) -> None:
        self._busy = self._shown is None
        self.tell_error(error)

    def _read(self, queue: ReviewQueue, number: int | None) -> Shown:
        from tui.datasets.conversation import conversation
        from tui.datasets.row_diff import diff_rows
        from tui.datasets.source import parsed_row

        run = queue.refreshed()
        proposal = queue.proposal(number) if number is not None else self._next(queue)
        if proposal is None:
            return Shown(None, run)
        turns = conversation(parsed_row(1, proposal.line), queue.definition.format)
        diff = tuple(diff_rows(proposal.near_line, (proposal.line,))) if proposal.near else ()
        return Shown(proposal, run, turns, queue.findings(proposal.line), diff)

    def _next(self, queue: ReviewQueue) -> Proposal | None:
        """Return the first that waits and was not put off; when all were, the first of those."""
        waiting = queue.waiting(limit=len(self._passed) + 1)
        for one in waiting:
            if one.number not in self._passed:
                return one
        self._passed.clear()
        return waiting[0] if waiting else None

    @on(Read)
    def _take(self, message: Read) -> None:
        self._shown, self._busy = message.shown, False
        self._show(message.shown)
        self.refresh_bindings()

    # Showing

    def _show(self, shown: Shown) -> None:
        run, proposal = shown.run, shown.proposal
        waiting, kept = run.count(ProposalState.WAITING), run.count(ProposalState.KEPT)
        counts = (
            f"{waiting:,} wait · {kept:,} kept · {run.count(ProposalState.REJECTED):,} rejected · "
            f"{run.count(ProposalState.WRITTEN):,} written"
        )
        parts: list[Part] = [(f"{run.kind}: ", "muted"), (counts, "strong")]
        if kept:
            parts.append(("  w writes what is kept", "accent"))
        self.query_one("#review-line", Static).update(content(*parts))
        view = self.query_one("#review-row", MessageView)
        self.query_one("#review-near").display = proposal is not None and bool(proposal.near)
        if proposal is None:
            view.border_title = "Nothing waits"
            view.show_note(
                f"Every row is decided. w adds the {kept:,} kept ones to {safe_line(run.target, 200)}."
                if kept
                else "Every row is decided, and nothing is kept that is not written."
            )
            self.query_one("#review-origin", Static).update("")
            return
        state = "" if proposal.state is ProposalState.WAITING else f" ({proposal.state})"
        view.border_title = f"Proposal {proposal.number:,}{state}"
        view.border_subtitle = "edited" if proposal.edited else ""
        view.show_turns(shown.turns, [(str(one.severity), one.message) for one in shown.findings])
        self._show_near(proposal, shown.diff)
        self.query_one("#review-origin", Static).update(content((_origin_words(run, proposal), "muted")))

    def _show_near(self, proposal: Proposal, diff: tuple[DiffLine, ...]) -> None:
        pane = self.query_one("#review-near")
        pane.border_title = f"{proposal.near_share:.0%} of it is {safe_line(proposal.near, 100)}"
        lines: list[list[Part]] = [
            [(f"{one.sign} ", _SIGN_TONES.get(one.sign, "muted")), *_marked(one)] for one in diff
        ]
        self.query_one("#review-diff", Static).update(content_lines(lines))
        pane.scroll_home(animate=False)

    # Keys

    @property
    def _current(self) -> Proposal | None:
        return self._shown.proposal if self._shown is not None and not self._busy else None

    @property
    def _is_refused(self) -> bool:
        findings = self._shown.findings if self._shown is not None else ()
        return any(str(one.severity) == "error" for one in findings)

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        current = self._shown.proposal if self._shown is not None else None
        match action:
            case "keep_row" | "reject_row" | "edit_row" | "put_off" | "scroll_row" if current is None:
                return "No row waits."
            case "keep_row" if self._shown and any(
                str(one.severity) == "error" for one in self._shown.findings
            ):
                return "The rules refuse that row: edit it first."
            case "take_back" if self._queue is None or not self._queue.can_take_back:
                return "Nothing was decided in this sitting."
            case "write_rows" if self._shown is None or not self._shown.run.count(ProposalState.KEPT):
                return "No row is kept that is not written yet."
        return ""

    def action_keep_row(self) -> None:
        """Keep the row, and go on."""
        self._decide(lambda queue, number: queue.keep(number))

    def action_reject_row(self) -> None:
        """Leave the row out, and go on."""
        self._decide(lambda queue, number: queue.reject(number))

    def _decide(self, act: Callable[[ReviewQueue, int], None]) -> None:
        current = self._current
        if current is None:
            return
        self._busy = True
        number = current.number

        def decide(queue: ReviewQueue) -> None:
            act(queue, number)

        self._do(decide)

    def action_put_off(self) -> None:
        """Look at the next one first."""
        current = self._current
        if current is not None:
            self._busy = True
            self._passed.append(current.number)
            self._do(lambda queue: None)

    def action_take_back(self) -> None:
        """Take the newest decision back, and show its row."""
        if not self._busy:
            self._busy = True
            self._do(lambda queue: queue.take_back())

    def action_edit_row(self) -> None:
        """Edit the row's messages, or its JSON."""
        from screens.edit_row import EditRowScreen
        from tui.datasets.row_draft import RowDraft

        current, queue = self._current, self._queue
        if current is None or queue is None:
            return
        draft = RowDraft(current.line, queue.definition.format)
        editor = EditRowScreen(_Editing(self, queue), current.number, queue.definition.format, draft)
        editor.taken_words = "The proposal is changed; k keeps it."
        self.app.push_screen(editor)

    def reread(self, number: int) -> None:
        """Show a proposal again: it was edited. For threads."""
        self.post_from_thread(self._reread, number)

    def _reread(self, number: int) -> None:
        self._busy = True
        self._do(lambda queue: None, stay=number)

    def action_scroll_row(self, lines: int) -> None:
        """Scroll the row, and what it comes near."""
        self.query_one("#review-row").scroll_relative(y=lines, animate=False)
        self.query_one("#review-near").scroll_relative(y=lines, animate=False)

    @work(group="review-write", exclusive=True, exit_on_error=False, description="write kept rows")
    async def action_write_rows(self) -> None:
        """Add what is kept to the training file; asks first."""
        import asyncio

        queue, shown = self._queue, self._shown
        if queue is None or shown is None:
            return
        kept = shown.run.count(ProposalState.KEPT)
        from tui.proposals.review import later_split_note

        note = later_split_note(queue.definition.target)
        question = ConfirmScreen(
            f"Add {kept:,} rows to the training file?", yes="add them",
            facts=[("File", safe_line(shown.run.target, 200))], warning=note,
        )  # fmt: skip
        if not await self.app.push_screen_wait(question):
            return
        try:
            written = await asyncio.to_thread(queue.write)
        except TunedeckError as error:
            self.tell_error(error)
            return
        held = "".join(f" Proposal {number} was held back: {why}." for number, why in written.held_back[:3])
        self.tell(
            f"{written.rows:,} rows added; where each is from stands in {written.origins.name}.{held}",
            severity="warning" if held else "information",
        )
        self._busy = True
        self._do(lambda queue: None)

    def action_show_origin(self) -> None:
        """Tell where the row is from, and what was not offered and why."""
        self._tell_origin()

    @work(thread=True, group="review-origin", exclusive=True, exit_on_error=False, description="read origins")
    def _tell_origin(self) -> None:
        import json
        from collections import Counter

        queue = self._queue
        if queue is None:
            return
        current = self._shown.proposal if self._shown is not None else None
        hidden = self.services.store.proposals(
            queue.run.id, ProposalState.UNUSABLE, ProposalState.REPEATED
        )  # fmt: skip
        lines = [json.dumps(queue.origin(current), indent=2, ensure_ascii=False), ""] if current else []
        lines.append(f"{len(hidden):,} were not offered:" if hidden else "Everything was offered.")
        lines += [f"{count:,} x {why}" for why, count in Counter(one.why for one in hidden).most_common(50)]
        text = "\n".join(safe_text(line) for line in lines)
        self.post_from_thread(self._show_text, text)

    def _show_text(self, text: str) -> None:
        self.app.push_screen(TextDialog("Where rows are from", text))


class _Editing:
    """Takes an edited row from the editor into the queue."""

    def __init__(self, screen: ReviewScreen, queue: ReviewQueue) -> None:
        self._screen, self._queue = screen, queue

    def edit(self, number: int, line: bytes) -> None:
        """Put the row in the proposal's place."""
        self._queue.edit(number, line)
        self._screen.reread(number)


def _marked(line: DiffLine) -> list[Part]:
    tone: Tone = _SIGN_TONES.get(line.sign, "muted")
    if line.end <= line.start:
        return [(line.text, "muted" if line.sign in " …" else tone)]
    return [
        (line.text[: line.start], ""),
        (line.text[line.start : line.end], tone),
        (line.text[line.end :], ""),
    ]


def _origin_words(run: ProposalRun, proposal: Proposal) -> str:
    who = safe_line(run.model, 60) or "this machine"
    warm = f" at {proposal.temperature:g}" if proposal.temperature is not None else ""
    seeds = f", from {safe_line(', '.join(proposal.seeds), 120)}" if proposal.seeds else ""
    return f"By {who}{warm}{seeds}. For {safe_line(Path(run.target).name, 80)}"
