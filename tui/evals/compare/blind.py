"""Two models rated blind: prompts and what stands left are kept first, ratings as they are given.

Answers are those of evaluations and recordings, under the same digests: what was asked there is not asked or
paid for again.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from hashlib import sha256

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.asking import AskingOutcome
from tui.evals.cases import Case
from tui.evals.compare.asking import ComparePlan, ask_sides, plan_sides
from tui.evals.ports import EvalServices
from tui.evals.requests import Ask, Contender, ask_of
from tui.evals.statistics.preference import Ratings
from tui.records.comparisons import Comparison, Rating, Round, Side
from tui.records.evaluations import EvalAnswer

LEFT, RIGHT = "left", "right"
_IDENTIFIER_LENGTH = 12
Pair = tuple[EvalAnswer | None, EvalAnswer | None]
"""The answers of the first and of the second side; None while there is none."""


class BlindRating:
    """A comparison in which a person says, prompt by prompt, which answer is better.

    Args:
        services: Store, catalog and providers.
        comparison: Kept already; see `begin` and `resume`.
    """

    def __init__(self, services: EvalServices, comparison: Comparison) -> None:
        self._services = services
        self.comparison = comparison
        self._rounds = services.store.compared_rounds(comparison.id)

    @classmethod
    def begin(
        cls,
        services: EvalServices,
        source: str,
        cases: Sequence[Case],
        sides: tuple[Side, Side],
        *,
        seed: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> BlindRating:
        """Keep what is to be compared; the same again goes on where it was.

        Args:
            services: Store, catalog and providers.
            source: Where the prompts are from, for the list of comparisons.
            cases: The prompts.
            sides: Who answers.
            seed: Of what stands left.
            clock: Unix seconds.

        Raises:
            TunedeckError: There is no prompt, or both sides are the same.
        """
        if not cases:
            raise TunedeckError("There is nothing to compare.", "Choose a file with at least one prompt.")
        if sides[0] == sides[1]:
            raise TunedeckError(
                "Both sides are the same model with the same prompt and settings.", "Choose another one."
            )
        content = json.dumps([source, [asdict(one) for one in sides], seed])
        digest = sha256(content.encode())
        for case in cases:
            digest.update(ask_of(Contender(Lane("", "")), case, sides[0].parameters).digest)
        comparison = Comparison(digest.hexdigest()[:_IDENTIFIER_LENGTH], source, sides, seed, int(clock()))
        chance = random.Random(f"{comparison.id}/{seed}")
        rounds = [
            Round(number, case.messages, case.tools, chance.random() < 0.5)
            for number, case in enumerate(cases, 1)
        ]
        services.store.save_comparison(comparison, rounds)
        return cls.resume(services, comparison.id)

    @classmethod
    def resume(cls, services: EvalServices, comparison_id: str) -> BlindRating:
        """Return a comparison that was begun before.

        Raises:
            TunedeckError: There is none of this id.
        """
        found = services.store.comparison(comparison_id)
        if found is None:
            raise TunedeckError(
                f"There is no comparison {comparison_id!r}.", "`tunedeck compare ratings` lists them."
            )
        return cls(services, found)

    @property
    def rounds(self) -> Sequence[Round]:
        """All prompts, in their order."""
        return self._rounds

    @property
    def lanes(self) -> tuple[Lane, Lane]:
        """The models, first and second."""
        first, second = self.comparison.sides
        return Lane(first.account, first.model), Lane(second.account, second.model)

    def plan(self, max_cost: Decimal | None = None) -> ComparePlan:
        """Count what is still to be asked, and what it costs; asks no service.

        Raises:
            TunedeckError: A cap can't be kept because no price is published.
        """
        cases = [Case(one.number, str(one.number), one.messages, tools=one.tools) for one in self._rounds]
        return plan_sides(self._services, self.comparison.source, cases, self.comparison.sides, max_cost)

    def ask(
        self,
        plan: ComparePlan,
        *,
        on_answer: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> AskingOutcome:
        """Ask what has no answer yet; answers can be read and rated while others come.

        Args:
            plan: Seen and agreed to by a person.
            on_answer: Called in this thread with (answers that came, to ask in all).
            cancelled: Asked often; True ends the asking.

        Raises:
            ProviderError: A service refuses everything or goes on failing; what it answered is kept.
        """
        return ask_sides(self._services, plan, on_answer=on_answer, cancelled=cancelled)

    def answers(self, one: Round) -> Pair:
        """Return what the two sides answered to a prompt."""
        found = []
        for which, lane in enumerate(self.lanes):
            digest = self._ask(one, which).digest
            kept = self._services.store.eval_answers(lane.account, lane.model, [digest])
            found.append(kept.get(digest))
        return found[0], found[1]

    def next_round(self) -> Round | None:
        """Return the first prompt without a rating; None when all are rated."""
        return next((one for one in self._rounds if one.rating is None), None)

    def rate(self, number: int, rating: Rating | None, *, clock: Callable[[], float] = time.time) -> Round:
        """Keep what a person preferred, before anything else is shown; None takes it back.

        Raises:
            TunedeckError: There is no such prompt, or it has no two answers yet.
        """
        if not 1 <= number <= len(self._rounds):
            raise TunedeckError(f"There is no prompt {number}.", f"They go from 1 to {len(self._rounds)}.")
        if rating is not None and None in self.answers(self._rounds[number - 1]):
            raise TunedeckError(f"Prompt {number} has not been answered by both yet.")
        now = int(clock())
        self._services.store.rate_round(self.comparison.id, number, rating, now)
        rated = replace(self._rounds[number - 1], rating=rating, rated_at=None if rating is None else now)
        self._rounds[number - 1] = rated
        return rated

    def ratings(self) -> Ratings:
        """Return the count; wins are those of the second side."""
        given = [one.rating for one in self._rounds]
        return Ratings(
            wins=given.count(Rating.SECOND), losses=given.count(Rating.FIRST),
            ties=given.count(Rating.TIE), both_bad=given.count(Rating.BOTH_BAD),
        )  # fmt: skip

    def _ask(self, one: Round, which: int) -> Ask:
        side = self.comparison.sides[which]
        return side_ask(side, one)


def side_ask(side: Side, one: Round) -> Ask:
    """Return what exactly a side is asked in a round."""
    case = Case(one.number, str(one.number), one.messages, tools=one.tools)
    return ask_of(Contender(Lane(side.account, side.model), side.system), case, side.parameters)


def rating_of(word: str, one: Round) -> Rating:
    """Return what a person's word means in a round: `LEFT`, `RIGHT`, or a rating without sides."""
    if word in (LEFT, RIGHT):
        return Rating.FIRST if (word == LEFT) == one.first_is_left else Rating.SECOND
    return Rating(word)


def as_shown(one: Round, pair: Pair) -> Pair:
    """Return two answers as they stand before a person: left, right."""
    return pair if one.first_is_left else (pair[1], pair[0])
