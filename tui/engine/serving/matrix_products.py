"""A model's matrices as serving multiplies with them: packed where that is possible, else as float32."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.packed_weights import OUTPUT, matrix_name, open_packed
from tui.engine.llama.weights import PROJECTIONS, LlamaWeights
from tui.engine.serving.packed_products import PackedProducts, PackedUnavailable, packed_unavailable

Array = NDArray[np.float32]

MAX_ROWS_BY_VECTOR = 4
"""Up to this many rows, one matrix-vector product per row beats a matrix product (21 against 32 ms a step
for two rows of the 135M model, OpenBLAS 0.3.31 with AVX2, 2 threads, 2026-11): the second row finds the
layer's weights still in the processor's cache, and nothing is repacked. It also makes an answer independent
of who else is being answered."""

_log = logging.getLogger(__name__)


class Product(Protocol):
    """Multiplies with one matrix."""

    def __call__(self, rows: Array, out: Array) -> None:
        """Write rows [n, in] · matrix [out, in] transposed into out [n, out]."""
        ...


class DenseProduct:
    """A product with a float32 matrix [out, in]."""

    def __init__(self, matrix: Array) -> None:
        self._matrix = matrix

    def __call__(self, rows: Array, out: Array) -> None:
        """Write rows [n, in] · matrix transposed into out [n, out]."""
        if len(rows) > MAX_ROWS_BY_VECTOR:
            np.matmul(rows, self._matrix.T, out=out)
            return
        for row, target in zip(rows, out, strict=True):
            np.dot(self._matrix, row, out=target)


class PackedProduct:
    """A product with a packed matrix."""

    def __init__(self, products: PackedProducts, name: str) -> None:
        self._products, self._name = products, name

    def __call__(self, rows: Array, out: Array) -> None:
        """Write rows [n, in] · matrix transposed into out [n, out]."""
        if len(rows) > MAX_ROWS_BY_VECTOR:
            self._products.multiply(self._name, rows, out)
            return
        for row, target in zip(rows, out, strict=True):
            self._products.multiply_vector(self._name, row, target)


class ModelProducts:
    """The products of a whole model and its table of embeddings.

    Args:
        weights: The float32 weights, possibly mapped: what is packed is never read from them.
        packed: The packed matrices by name; None for float32 throughout.
    """

    def __init__(self, weights: LlamaWeights, packed: PackedProducts | None = None) -> None:
        def product(name: str, matrix: Array) -> Product:
            if packed is not None and name in packed:
                return PackedProduct(packed, name)
            return DenseProduct(matrix)

        self.layers: list[Mapping[str, Product]] = [
            {name: product(matrix_name(number, name), layer.projection(name)) for name in PROJECTIONS}
            for number, layer in enumerate(weights.layers)
        ]
        self.output = product(OUTPUT, weights.output)
        self._embedding = weights.embedding
        is_tied = weights.embedding is weights.output
        self._packed = packed if packed is not None and is_tied and OUTPUT in packed else None

    def embed(self, ids: list[int], out: Array) -> None:
        """Write the embeddings of tokens into out [tokens, hidden]."""
        if self._packed is None:
            np.take(self._embedding, ids, axis=0, out=out)
        else:
            out[:] = self._packed.rows(OUTPUT, ids)


def open_products(folder: Path, weights: LlamaWeights) -> tuple[ModelProducts, str]:
    """Return the quickest products that this machine has for a prepared model, and words for which they are.

    Args:
        folder: Of the prepared model.
        weights: Its weights.
    """
    reason = packed_unavailable()
    if reason is None:
        matrices = open_packed(folder, weights)
        if not matrices:
            return ModelProducts(weights), "float32: its weights were never quantised"
        try:
            packed = PackedProducts(matrices)
        except PackedUnavailable as error:
            reason = str(error)
        else:
            size = sum(blocks.nbytes for blocks in matrices.values())
            return ModelProducts(weights, packed), f"packed: {size / 1e6:.0f} MB read for each token"
    _log.warning("%s is served from float32 weights: %s", folder.name, reason)
    return ModelProducts(weights), f"float32: {reason}"
