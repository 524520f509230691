"""Reads GGUF files: quantised weights, and a tokenizer described in llama.cpp's terms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

from tui.engine.llama.chat_template import CHATML
from tui.engine.llama.config import LlamaConfig, require_llama
from tui.engine.llama.model_source import TokenizerFiles
from tui.errors import TunedeckError

Array = npt.NDArray[Any]

CONTROL_TOKEN = 3
"""llama.cpp's token type of control tokens (gguf 0.19, TokenType.CONTROL)."""
USER_TOKEN = 4
"""llama.cpp's token type of words added to the vocabulary."""

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Llama 3 cuts text into words (its tokenizer.json, 2024)."""


class GgufSource:
    """One GGUF file.

    Raises:
        TunedeckError: Not a GGUF file, or not of a Llama model.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        try:
            reader = gguf.GGUFReader(path)
        except (ValueError, OSError, IndexError, KeyError) as error:
            raise TunedeckError(f"{path.name} is not a sound GGUF file: {error}.") from error
        self._fields: Mapping[str, Any] = reader.fields
        self._tensors = {tensor.name: tensor for tensor in reader.tensors}
        require_llama(self._value("general.architecture"), path.name)
        self.tied = "output.weight" not in self._tensors
        self.licence: str | None = self._value("general.license")
        self.config = self._read_config(name)

    def _value(self, key: str, default: Any = None) -> Any:
        field = self._fields.get(key)
        return default if field is None else field.contents()

    def _required(self, key: str) -> Any:
        value = self._value(key)
        if value is None:
            raise TunedeckError(
                f"{self.path.name} does not say {key}.", "The file may be cut off; fetch it again."
            )
        return value

    def _read_config(self, name: str) -> LlamaConfig:
        heads = int(self._required("llama.attention.head_count"))
        hidden = int(self._required("llama.embedding_length"))
        if "rope_freqs.weight" in self._tensors:
            scaling: Mapping[str, Any] | None = {"type": "llama3", "factors": self._rope_factors()}
        else:
            scaling = None
        return LlamaConfig(
            layers=int(self._required("llama.block_count")),
            hidden=hidden,
            heads=heads,
            kv_heads=int(self._value("llama.attention.head_count_kv", heads)),
            head_dim=int(self._value("llama.attention.key_length", hidden // heads)),
            feed_forward=int(self._required("llama.feed_forward_length")),
            vocabulary=len(self._required("tokenizer.ggml.tokens")),
            norm_epsilon=float(self._required("llama.attention.layer_norm_rms_epsilon")),
            rope_theta=float(self._value("llama.rope.freq_base", 10_000.0)),
            rope_scaling=scaling,
            context_length=int(self._value("llama.context_length", 2048)),
            end_token_ids=self._end_tokens(),
            name=name,
        )

    def _rope_factors(self) -> list[float]:
        return [float(factor) for factor in self._tensor("rope_freqs.weight")]

    def _end_tokens(self) -> tuple[int, ...]:
        keys = ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id")
        found = [self._value(key) for key in keys]
        return tuple(dict.fromkeys(int(number) for number in found if number is not None))

    def tokenizer_files(self) -> TokenizerFiles:
        """Build the tokenizer so that it cuts text exactly as llama.cpp does."""
        if self._value("tokenizer.ggml.model") != "gpt2":
            kind = self._value("tokenizer.ggml.model")
            raise TunedeckError(
                f"{self.path.name} has a tokenizer of kind {kind!r}.",
                "Add the model as a Hugging Face folder with a tokenizer.json instead.",
            )
        pieces: list[str] = self._required("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ", 1)) for merge in self._required("tokenizer.ggml.merges")]
        splitter, ignore_merges = _splitter(str(self._value("tokenizer.ggml.pre", "default")), self.path.name)
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer = splitter
        tokenizer.decoder = decoders.ByteLevel()
        kinds = self._required("tokenizer.ggml.token_type")
        for kind, special in ((CONTROL_TOKEN, True), (USER_TOKEN, False)):
            words = [piece for piece, its_kind in zip(pieces, kinds, strict=True) if its_kind == kind]
            tokenizer.add_tokens([AddedToken(word, special=special, normalized=False) for word in words])
        template = str(self._value("tokenizer.chat_template") or CHATML)
        return TokenizerFiles(json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False), template)

    def tensors(self) -> Iterator[tuple[str, Array]]:
        """Yield dequantised, fused tensors."""
        config = self.config
        yield "embedding", self._tensor("token_embd.weight")
        for layer in range(config.layers):
            own = f"blk.{layer}."
            queries = _rotate_half_order(self._tensor(f"{own}attn_q.weight"), config.heads)
            keys = _rotate_half_order(self._tensor(f"{own}attn_k.weight"), config.kv_heads)
            fused = f"layers.{layer}."
            yield f"{fused}attention_norm", self._tensor(f"{own}attn_norm.weight")
            yield f"{fused}qkv", np.concatenate([queries, keys, self._tensor(f"{own}attn_v.weight")])
            yield f"{fused}attention_out", self._tensor(f"{own}attn_output.weight")
            yield f"{fused}feed_forward_norm", self._tensor(f"{own}ffn_norm.weight")
            gate, up = self._tensor(f"{own}ffn_gate.weight"), self._tensor(f"{own}ffn_up.weight")
            yield f"{fused}gate_up", np.concatenate([gate, up])
            yield f"{fused}down", self._tensor(f"{own}ffn_down.weight")
        yield "final_norm", self._tensor("output_norm.weight")
        if not self.tied:
            yield "output", self._tensor("output.weight")

    def _tensor(self, name: str) -> Array:
        tensor = self._tensors.get(name)
        if tensor is None:
            raise TunedeckError(f"{self.path.name} lacks the tensor {name}.")
        shape = tuple(int(size) for size in reversed(tensor.shape))
        try:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        except NotImplementedError as error:
            raise TunedeckError(f"{self.path.name}: {tensor.tensor_type.name} can't be read.") from error
        return np.asarray(values, np.float32).reshape(shape)


def _splitter(kind: str, source: str) -> tuple[Any, bool]:
    """Return how text is cut into words before merging, and whether whole words skip the merges."""
    if kind == "smollm":
        digits = pre_tokenizers.Split(Regex(r"\p{N}"), "isolated")
        return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]), False
    if kind in ("gpt-2", "default"):
        return pre_tokenizers.ByteLevel(add_prefix_space=False), False
    if kind in ("llama-bpe", "llama3", "llama-v3"):
        words = pre_tokenizers.Split(Regex(LLAMA3_SPLIT), "isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([words, byte_level]), True
    raise TunedeckError(
        f"{source} cuts text in a way we don't know ({kind!r}).",
        "Add the model as a Hugging Face folder with a tokenizer.json instead.",
    )


def _rotate_half_order(matrix: Array, heads: int) -> Array:
    """Undo llama.cpp's interleaving of each head's rows (pairs) into transformers' order (halves)."""
    pairs = matrix.reshape(heads, matrix.shape[0] // heads // 2, 2, -1)
    return pairs.swapaxes(1, 2).reshape(matrix.shape)
