"""What models answered to the rows of test sets, and how likely they held given texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.records.chats import TokenLogprob, ToolCall, Usage


@dataclass(frozen=True, slots=True)
class EvalAnswer:
    """A whole answer to one request, as it was paid for."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    first_token_seconds: float | None = None
    """From the request to the first text; None for a batch."""
    seconds: float | None = None
    """To the last; None for a batch."""
    asked_at: int = 0
    """Unix seconds."""
    batched: bool = False
    """It came through a Batch API, at its price."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of its tokens, where they were asked for; kept apart, and not read back with the answer."""


@dataclass(frozen=True, slots=True)
class TextScore:
    """How likely a model held a given text, token by token together."""

    tokens: int
    log_probability: float
    """Natural logarithm, of all tokens together."""
    right: int
    """Tokens that the model held likeliest."""


BATCH_KEY = "tunedeck_batch"
"""Name under which a batch's metadata carries the tag of the submission that made it."""


@dataclass(frozen=True, slots=True)
class RemoteBatch:
    """A batch as the service tells of it."""

    id: str
    status: str
    """The service's word."""
    output_file: str | None = None
    error_file: str | None = None
    total: int = 0
    """Requests in it."""
    completed: int = 0
    failed: int = 0
    problem: str = ""
    """Why the whole batch failed, in the service's words."""
    percent: float | None = None
    """How far it is, where the service tells that and no numbers."""

    @property
    def ended(self) -> bool:
        """True when the service will answer nothing more."""
        return self.status in ("completed", "failed", "expired", "cancelled")


@dataclass(frozen=True, slots=True)
class EvalBatch:
    """A batch that was handed to a service."""

    account: str
    id: str
    """The service's id; "tag:..." while it is not known whether the service took it."""
    model: str
    state: str
    """The service's word."""
    digests: tuple[bytes, ...]
    """Of the requests in it; each is named by its digest in hex."""
    created_at: int
    collected: bool = False


DIET, PARITY, ARMS = "diet", "parity", "arms"
"""Kinds of what is kept among evaluations; an evaluation itself has none."""


@dataclass(frozen=True, slots=True)
class EvalRun:
    """A finished evaluation as it was reported; a prompt diet or old against new likewise."""

    id: str
    created_at: int
    title: str
    report: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class EvalRunHead:
    """A finished evaluation in a list: what it came to, without its rows."""

    id: str
    created_at: int
    """Unix seconds."""
    title: str
    model: str = ""
    """The examined one; empty where the report does not tell."""
    rows: int = 0
    score: float | None = None
    """Of the examined model, 0 to 1; None without any."""
    word: str = ""
    """better, worse, or that it can't be told yet; empty for one model alone."""
    complete: bool = True
    kind: str = ""
    """`DIET`, `PARITY`, `ARMS`, or empty for an evaluation."""
