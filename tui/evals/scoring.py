"""Perplexity and token accuracy of the expected answers, where a service says how likely given tokens are.

Only a service that echoes given tokens with their logprobs can tell; chat APIs do not, and nothing is made up
in their place. The tokens are those that the model is trained on: the base model's own template and
vocabulary, which must be on this machine, with the expected answer alone counted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.ports import EvalServices
from tui.evals.requests import Contender, ask_of
from tui.records.chats import ChatParameters
from tui.records.evaluations import TextScore
from tui.records.models import Capability

NOT_OFFERED = "not offered by this service"


@dataclass(frozen=True, slots=True)
class LikelihoodReport:
    """How likely a model holds the expected answers."""

    rows: int
    tokens: int
    perplexity: float | None
    """exp of the mean negative log-probability of a token, each counting the same."""
    token_accuracy: float | None
    """Share of tokens that the model held likeliest."""
    reason: str = ""
    """Why there is none."""

    @property
    def words(self) -> str:
        """For people: the numbers, or why there are none."""
        if self.perplexity is None or self.token_accuracy is None:
            return self.reason
        return f"{self.perplexity:.3f}, token accuracy {100 * self.token_accuracy:.1f} %"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "perplexity": self.perplexity,
            "token_accuracy": self.token_accuracy,
            "reason": self.reason,
        }


def score_expected(
    services: EvalServices,
    contender: Contender,
    cases: Sequence[Case],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> LikelihoodReport:
    """Score the first expected answer of each case; what was scored before is not asked again.

    Raises:
        ProviderError: The service fails; what it scored before is kept.
    """
    lane = contender.lane
    permission = services.provider(lane.account).can(Capability.SCORE_TEXT)
    if not permission:
        return _none(NOT_OFFERED)
    layout = _layout(lane.model)
    if layout is None:
        return _none("the base model, whose vocabulary is needed, is not on this machine")
    texts = [text for case in cases if (text := _tokens(layout, contender, case)) is not None]
    if not texts:
        return _none("no row has an expected answer that this model can read")
    digests = [sha256(repr(text).encode()).digest() for text in texts]
    scores = services.store.text_scores(lane.account, lane.model, digests)
    provider = services.provider(lane.account)
    for number, (digest, (tokens, learned)) in enumerate(zip(digests, texts, strict=True)):
        if digest in scores:
            continue
        if cancelled():
            return _none("stopped before it was done")
        scores[digest] = provider.score_tokens(lane.model, tokens, learned)
        services.store.save_text_scores(lane.account, lane.model, {digest: scores[digest]})
        on_progress(number + 1, len(texts))
    return likelihood([scores[digest] for digest in digests])


def likelihood(scores: Sequence[TextScore]) -> LikelihoodReport:
    """Join the scores of rows, each token counting the same."""
    tokens = sum(score.tokens for score in scores)
    if not tokens:
        return _none("no row has an expected answer")
    total = sum(score.log_probability for score in scores)
    right = sum(score.right for score in scores)
    return LikelihoodReport(len(scores), tokens, math.exp(min(700.0, -total / tokens)), right / tokens)


def _none(reason: str) -> LikelihoodReport:
    return LikelihoodReport(0, 0, None, None, reason)


def _layout(model: str) -> Any:
    from tui.jobs.local_rows import local_reader  # numpy and Jinja, only for local models

    reader = local_reader(model)
    return reader if hasattr(reader, "row_segments") else None


def _tokens(layout: Any, contender: Contender, case: Case) -> tuple[list[int], list[bool]] | None:
    if not case.expected:
        return None
    asked = ask_of(contender, case, ChatParameters()).request.messages
    messages: list[dict[str, Any]] = []
    for one in asked:
        messages.append(dict(one.whole) if one.whole else {"role": one.role, "content": one.content})
        if one.role == "assistant":
            messages[-1]["weight"] = 0  # earlier answers are read, and not scored
    row: dict[str, Any] = {"messages": [*messages, {"role": "assistant", "content": case.expected[0]}]}
    if case.tools:
        row["tools"] = list(case.tools)
    try:
        segments = layout.row_segments(row, DatasetFormat.CHAT)
    except TunedeckError:
        return None  # a template that refuses this conversation
    tokens = [token for segment in segments for token in segment.ids]
    learned = [segment.trained for segment in segments for _ in segment.ids]
    return (tokens, learned) if len(tokens) <= layout.context else None
