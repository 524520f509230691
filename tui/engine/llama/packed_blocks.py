"""Matrices of quantised models in their small form again: blocks of 32 numbers on an even scale.

A GGUF file keeps a block of Q4_1 as sixteen bytes of 4-bit numbers with a step and a lowest value, and one
of Q8_0 as 32 signed bytes with a step (ggml's block_q4_1 and block_q8_0; gguf 0.19 reads them). Prepared
models are float32, which the trainer needs; writing text is bound by how many bytes of weights are read.
So the small form is found again from the float32 numbers, whatever file they came from, and kept only if it
gives every one of them back to the last bit. A matrix that was never on such a scale has none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Packed = NDArray[np.uint8]
"""Blocks of one matrix, [rows, blocks a row, BYTES_4 or BYTES_8]: the last axis says which of both it is."""

BLOCK = 32
"""Numbers in a block."""

BYTES_4 = 24
"""Bytes of a block of 4 bits: eight little-endian words of four numbers, step and lowest value in float32.
Bits 4k to 4k+3 of word j are number 8k + j of the block."""

BYTES_8 = 36
"""Bytes of a block of 8 bits: 32 signed numbers, step in float32."""

_ROWS_AT_ONCE = 128
"""Few enough for the processor's cache."""


def pack_matrix(matrix: Array) -> Packed | None:
    """Return the blocks of a matrix [out, in], 4 bits if they are enough, or None if it has no such form."""
    if matrix.shape[1] % BLOCK:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        packed = _pack_rows(matrix, _pack_4_bits)
        return _pack_rows(matrix, _pack_8_bits) if packed is None else packed


def unpack_matrix(packed: Packed) -> Array:
    """Return the float32 matrix [out, in] that blocks stand for."""
    rows = len(packed)
    blocks = np.ascontiguousarray(packed)
    if blocks.shape[-1] == BYTES_8:
        numbers = blocks[..., :BLOCK].view(np.int8).astype(np.float32)
        numbers *= _floats(blocks, BLOCK)
        return numbers.reshape(rows, -1)
    words = np.ascontiguousarray(blocks[..., :16]).view("<u2")
    shifts = np.arange(0, 16, 4, dtype=np.uint16)[:, None]
    numbers = ((words[..., None, :] >> shifts) & 15).reshape(*words.shape[:-1], BLOCK).astype(np.float32)
    numbers *= _floats(blocks, 16)
    numbers += _floats(blocks, 20)
    return numbers.reshape(rows, -1)


def _pack_rows(matrix: Array, pack: Callable[[Array], Packed | None]) -> Packed | None:
    """Pack a few rows at a time; give up at the first that have no such form."""
    parts = []
    for start in range(0, len(matrix), _ROWS_AT_ONCE):
        rows = np.asarray(matrix[start : start + _ROWS_AT_ONCE], np.float32)
        part = pack(rows.reshape(len(rows), -1, BLOCK))
        if part is None:
            return None
        parts.append(part)
    return np.concatenate(parts)


def _floats(blocks: Packed, place: int) -> Array:
    """Return the float32 at byte `place` of each block, with a last axis of one."""
    floats: Array = np.ascontiguousarray(blocks[..., place : place + 4]).view("<f4")
    return floats


def _pack_4_bits(blocks: Array) -> Packed | None:
    lowest = blocks.min(axis=-1, keepdims=True)
    # The step is kept in half precision, so the rounding of the range's ends goes away with it.
    step = ((blocks.max(axis=-1, keepdims=True) - lowest) / np.float32(15)).astype(np.float16)
    step = step.astype(np.float32)
    numbers = np.rint((blocks - lowest) / np.where(step > 0, step, 1))
    if not numbers.max() <= 15 or not np.array_equal(numbers * step + lowest, blocks):
        return None
    parts = numbers.astype(np.uint16).reshape(*blocks.shape[:-1], 4, 8)
    words = parts[..., 0, :] | parts[..., 1, :] << 4 | parts[..., 2, :] << 8 | parts[..., 3, :] << 12
    return np.concatenate([_bytes(words, "<u2"), _bytes(step, "<f4"), _bytes(lowest, "<f4")], axis=-1)


def _pack_8_bits(blocks: Array) -> Packed | None:
    step = (np.abs(blocks).max(axis=-1, keepdims=True) / np.float32(127)).astype(np.float16)
    step = step.astype(np.float32)
    numbers = np.rint(blocks / np.where(step > 0, step, 1))
    if not np.abs(numbers).max() <= 127 or not np.array_equal(numbers * step, blocks):
        return None
    return np.concatenate([numbers.astype(np.int8).view(np.uint8), _bytes(step, "<f4")], axis=-1)


def _bytes(values: NDArray[np.generic], dtype: str) -> Packed:
    return np.ascontiguousarray(values, dtype).view(np.uint8)
