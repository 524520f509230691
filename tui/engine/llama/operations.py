"""The elementary operations of a Llama layer and their derivatives, by rows.

All take and return [rows, width] arrays of any float type: float32 to work, float64 to check gradients.
Functions that end in `_backward` take the derivative of the loss by their result and return it by their
argument.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import LowRank

Array = npt.NDArray[Any]


def rms_norm(rows: Array, weight: Array, epsilon: float) -> tuple[Array, Array]:
    """Return the normalised rows times `weight`, and the inverse root mean squares [rows, 1]."""
    mean_squares = np.einsum("nd,nd->n", rows, rows)[:, None] / rows.shape[1]
    mean_squares += epsilon
    inverse: Array = 1 / np.sqrt(mean_squares)
    normalised = rows * inverse
    normalised *= weight
    return normalised, inverse


def rms_norm_backward(gradient: Array, rows: Array, inverse: Array, weight: Array) -> Array:
    """Return the derivative by `rows`."""
    result = gradient * weight
    unit = rows * inverse
    unit *= np.einsum("nd,nd->n", result, unit)[:, None] / rows.shape[1]
    result -= unit
    result *= inverse
    return result


def swiglu(gate_up: Array) -> Array:
    """Return silu(gate) * up, where `gate_up` holds gate and up side by side."""
    gate, up = np.split(gate_up, 2, axis=1)
    result: Array = np.negative(gate)
    with np.errstate(over="ignore"):  # exp(89) is infinite, and x / infinity is the right answer
        np.exp(result, out=result)
    result += 1
    np.divide(gate, result, out=result)
    result *= up
    return result


def swiglu_backward(gradient: Array, gate_up: Array) -> Array:
    """Overwrite `gate_up` with the derivative by it, and return what `swiglu` had returned."""
    gate, up = np.split(gate_up, 2, axis=1)
    sigmoid = np.negative(gate)
    with np.errstate(over="ignore"):
        np.exp(sigmoid, out=sigmoid)
    sigmoid += 1
    np.reciprocal(sigmoid, out=sigmoid)
    silu = gate * sigmoid
    activation: Array = silu * up
    # d silu / d gate = sigmoid + silu * (1 - sigmoid)
    np.multiply(gradient, up, out=gate)
    np.multiply(gradient, silu, out=up)
    silu -= silu * sigmoid
    silu += sigmoid
    gate *= silu
    return activation


def project(rows: Array, matrix: Array, pair: LowRank | None) -> tuple[Array, Array | None]:
    """Return rows times `matrix` with its adapter, and rows times the adapter's `down` for going back."""
    result = rows @ matrix.T
    if pair is None:
        return result, None
    inner = rows @ pair.down.T
    result += inner @ pair.up.T
    return result, inner


def project_backward(
    gradient: Array,
    rows: Array,
    inner: Array,
    matrix: Array | None,
    pair: LowRank,
    pair_gradient: LowRank,
) -> Array | None:
    """Add to `pair_gradient`; return the derivative by `rows` unless `matrix` is None."""
    through_up = gradient @ pair.up
    pair_gradient.add(through_up.T @ rows, gradient.T @ inner)
    if matrix is None:
        return None
    result: Array = gradient @ matrix
    result += through_up @ pair.down
    return result


class RopeTables:
    """Cosines and sines of rotary position embedding (Su et al. 2021), [positions, head_dim / 2].

    Args:
        config: Base frequency and scaling.
        positions: How many positions to prepare; later ones are refused.
        dtype: Type of the tables.
    """

    def __init__(self, config: LlamaConfig, positions: int, dtype: npt.DTypeLike = np.float32) -> None:
        angles = np.outer(np.arange(positions), rope_frequencies(config))
        self.cosines: Array = np.cos(angles).astype(dtype)
        self.sines: Array = np.sin(angles).astype(dtype)

    def at(self, positions: Array) -> tuple[Array, Array]:
        """Return the rows of both tables for some positions."""
        return self.cosines[positions], self.sines[positions]


def rotate(heads: Array, cosines: Array, sines: Array, *, back: bool = False) -> None:
    """Rotate [rows, heads, head_dim] in place by each row's angles; `back` undoes it: the derivative."""
    half = heads.shape[-1] // 2
    first, second = heads[..., :half], heads[..., half:]
    cosine, sine = cosines[:, None], -sines[:, None] if back else sines[:, None]
    turned = first * sine
    first *= cosine
    first -= second * sine
    second *= cosine
    second += turned


def rope_frequencies(config: LlamaConfig) -> Array:
    """Return radians per position, float64 [head_dim / 2], after the model's scaling for long texts."""
    frequencies = config.rope_theta ** (-np.arange(0, config.head_dim, 2, dtype=np.float64) / config.head_dim)
    scaling = config.rope_scaling
    if scaling is None:
        return np.asarray(frequencies)
    if "factors" in scaling:
        return np.asarray(frequencies / np.asarray(scaling["factors"], np.float64))
    if scaling["type"] == "linear":
        return np.asarray(frequencies / float(scaling["factor"]))
    # Llama 3.1: long waves are stretched by the factor, short ones kept, those between blended.
    low, high = float(scaling["low_freq_factor"]), float(scaling["high_freq_factor"])
    waves = float(scaling["original_max_position_embeddings"]) * frequencies / (2 * math.pi)
    blend = np.clip((waves - low) / (high - low), 0.0, 1.0)
    return np.asarray(frequencies * (blend + (1 - blend) / float(scaling["factor"])))
