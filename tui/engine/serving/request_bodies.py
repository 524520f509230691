"""The bodies of the two text routes, checked field by field with the service's ranges."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tui.engine.api_errors import ApiError
from tui.engine.serving.sampling import SamplingOptions

Bias = Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)] | None
MAX_STOPS = 4


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class StreamOptions(_Strict):
    """`stream_options`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Accepted; nothing here needs hiding from the network."""


class JsonSchema(_Strict):
    """`response_format.json_schema`; an answer is held to it whether `strict` is set or not."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None


class ResponseFormat(_Strict):
    """`response_format`."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class TextBody(_Strict):
    """What both routes take."""

    model: str
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    presence_penalty: Penalty = None
    frequency_penalty: Penalty = None
    logit_bias: dict[str, Bias] | None = None
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None

    def stops(self) -> tuple[str, ...]:
        """Return the stop strings.

        Raises:
            ApiError: 400 for more than four.
        """
        stops = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if len(stops) > MAX_STOPS:
            raise ApiError(
                400,
                f"Invalid 'stop': array too long. Expected an array with maximum length {MAX_STOPS}, "
                f"but got an array with length {len(stops)} instead.",
                param="stop",
                code="array_above_max_length",
            )
        return stops

    def sampling(self, vocabulary: int) -> SamplingOptions:
        """Return how tokens are chosen.

        Raises:
            ApiError: 400 when `logit_bias` names no token of the vocabulary.
        """
        bias = self.logit_bias or {}
        for key in bias:
            if not (key.isascii() and key.isdigit() and int(key[:10]) < vocabulary):
                raise ApiError(
                    400,
                    f"Invalid key in 'logit_bias': {key[:40]!r}. "
                    f"Expected a token id from 0 to {vocabulary - 1}.",
                    param="logit_bias",
                    code="invalid_value",
                )
        return SamplingOptions(
            temperature=1.0 if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            presence_penalty=self.presence_penalty or 0.0,
            frequency_penalty=self.frequency_penalty or 0.0,
            logit_bias={int(key): value for key, value in bias.items()},
            seed=self.seed,
        )

    def includes_usage(self) -> bool:
        """Return whether the last chunk of a stream reports the tokens used.

        Raises:
            ApiError: 400 when stream options come without a stream.
        """
        if self.stream_options is None:
            return False
        if not self.stream:
            raise ApiError(
                400,
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        return bool(self.stream_options.include_usage)


class ChatBody(TextBody):
    """Body of POST /v1/chat/completions."""

    messages: list[dict[str, Any]]
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    # The rest is checked no further: nothing of it changes what a local model writes.
    metadata: Any = None
    modalities: list[str] | None = None
    moderation: Any = None
    parallel_tool_calls: bool | None = None
    prediction: Any = None
    prompt_cache_key: str | None = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    verbosity: str | None = None
    # These would change the answer, so they are known only to be refused in words that help.
    audio: Any = None
    functions: Any = None
    function_call: Any = None
    web_search_options: Any = None


class CompletionBody(TextBody):
    """Body of POST /v1/completions."""

    prompt: str | list[str] | list[int] | list[list[int]] | None = None
    max_tokens: Annotated[int, Field(ge=0)] | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Field(ge=1, le=20)] | None = None
    suffix: str | None = None
