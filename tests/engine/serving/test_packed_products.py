"""Products with packed matrices are those with float32 numbers, and say why where they can't be had."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import gguf
import numpy as np
import pytest
from numpy.typing import NDArray

from tui.engine.llama.packed_blocks import BYTES_4, BYTES_8, Packed, pack_matrix
from tui.engine.serving import packed_products
from tui.engine.serving.packed_products import PackedProducts, PackedUnavailable, packed_unavailable

Array = NDArray[np.float32]

KINDS = {BYTES_4: gguf.GGMLQuantizationType.Q4_1, BYTES_8: gguf.GGMLQuantizationType.Q8_0}
ROUNDING = 2e-6
"""Of a product's size; float32's own in another order of adding is 1e-6 at most for these sizes."""


@pytest.fixture
def nothing_compiled() -> Iterator[None]:
    packed_products._compiled.cache_clear()
    yield
    packed_products._compiled.cache_clear()


def quantised(rows: int, width: int, size: int = BYTES_4, seed: int = 0) -> tuple[Array, Packed]:
    matrix = np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)
    kept: Array = gguf.quants.dequantize(gguf.quants.quantize(matrix, KINDS[size]), KINDS[size])
    packed = pack_matrix(kept)
    assert packed is not None
    assert packed.shape[-1] == size
    return kept, packed


def vector_with_outliers(width: int, seed: int = 1) -> Array:
    """Most numbers small beside a few, as a model's own are."""
    vector = np.random.default_rng(seed).standard_normal(width).astype(np.float32)
    vector[:: width // 3] *= 1000
    return vector


@pytest.mark.parametrize("size", [BYTES_4, BYTES_8])
@pytest.mark.parametrize(("rows", "width"), [(1, 32), (7, 96), (576, 1536), (960, 576)])
def test_a_product_with_a_vector_is_as_exact_as_float32(rows: int, width: int, size: int) -> None:
    matrix, packed = quantised(rows, width, size)
    vector, out = vector_with_outliers(width), np.empty(rows, np.float32)
    PackedProducts({"a": packed}).multiply_vector("a", vector, out)
    exact = matrix.astype(np.float64) @ vector
    bound = np.abs(matrix.astype(np.float64)) @ np.abs(vector.astype(np.float64))
    assert (np.abs(out - exact) <= ROUNDING * bound).all()


@pytest.mark.parametrize("size", [BYTES_4, BYTES_8])
def test_a_product_with_many_rows_is_the_float32_product_bit_for_bit(size: int) -> None:
    matrix, packed = quantised(50, 96, size)
    rows = np.random.default_rng(2).standard_normal((9, 96)).astype(np.float32)
    out = np.empty((9, 50), np.float32)
    PackedProducts({"a": packed}).multiply("a", rows, out)
    assert np.array_equal(out, np.matmul(rows, matrix.T))


def test_a_matrix_larger_than_the_room_is_multiplied_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_products, "_UNPACKED_BYTES", 4 * 96 * 7)
    matrix, packed = quantised(50, 96)
    rows = np.random.default_rng(2).standard_normal((9, 96)).astype(np.float32)
    out = np.empty((9, 50), np.float32)
    PackedProducts({"a": packed}).multiply("a", rows, out)
    assert np.allclose(out, rows @ matrix.T, rtol=0, atol=1e-4)


def test_matrices_of_several_shapes_keep_out_of_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {str(n): quantised(20 + n, 32 * (1 + n), (BYTES_4, BYTES_8)[n % 2], n) for n in range(5)}
    products = PackedProducts({name: packed for name, (_, packed) in found.items()})
    for name, (matrix, _) in [*found.items(), *reversed(found.items())]:
        rows = np.random.default_rng(9).standard_normal((5, matrix.shape[1])).astype(np.float32)
        out = np.empty((5, len(matrix)), np.float32)
        products.multiply(name, rows, out)
        assert np.array_equal(out, np.matmul(rows, matrix.T))
        products.multiply_vector(name, rows[0], out[0])
        assert np.allclose(out[0], matrix @ rows[0], rtol=0, atol=1e-4)
        assert np.array_equal(products.rows(name, [19, 0, 3]), matrix[[19, 0, 3]])
    assert "5" not in products


def test_a_vector_of_zeros_gives_zeros_after_any_other() -> None:
    _, packed = quantised(40, 64)
    products, out = PackedProducts({"a": packed}), np.ones(40, np.float32)
    products.multiply_vector("a", vector_with_outliers(64), out)
    products.multiply_vector("a", np.zeros(64, np.float32), out)
    assert not out.any()


@pytest.mark.parametrize("size", [BYTES_4, BYTES_8])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_none_is_not_hidden(size: int, value: float) -> None:
    _, packed = quantised(40, 64, size)
    vector, out = np.ones(64, np.float32), np.zeros(40, np.float32)
    vector[40] = value
    products = PackedProducts({"a": packed})
    products.multiply_vector("a", vector, out)
    assert not np.isfinite(out).any()
    products.multiply_vector("a", np.ones(64, np.float32), out)
    assert np.isfinite(out).all()


def test_without_the_package_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, nothing_compiled: None
) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    assert "wasmtime can't be imported" in str(packed_unavailable())
    with pytest.raises(PackedUnavailable, match="can't be imported"):
        PackedProducts({"a": quantised(4, 32)[1]})


def test_where_code_can_not_be_compiled_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, nothing_compiled: None
) -> None:
    import wasmtime

    def refuse(*_: object) -> None:
        raise wasmtime.WasmtimeError("no right to run\n\nCaused by:\n    new code")

    monkeypatch.setattr(wasmtime, "Module", refuse)
    assert "no right to run Caused by: new code" in str(packed_unavailable())


def test_where_memory_can_not_be_had_the_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import wasmtime

    def refuse(*_: object) -> None:
        raise wasmtime.WasmtimeError("mmap failed")

    monkeypatch.setattr(wasmtime, "Instance", refuse)
    with pytest.raises(PackedUnavailable, match="MB of memory can't be had: mmap failed"):
        PackedProducts({"a": quantised(4, 32)[1]})


def test_more_weights_than_four_gigabytes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_products, "_MOST_BYTES", 1000)
    with pytest.raises(PackedUnavailable, match="more than 4 GB"):
        PackedProducts({"a": quantised(4, 32)[1]})
