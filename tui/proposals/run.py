"""Makes rows: asks for what has no answer yet, makes proposals of each answer, keeps both as they come.

An answer is kept under the digest of what was asked before anything is made of it, and what is made of it is
kept all together under the number of its asking. Whoever starts the same run again, after kill -9 too, asks
only what has no answer and offers nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tui.datasets.row_pass import PassCancelled
from tui.evals.asking import AnswerAsker, AskingOutcome
from tui.evals.ports import EvalServices
from tui.evals.pricing import CostMeter, Prices
from tui.money.usage_price import Amount
from tui.proposals.nearness import Neighbourhood
from tui.proposals.one_at_a_time import only_one
from tui.proposals.plan import PlannedSource, ProposalPlan, questions_of
from tui.proposals.recorded import recorded_sources
from tui.proposals.rows import Made, noisy_row, rows_of
from tui.proposals.targets import held_out_files
from tui.records.proposals import MakingKind, Proposal, ProposalRun, ProposalState

PER_SOURCE = 1_000
"""Numbers that one asking has for its proposals."""
_ROUND = 2
"""So many times the requests under way together are asked before it is looked whether that is enough."""
Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""
_OFFERED = (
    ProposalState.WAITING, ProposalState.KEPT, ProposalState.REJECTED, ProposalState.WRITTEN,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProposalOutcome:
    """How making rows ended."""

    run: ProposalRun
    """With its counts."""
    asked: int
    """Askings that were answered now."""
    spent: Amount | None
    """None where no price is published."""
    why_not: Mapping[str, int]
    """Why what a model wrote could not be used -> how often."""
    why_incomplete: str = ""
    unlooked: int = 0
    """Rows of files among which no near ones were looked for."""

    @property
    def offered(self) -> int:
        """Rows that a person is shown, or was."""
        return self.run.count(*_OFFERED)

    @property
    def complete(self) -> bool:
        """True when as many rows are there as were wanted."""
        return not self.why_incomplete

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "run": self.run.id,
            "target": self.run.target,
            "asked": self.asked,
            "spent": None if self.spent is None else str(self.spent.high),
            "currency": None if self.spent is None else self.spent.currency,
            "offered": self.offered,
            "counts": {str(state): self.run.counts.get(state, 0) for state in ProposalState},
            "unusable": dict(self.why_not),
            "complete": self.complete,
            "why_incomplete": self.why_incomplete,
        }


def run_proposals(
    services: EvalServices,
    plan: ProposalPlan,
    *,
    on_progress: Progress = lambda what, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
) -> ProposalOutcome:
    """Make rows until as many as were wanted wait for a person, or every asking is answered.

    Raises:
        ProviderError: The service refuses everything or goes on failing; what was answered is kept.
        TunedeckError: A file can't be read, the store can't be written, or another program makes the same
            rows right now.
    """
    making = _Making(services, plan, on_progress, cancelled)
    with only_one(plan.definition.id, "being made"):
        services.store.save_proposal_run(plan.run())
        try:
            making.begin()
            try:
                outcome = making.make(first_wait)
            finally:
                making.close()
        except PassCancelled:
            outcome = AskingOutcome(stopped=True)
        return making.result(outcome)


class _Making:
    """One run under way."""

    def __init__(
        self,
        services: EvalServices,
        plan: ProposalPlan,
        on_progress: Progress,
        cancelled: Callable[[], bool],
    ) -> None:
        self._services, self._plan = services, plan
        self._definition = plan.definition
        self._tell, self._cancelled = on_progress, cancelled
        self._near: Neighbourhood | None = None
        self._unlooked = 0
        self._offered = 0
        self._meter = CostMeter(Prices(services), plan.max_cost)

    @property
    def _store(self) -> Any:
        return self._services.store

    def begin(self) -> None:
        """Read what rows are compared with."""
        target, run = self._definition.target, self._definition.id
        held_out = held_out_files(self._store, target, self._definition.validation)
        self._near = Neighbourhood(
            target, held_out, cancelled=self._cancelled,
            on_progress=lambda done, total: self._tell("Reading", done, total),
        )  # fmt: skip
        self._unlooked = self._near.unlooked
        for one in self._store.proposals(run, *_OFFERED):
            self._near.add(one.line, f"proposal {one.number}")
            self._offered += 1

    def close(self) -> None:
        """Close files."""
        if self._near is not None:
            self._near.close()

    def make(self, first_wait: float) -> AskingOutcome:
        """Make rows of what is known, then of what is asked."""
        done = self._store.taken_sources(self._definition.id)
        if self._definition.kind is MakingKind.RECORDING:
            for number, made in recorded_sources(self._services, self._definition):
                if number not in done and self._offered < self._definition.count:
                    self._keep(number, made, (), None, b"", 0)
            return AskingOutcome(stopped=self._cancelled())
        open_sources = [one for one in self._plan.sources if one.number not in done]
        if not self._definition.kind.needs_model:
            return self._make_here(open_sources)
        self._take(open_sources)
        done = self._store.taken_sources(self._definition.id)
        return self._ask([one for one in open_sources if one.number not in done], first_wait)

    def _make_here(self, sources: Sequence[PlannedSource]) -> AskingOutcome:
        for place, one in enumerate(sources):
            if self._cancelled():
                return AskingOutcome(stopped=True)
            made = noisy_row(self._definition, one.seeds[0], one.number)
            self._keep(one.number, [made], one.seeds, None, b"", 0)
            self._tell("Making", place + 1, len(sources))
        return AskingOutcome()

    def _ask(self, sources: Sequence[PlannedSource], first_wait: float) -> AskingOutcome:
        asker = AnswerAsker(
            self._store, self._services.provider, self._meter, at_once=self._plan.at_once,
            first_wait=first_wait,
        )  # fmt: skip
        total = AskingOutcome()
        step = _ROUND * self._plan.at_once
        wanted = self._definition.count
        self._tell("Asking", self._offered, wanted)
        start = 0
        while start < len(sources) and self._offered < wanted:
            # Never more than what is still wanted would need if every answer were usable.
            missing = -(-(wanted - self._offered) // self._definition.at_a_time)
            some = sources[start : start + min(step, missing)]
            start += len(some)
            round_ = asker.ask(questions_of(self._plan, some, self._services), cancelled=self._cancelled)
            total.asked += round_.asked
            total.refused.update(round_.refused)
            self._take(some)
            self._take_refused(some, round_)
            self._tell("Asking", min(self._offered, wanted), wanted)
            if round_.capped or round_.stopped:
                total.capped, total.stopped = round_.capped, round_.stopped
                break
        return total

    def _take(self, sources: Sequence[PlannedSource]) -> None:
        """Make proposals of those askings that have answers."""
        lane = self._definition.lane
        if lane is None:
            return
        digests = [one.ask.digest for one in sources if one.ask is not None]
        answers = self._store.eval_answers(lane.account, lane.model, digests)
        for one in sources:
            answer = answers.get(one.ask.digest) if one.ask is not None else None
            if answer is not None and one.ask is not None:
                made = rows_of(self._definition, one.seeds, answer)
                self._keep(one.number, made, one.seeds, one.temperature, one.ask.digest, answer.asked_at)

    def _take_refused(self, sources: Sequence[PlannedSource], outcome: AskingOutcome) -> None:
        lane = self._definition.lane
        for one in sources:
            why = outcome.refused.get((lane, one.ask.digest)) if one.ask is not None and lane else None
            if why is not None and one.ask is not None:
                made = Made(b"", f"The service would not answer: {why}")
                self._keep(one.number, [made], one.seeds, one.temperature, one.ask.digest, 0)

    def _keep(
        self,
        source: int,
        made: Sequence[Made],
        seeds: Sequence[Any],
        temperature: float | None,
        prompt: bytes,
        made_at: int,
    ) -> None:
        proposals = []
        for place, one in enumerate(made[:PER_SOURCE]):
            number = source * PER_SOURCE + place
            proposals.append(
                self._judged(
                    Proposal(
                        self._definition.id, number, ProposalState.WAITING, one.line, one.why_not,
                        tuple(seed.label for seed in seeds), temperature=temperature, prompt=prompt,
                        made_at=made_at,
                    )
                )
            )  # fmt: skip
        if self._store.save_proposals(self._definition.id, source, proposals):
            self._offered += sum(one.state is ProposalState.WAITING for one in proposals)

    def _judged(self, proposal: Proposal) -> Proposal:
        """Return a proposal with the row that it comes nearest to, and whether it may be offered."""
        if proposal.why or self._near is None:
            return replace(proposal, state=ProposalState.UNUSABLE)
        nearest = self._near.nearest(proposal.line)
        if nearest is None:
            self._near.add(proposal.line, f"proposal {proposal.number}")
            return proposal
        proposal = replace(
            proposal, near=nearest.where, near_share=nearest.share, near_line=nearest.line
        )  # fmt: skip
        if nearest.in_validation and nearest.is_near:
            why = f"{nearest.share:.0%} of it is {nearest.where}, which is held out for validation."
            return replace(proposal, state=ProposalState.REPEATED, why=why)
        if nearest.is_same:
            return replace(proposal, state=ProposalState.REPEATED, why=f"The same words as {nearest.where}.")
        self._near.add(proposal.line, f"proposal {proposal.number}")
        return proposal

    def result(self, outcome: AskingOutcome) -> ProposalOutcome:
        """Return how it ended."""
        run = self._store.proposal_run(self._definition.id)
        assert run is not None  # kept at the beginning
        unusable = self._store.proposals(run.id, ProposalState.UNUSABLE)
        is_priced = self._plan.price is not None
        currency = self._plan.price.currency if self._plan.price is not None else "USD"
        spent = Amount(self._meter.spent, self._meter.spent, currency) if is_priced else None
        return ProposalOutcome(
            run, outcome.asked, spent, dict(Counter(one.why for one in unusable).most_common()),
            self._why_incomplete(outcome, run), self._unlooked,
        )  # fmt: skip

    def _why_incomplete(self, outcome: AskingOutcome, run: ProposalRun) -> str:
        if outcome.stopped:
            return "it was stopped; the same command goes on"
        if outcome.capped:
            return "the money cap was reached; a higher one goes on"
        offered, wanted = run.count(*_OFFERED), self._definition.count
        if offered >= wanted:
            return ""
        return f"{offered:,} of {wanted:,} rows came of it: the others could not be used or repeat rows"


def spent_words(outcome: ProposalOutcome) -> str:
    """Return what was spent, for people."""
    if outcome.spent is None:
        return "at no published price"
    return outcome.spent.words if outcome.spent.high > Decimal(0) else "free"
