"""Quantised matrices find their small form again, bit for bit, and others find none."""

from __future__ import annotations

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from tui.engine.llama.packed_blocks import BYTES_4, BYTES_8, pack_matrix, unpack_matrix

Array = NDArray[np.float32]


def some_matrix(rows: int = 200, width: int = 96, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)


def as_gguf_keeps_it(matrix: Array, kind: gguf.GGMLQuantizationType) -> Array:
    quantised = gguf.quants.quantize(matrix, kind)
    restored: Array = gguf.quants.dequantize(quantised, kind)
    return restored


@pytest.mark.parametrize(
    ("kind", "size"),
    [(gguf.GGMLQuantizationType.Q4_1, BYTES_4), (gguf.GGMLQuantizationType.Q8_0, BYTES_8)],
)
def test_a_gguf_matrix_is_packed_in_the_bits_it_was_kept_in_and_loses_nothing(
    kind: gguf.GGMLQuantizationType, size: int
) -> None:
    matrix = as_gguf_keeps_it(some_matrix(), kind)
    packed = pack_matrix(matrix)
    assert packed is not None
    assert packed.shape == (200, 3, size)
    assert unpack_matrix(packed).tobytes() == matrix.tobytes()


def test_a_matrix_that_was_never_quantised_has_no_packed_form() -> None:
    assert pack_matrix(some_matrix()) is None


def test_one_number_off_its_scale_in_the_last_row_leaves_a_matrix_unpacked() -> None:
    matrix = as_gguf_keeps_it(some_matrix(), gguf.GGMLQuantizationType.Q4_1)
    matrix[-1, -1] = np.nextafter(matrix[-1, -1], np.float32(9), dtype=np.float32)
    assert pack_matrix(matrix) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, np.finfo(np.float32).max])
def test_numbers_that_no_scale_can_hold_leave_a_matrix_unpacked(value: float) -> None:
    matrix = as_gguf_keeps_it(some_matrix(), gguf.GGMLQuantizationType.Q8_0)
    matrix[3, 5] = value
    assert pack_matrix(matrix) is None


def test_rows_that_are_no_whole_blocks_are_not_packed() -> None:
    assert pack_matrix(np.zeros((4, 48), np.float32)) is None


def test_blocks_of_one_value_are_packed() -> None:
    matrix = np.zeros((2, 64), np.float32)
    matrix[1] = 0.5
    packed = pack_matrix(matrix)
    assert packed is not None
    assert np.array_equal(unpack_matrix(packed), matrix)
