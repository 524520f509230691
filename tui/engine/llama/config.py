"""The shape of a Llama-family model, and the one place that decides whether we can run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tui.errors import TunedeckError

SUPPORTED = (
    "The local engine runs Llama-family models only (SmolLM2, Llama 2 and 3, TinyLlama and their tunes)."
)
ROPE_SCALINGS = ("llama3", "linear")


@dataclass(frozen=True, slots=True)
class LlamaConfig:
    """Sizes and constants of one model; counts are of heads, layers and tokens, `hidden` of floats."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    feed_forward: int
    vocabulary: int
    norm_epsilon: float
    rope_theta: float
    rope_scaling: Mapping[str, Any] | None
    context_length: int
    end_token_ids: tuple[int, ...]
    """Tokens that end an answer."""
    name: str

    def __post_init__(self) -> None:
        if self.heads % self.kv_heads:
            raise TunedeckError(f"{self.name}: {self.heads} heads can't share {self.kv_heads} key heads.")
        if self.rope_scaling is not None and self.rope_scaling.get("type") not in ROPE_SCALINGS:
            kind = self.rope_scaling.get("type")
            raise TunedeckError(f"{self.name}: rope scaling {kind!r} is not supported.", SUPPORTED)

    @property
    def query_width(self) -> int:
        """Width of all query heads side by side."""
        return self.heads * self.head_dim

    @property
    def key_width(self) -> int:
        """Width of all key heads side by side; values have the same."""
        return self.kv_heads * self.head_dim

    @property
    def qkv_width(self) -> int:
        """Width of queries, keys and values side by side."""
        return self.query_width + 2 * self.key_width

    def as_json(self) -> dict[str, Any]:
        """Return what `config.json` of a prepared folder holds."""
        return {"format": "tunedeck-llama-1", **asdict(self), "end_token_ids": list(self.end_token_ids)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LlamaConfig:
        """Read what `as_json` wrote."""
        if data.get("format") != "tunedeck-llama-1":
            raise TunedeckError("This folder is not a base model prepared by this version of tunedeck.")
        fields = {key: value for key, value in data.items() if key != "format"}
        return cls(**{**fields, "end_token_ids": tuple(fields["end_token_ids"])})


def require_llama(architecture: str | None, source: str) -> None:
    """Refuse any other architecture than Llama.

    Raises:
        TunedeckError: Names the architecture and what can be run instead.
    """
    if architecture != "llama":
        raise TunedeckError(f"{source} is a {architecture or 'nameless'} model.", SUPPORTED)


def config_from_hugging_face(data: Mapping[str, Any], name: str) -> LlamaConfig:
    """Translate the `config.json` of a transformers folder (4 and 5 name rope settings differently)."""
    require_llama(data.get("model_type"), name)
    if data.get("attention_bias") or data.get("mlp_bias"):
        raise TunedeckError(f"{name} has biases in its projections.", SUPPORTED)
    rope = dict(data.get("rope_parameters") or data.get("rope_scaling") or {})
    kind = rope.get("rope_type", rope.get("type", "default"))
    ends = data.get("eos_token_id")
    heads = int(data["num_attention_heads"])
    return LlamaConfig(
        layers=int(data["num_hidden_layers"]),
        hidden=int(data["hidden_size"]),
        heads=heads,
        kv_heads=int(data.get("num_key_value_heads") or heads),
        head_dim=int(data.get("head_dim") or data["hidden_size"] // heads),
        feed_forward=int(data["intermediate_size"]),
        vocabulary=int(data["vocab_size"]),
        norm_epsilon=float(data["rms_norm_eps"]),
        rope_theta=float(data.get("rope_theta") or rope.get("rope_theta") or 10_000.0),
        rope_scaling=None if kind in (None, "default") else {**rope, "type": kind},
        context_length=int(data.get("max_position_embeddings") or 2048),
        end_token_ids=tuple(ends if isinstance(ends, list) else [] if ends is None else [ends]),
        name=name,
    )
