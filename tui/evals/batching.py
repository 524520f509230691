"""Large runs through a service's Batch API: handed in once, collected when they are done, at its lower price.

Before a batch is sent, the store notes its tag and the digests of its requests; the service carries the tag.
If the answer to the submission is lost, or the program dies just then, the next run finds the batch by its
tag instead of paying for a second one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.asking import Question
from tui.evals.plan import EvalPlan, questions_of
from tui.evals.ports import EvalServices
from tui.providers.batches import MOST_BYTES, MOST_REQUESTS
from tui.providers.failures import LOST_ANSWER
from tui.providers.protocol import Provider, ProviderError
from tui.records.evaluations import EvalAnswer, EvalBatch, RemoteBatch
from tui.records.models import Capability
from tui.safe_text import safe_line

POLL_SECONDS = 60.0
"""Between two looks at a batch that takes up to a day."""
_TAG = "tag:"
_SENDING = "sending"
_SERVER_ERROR = 500
_BYTES_PER_REQUEST = 2_000
"""Of a line beside its texts, generously."""
_GRACE_SECONDS = 300
"""A submission that is not found for so long was never taken."""


@dataclass(slots=True)
class BatchOutcome:
    """What is known of the batches of a run."""

    submitted: list[EvalBatch] = field(default_factory=list)
    open: list[tuple[EvalBatch, RemoteBatch | None]] = field(default_factory=list)
    """Those that are not done, as the service tells of them; None while that is not known."""
    collected: int = 0
    """Answers that came."""
    refused: dict[tuple[Lane, bytes], str] = field(default_factory=dict)
    """Requests that the service did not answer, and why."""
    capped: bool = False
    """The money cap left some requests out."""

    @property
    def words(self) -> str:
        """For people: how far the batches are."""
        lines = []
        for batch, remote in self.open:
            lines.append(f"{batch.id}: {batch.state}{'' if remote is None else _done(remote)}")
        return "\n".join(lines)


def _done(remote: RemoteBatch) -> str:
    if remote.percent is not None:
        return f", {remote.percent:.0f} % done"
    return f", {remote.completed + remote.failed:,} of {remote.total:,} done"


def refuse_without_batches(services: EvalServices, plan: EvalPlan) -> None:
    """Raise where one of the models can't be asked by batch.

    Raises:
        TunedeckError: Names the account.
    """
    for name in dict.fromkeys(one.lane.account for one in plan.contenders):
        permission = services.provider(name).can(Capability.BATCH)
        if not permission:
            raise TunedeckError(f"{name}: batches are not offered. {permission.reason}", "Leave --batch out.")


def collect_batches(services: EvalServices, accounts: Sequence[str]) -> BatchOutcome:
    """Look once at every open batch of these accounts, and keep the answers of those that have ended.

    Raises:
        ProviderError: A service can't be asked.
    """
    outcome = BatchOutcome()
    for account in accounts:
        for batch in services.store.eval_batches(account, open_only=True):
            _collect(services, services.provider(account), batch, outcome)
    return outcome


def _collect(services: EvalServices, provider: Provider, batch: EvalBatch, outcome: BatchOutcome) -> None:
    store = services.store
    if batch.id.startswith(_TAG):
        found = provider.find_batch(batch.id.removeprefix(_TAG))
        if found is None:
            if time.time() - batch.created_at > _GRACE_SECONDS:
                store.save_eval_batch(replace(batch, state="never taken", collected=True))
            else:
                outcome.open.append((batch, None))
            return
        store.save_eval_batch(replace(batch, state="found again", collected=True))
        batch = replace(batch, id=found.id, state=found.status)
        store.save_eval_batch(batch)
    remote = provider.retrieve_batch(batch.id)
    batch = replace(batch, state=remote.status)
    store.save_eval_batch(batch)
    if not remote.ended:
        outcome.open.append((batch, remote))
        return
    lane = Lane(batch.account, batch.model)
    wanted = set(batch.digests)
    answers: dict[bytes, EvalAnswer] = {}
    for name, said in provider.batch_answers(remote):
        digest = _digest_of(name)
        if digest not in wanted:
            continue  # nothing that was asked here
        if isinstance(said, EvalAnswer):
            answers[digest] = said
        else:
            outcome.refused[lane, digest] = safe_line(said, 500)
    if remote.problem:
        for digest in wanted - set(answers):
            outcome.refused.setdefault((lane, digest), safe_line(remote.problem, 500))
    store.save_eval_answers(batch.account, batch.model, answers)
    store.save_eval_batch(replace(batch, collected=True))
    outcome.collected += len(answers)


def _digest_of(name: str) -> bytes:
    try:
        return bytes.fromhex(name)
    except ValueError:
        return b""


def submit_batches(services: EvalServices, plan: EvalPlan) -> BatchOutcome:
    """Hand in everything of a plan that has no answer and is in no open batch.

    Raises:
        ProviderError: The service refuses; nothing of the batch is paid then.
        TunedeckError: A service has no batches.
    """
    refuse_without_batches(services, plan)
    outcome = BatchOutcome()
    under_way = {
        (batch.account, batch.model, digest)
        for account in plan.accounts
        for batch in services.store.eval_batches(account, open_only=True)
        for digest in batch.digests
    }
    questions = [
        one
        for one in questions_of(plan, services)
        if (one.lane.account, one.lane.model, one.ask.digest) not in under_way
    ]
    affordable = _affordable(questions, plan.options.max_cost)
    outcome.capped = len(affordable) < len(questions)
    for lane in dict.fromkeys(one.lane for one in affordable):
        for part in _parts([one for one in affordable if one.lane == lane]):
            outcome.submitted.append(_submit(services, lane, part))
    return outcome


def _affordable(questions: Sequence[Question], cap: Decimal | None) -> list[Question]:
    """Return as many questions, from the beginning, as the cap allows by their dearest ends."""
    if cap is None:
        return list(questions)
    total, kept = Decimal(0), []
    for question in questions:
        if question.most is None or total + question.most > cap:
            break
        total += question.most
        kept.append(question)
    return kept


def _parts(questions: Sequence[Question]) -> Iterator[list[Question]]:
    part: list[Question] = []
    size = 0
    for question in questions:
        length = _BYTES_PER_REQUEST + sum(
            len(str(one.whole if one.whole is not None else one.content).encode("utf-8", "replace"))
            for one in question.ask.request.messages
        ) + len(str(question.ask.request.tools))  # fmt: skip
        if part and (len(part) == MOST_REQUESTS or size + length > MOST_BYTES // 2):
            yield part
            part, size = [], 0
        part.append(question)
        size += length
    if part:
        yield part


def _submit(services: EvalServices, lane: Lane, part: Sequence[Question]) -> EvalBatch:
    tag = secrets.token_hex(8)
    digests = tuple(one.ask.digest for one in part)
    noted = EvalBatch(lane.account, _TAG + tag, lane.model, _SENDING, digests, int(time.time()))
    services.store.save_eval_batch(noted)
    requests = [(one.ask.digest.hex(), one.ask.request) for one in part]
    try:
        remote = services.provider(lane.account).submit_batch(requests, tag)
    except ProviderError as error:
        if error.code != LOST_ANSWER and (error.status or 0) < _SERVER_ERROR:
            # Refused for certain: the next run may send it again at once.
            services.store.save_eval_batch(replace(noted, state="refused", collected=True))
        raise
    services.store.save_eval_batch(replace(noted, state="sent", collected=True))
    batch = replace(noted, id=remote.id, state=remote.status)
    services.store.save_eval_batch(batch)
    return batch


def wait_for_batches(
    services: EvalServices,
    accounts: Sequence[str],
    *,
    poll_seconds: float = POLL_SECONDS,
    on_look: Callable[[BatchOutcome], None] = lambda outcome: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> BatchOutcome:
    """Look at open batches until all have ended; returns what came in all.

    Raises:
        ProviderError: A service can't be asked, and trying again does not help.
    """
    total = BatchOutcome()
    while True:
        look = collect_batches(services, accounts)
        total.collected += look.collected
        total.refused |= look.refused
        total.open = look.open
        on_look(look)
        if not look.open or cancelled():
            return total
        ends = time.monotonic() + poll_seconds
        while time.monotonic() < ends and not cancelled():
            time.sleep(min(0.1, poll_seconds))
