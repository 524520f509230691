"""The packed form of a prepared model's matrices, kept beside them in a file of its own.

It takes a second of computing to find, so it is made when a model is prepared; a folder prepared by an
earlier version gets it when it is opened first.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from tui.atomic import write_bytes
from tui.engine.llama.packed_blocks import BLOCK, BYTES_4, BYTES_8, Array, Packed, pack_matrix, unpack_matrix
from tui.engine.llama.safetensors_file import open_tensors
from tui.engine.llama.weights import PROJECTIONS, LlamaWeights
from tui.errors import TunedeckError

PACKED = "packed.safetensors"
OUTPUT = "output"
"""Name of the matrix that makes the logits, which is the embedding too when the model ties them."""

_log = logging.getLogger(__name__)


def matrix_name(layer: int, projection: str) -> str:
    """Return the name of a layer's matrix in the packed file."""
    return f"layers.{layer}.{projection}"


def pack_weights(weights: LlamaWeights) -> dict[str, Packed]:
    """Return the matrices that have a packed form, by name; none of a model that was never quantised."""
    packed = ((name, pack_matrix(matrix)) for name, matrix in _matrices(weights))
    return {name: blocks for name, blocks in packed if blocks is not None}


def write_packed(folder: Path, packed: Mapping[str, Packed]) -> None:
    """Write the packed file of a prepared folder, atomically; none when there is nothing to keep.

    Raises:
        OSError: The folder can't be written.
    """
    if packed:
        write_bytes(folder / PACKED, save(dict(packed), {"format": "tunedeck-packed-1"}))


def open_packed(folder: Path, weights: LlamaWeights) -> dict[str, Packed]:
    """Return the packed matrices of a prepared folder, mapped from its file or made now and kept there."""
    with contextlib.suppress(TunedeckError):
        packed = open_tensors(folder / PACKED)
        if all(name in dict(_matrices(weights)) for name in packed) and _fit(packed, weights):
            return packed
        _log.warning("%s is not of the weights beside it; it is made anew", folder / PACKED)
    packed = pack_weights(weights)
    try:
        write_packed(folder, packed)
    except OSError as error:  # a full disk or a shared folder: it is made again at the next start
        _log.warning("%s can't be kept: %s", folder / PACKED, error)
    return packed


def _matrices(weights: LlamaWeights) -> Iterator[tuple[str, Array]]:
    for number, layer in enumerate(weights.layers):
        for projection in PROJECTIONS:
            yield matrix_name(number, projection), layer.projection(projection)
    yield OUTPUT, weights.output


def _fit(packed: Mapping[str, Packed], weights: LlamaWeights) -> bool:
    """Whether blocks are of these weights, by their shapes and the first and last row of each."""
    for name, matrix in _matrices(weights):
        blocks = packed.get(name)
        if blocks is None:
            continue
        rows, width = matrix.shape
        if blocks.dtype != np.uint8 or blocks.shape not in [
            (rows, width // BLOCK, b) for b in (BYTES_4, BYTES_8)
        ]:
            return False
        ends = [0, rows - 1]
        if not np.array_equal(unpack_matrix(blocks[ends]), matrix[ends]):
            return False
    return True
