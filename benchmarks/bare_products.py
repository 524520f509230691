"""How quick writing text could be at most: every weight multiplied once a token, and nothing else, as JSON.

Used by `benchmarks.serving`: `python -m benchmarks.bare_products FOLDER`. Writing one token reads all weights
from memory, so this is what the machine's memory allows for float32 weights, and for packed ones.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.packed_blocks import BLOCK
from tui.engine.llama.packed_weights import open_packed
from tui.engine.llama.weights import PROJECTIONS, LlamaWeights
from tui.engine.serving.packed_products import PackedProducts, packed_unavailable

_ROUNDS = 15


def tokens_per_second(matrices: list[npt.NDArray[Any]], threads: int | None) -> float:
    """Return how many tokens a second the products alone would allow, with `threads` (None: all)."""
    vectors = [np.ones(matrix.shape[1], dtype=np.float32) for matrix in matrices]
    seconds = []
    with threadpool_limits(limits=threads, user_api="blas"):
        for _ in range(_ROUNDS):
            start = time.perf_counter()
            for matrix, vector in zip(matrices, vectors, strict=True):
                np.dot(matrix, vector)
            seconds.append(time.perf_counter() - start)
    return 1 / statistics.median(seconds)


def packed_tokens_per_second(folder: Path, weights: LlamaWeights) -> float | None:
    """Return how many tokens a second the packed products alone would allow, None if there are none here."""
    matrices = open_packed(folder, weights)
    if packed_unavailable() or not matrices:
        return None
    products, seconds = PackedProducts(matrices), []
    operands = [
        (name, np.ones(blocks.shape[1] * BLOCK, np.float32), np.empty(len(blocks), np.float32))
        for name, blocks in matrices.items()
    ]
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for name, vector, out in operands:
            products.multiply_vector(name, vector, out)
        seconds.append(time.perf_counter() - start)
    return 1 / statistics.median(seconds)


def main() -> None:
    """Measure the prepared base model in the folder named on the command line."""
    folder = Path(sys.argv[1])
    weights = load_base_model(folder).weights
    matrices = [layer.projection(name) for layer in weights.layers for name in PROJECTIONS]
    matrices.append(weights.output)
    allowed = {
        "all": tokens_per_second(matrices, None),
        "one": tokens_per_second(matrices, 1),
        "packed": packed_tokens_per_second(folder, weights),
    }
    print(json.dumps(allowed))


if __name__ == "__main__":
    main()
