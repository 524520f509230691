"""The turns of a conversation with all its branches: a changed question stands beside the old one."""

from __future__ import annotations

from collections.abc import Iterable

from tui.chat.lanes import Turn


class TurnTree:
    """All turns, and the branch that is shown: from a first turn to one that nothing follows yet.

    Args:
        turns: Any order; a turn whose parent is missing counts as a first one.
        head: Number of the turn that the shown branch ends with; None takes the newest.
    """

    def __init__(self, turns: Iterable[Turn] = (), head: int | None = None) -> None:
        self._turns = {turn.number: turn for turn in sorted(turns, key=lambda turn: turn.number)}
        self.path: list[Turn] = []
        """The turns of the branch that is shown."""
        if self._turns:
            self._show(head if head in self._turns else max(self._turns))

    @property
    def all(self) -> list[Turn]:
        """Every turn of every branch, in the order in which they were asked."""
        return list(self._turns.values())

    @property
    def next_number(self) -> int:
        """The number of the next turn."""
        return max(self._turns, default=0) + 1

    def add(self, turn: Turn) -> None:
        """Add a turn, and show the branch that ends with it."""
        # Another thread may be reading the turns.
        self._turns = {**self._turns, turn.number: turn}
        self._show(turn.number)

    def siblings(self, turn: Turn) -> list[Turn]:
        """Return the turns that stand at the place of this one, itself among them, the oldest first."""
        return [one for one in self._turns.values() if self._parent(one) == self._parent(turn)]

    def step(self, turn: Turn, direction: int) -> Turn | None:
        """Show the branch of the sibling before (-1) or after (1), as it was gone on with last.

        Returns:
            The sibling; None when there is none in that direction.
        """
        siblings = self.siblings(turn)
        place = siblings.index(turn) + direction
        if not 0 <= place < len(siblings):
            return None
        self._show(self._end_of(siblings[place]).number)
        return siblings[place]

    def show(self, number: int) -> Turn | None:
        """Show the branch that holds a turn; None when there is no such turn."""
        turn = self._turns.get(number)
        if turn is not None and turn not in self.path:
            self._show(self._end_of(turn).number)
        return turn

    def _end_of(self, turn: Turn) -> Turn:
        # By number of what they follow; the newest follower comes last and wins.
        followers = {self._parent(one): one for one in self._turns.values()}
        for _ in self._turns:  # a damaged store may hold a circle
            if turn.number not in followers:
                break
            turn = followers[turn.number]
        return turn

    def _parent(self, turn: Turn) -> int | None:
        return turn.parent if turn.parent in self._turns and turn.parent != turn.number else None

    def _show(self, number: int | None) -> None:
        path: list[Turn] = []
        seen: set[int] = set()
        while number is not None and number not in seen:  # a damaged store may hold a circle
            seen.add(number)
            path.append(self._turns[number])
            number = self._parent(path[-1])
        self.path = path[::-1]
