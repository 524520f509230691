"""A turn of a chat as text: what was asked, what a model answered, what that took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from tui.chat.images import describe_image
from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.safe_text import safe_line, safe_text
from tui.widgets.markdown_text import MOST_CHARACTERS, GrowingMarkdown, markdown_content
from tui.widgets.tones import Part, content

_LONGEST_ARGUMENTS = 2_000


@dataclass(frozen=True, slots=True)
class TurnLook:
    """How a turn is shown beside its words."""

    branch: int = 1
    """Which of the branches at its place it is, from 1."""
    branches: int = 1
    marked: bool = False
    """Keys about a turn act on it."""


def question_content(turn: Turn, lane: Lane, look: TurnLook) -> Content:
    """Return what a person said or answered for a tool, with its place among the branches."""
    who = "tool" if turn.results else "you"
    parts: list[Part] = [("▸ " if look.marked else "", "accent"), (who, "accent")]
    if look.branches > 1:
        parts.append((f"  ‹{look.branch} of {look.branches}›", "warning"))
    parts += [(f"\n{safe_text(said[:MOST_CHARACTERS])}", "") for said in turn.results.get(lane, ())]
    if turn.question:
        parts.append((f"\n{safe_text(turn.question[:MOST_CHARACTERS])}", ""))
    parts += [_rest(len(turn.question))]
    parts += [(f"\n▣ {safe_line(describe_image(image), 200)}", "muted") for image in turn.images]
    return content(*parts)


def answer_content(answer: LaneAnswer, facts: str = "") -> Content:
    """Return what a model said, the tools it called, how it ended and what it took.

    Args:
        answer: A finished one.
        facts: Tokens, money and times on a line; safe.
    """
    said = markdown_content(answer.text[:MOST_CHARACTERS])
    parts: list[Part] = [_rest(len(answer.text)), *_calls(answer)]
    begun = bool(answer.text or answer.tool_calls)
    if answer.failed:
        parts.append((f"✗ {safe_text(answer.error)}", "bad"))
        parts.append((safe_text(f" {answer.remedy}" if answer.remedy else ""), ""))
    if answer.is_cut:
        remedy = f" {answer.remedy}" if answer.remedy else ""
        parts.append((f"\n✂ cut off: {safe_text(answer.error + remedy)}", "warning"))
    if facts:
        parts.append((f"\n{facts}" if begun or answer.failed else f"nothing · {facts}", "muted"))
    return content(("model\n", "good")) + said + content(*parts)


def _rest(length: int) -> Part:
    more = length - MOST_CHARACTERS
    return (f"\n… {more:,} more characters; y copies all of it" if more > 0 else "", "muted")


def _calls(answer: LaneAnswer) -> Sequence[Part]:
    parts: list[Part] = []
    for number, call in enumerate(answer.tool_calls):
        parts.append(("\n" if answer.text or number else "", ""))
        parts.append(("→ ", "warning"))
        arguments = call.arguments[:_LONGEST_ARGUMENTS]
        more = "…" if len(call.arguments) > _LONGEST_ARGUMENTS else ""
        parts.append((f"{safe_line(call.name, 100)}({safe_text(arguments)}{more})", ""))
    return parts


class LiveAnswer:
    """The text of an answer while it comes; what has been read of it is not read again."""

    def __init__(self) -> None:
        self._markdown = GrowingMarkdown()
        self._read = Content("")
        self._beginning = Content("")

    def parts(self, answer: LaneAnswer) -> tuple[Content, Content]:
        """Return the answer as far as it has come: what no longer changes (empty at first), and its end."""
        done, tail = self._markdown.parts(answer.text[:MOST_CHARACTERS])
        end = tail + content(_rest(len(answer.text)), (" ▌" if answer.text else "…", "muted"))
        who = content(("model\n", "good"))
        if not done.plain:
            return done, who + end
        if done is not self._read:  # the same object again is told from one that grew
            self._read, self._beginning = done, who + done
        return self._beginning, end
