"""Products with packed matrices, which read a fifth of the bytes that float32 would.

numpy has no product of numbers in blocks, and the libraries that have one are too large for every
installation (onnxruntime 83 MB, numba 208 MB). So the loops are some 280 lines of WebAssembly text,
which `wasmtime` (30 MB, wheels for every system) turns into this processor's vector instructions in 15 ms.

A vector is multiplied with the packed numbers themselves, which are exact; the vector is split into two of
16 bits each, so that a product differs from the true one by 5e-7 of its size, where float32's does by 3e-7.
For more vectors the matrix is unpacked, a part that fits the processor's cache at a time, to the very
numbers that it was packed from. One thread does it all: no two wait for each other on a busy machine.
"""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tui.engine.llama.packed_blocks import BLOCK, BYTES_4, Packed

if TYPE_CHECKING:
    import wasmtime

Array = NDArray[np.float32]

_PAGE = 65_536
"""Bytes of a WebAssembly page."""
_ALIGNMENT = 64
_MOST_BYTES = 2**32 - _PAGE
_VECTOR_BLOCK = 144
"""Bytes of a block of the split vector; packed_products.wat says what is in them."""
_UNPACKED_BYTES = 8 * 2**20
"""Room for unpacked rows: the largest matrix of a layer of the 135M model takes 7 MB."""


class PackedUnavailable(Exception):
    """The packed products can't be used here; the text says why."""


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A matrix in the code's memory; `lowest` is empty for 8 bits."""

    blocks: Packed
    """[rows, blocks a row, bytes], of 4 bits without the lowest values."""
    lowest: Array
    """[rows, blocks a row, filled up to a multiple of four]."""
    bits: int
    places: tuple[int, int]
    """Addresses of both."""


class PackedProducts:
    """The packed matrices of one model, copied into memory of their own, and the code that multiplies them.

    Not thread-safe: one product is worked out at a time. Python is free to run other threads meanwhile.

    Args:
        matrices: By any name, as `pack_matrix` made them; at least one.

    Raises:
        PackedUnavailable: No wasmtime, no right to run generated code, or no memory.
    """

    def __init__(self, matrices: Mapping[str, Packed]) -> None:
        tallest, widest = (max(packed.shape[axis] for packed in matrices.values()) for axis in (0, 1))
        room = max(_UNPACKED_BYTES, 4 * BLOCK * widest, 4 * tallest)
        work = [4 * BLOCK * widest, room, _VECTOR_BLOCK * widest, 4 * _filled(widest)]
        parts = [*work, *(size for packed in matrices.values() for size in _sizes(packed))]
        self._code = _Code(sum(parts) + (len(parts) + 1) * _ALIGNMENT)
        self._free = _ALIGNMENT
        self._task = self._code.memory[:32].view("<u4")
        vector, result, *split = (self._reserve(size) for size in work)
        self._task[2], self._task[3] = self._address(vector), self._address(result)
        self._task[6:8] = [self._address(part) for part in split]
        self._vector, self._result = vector.view("<f4"), result.view("<f4")
        self._matrices = {name: self._copy(packed) for name, packed in matrices.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._matrices

    def rows(self, name: str, numbers: Sequence[int]) -> Array:
        """Return some rows of a matrix, unpacked, [rows, in]."""
        matrix = self._matrices[name]
        width = BLOCK * matrix.blocks.shape[1]
        found = np.empty((len(numbers), width), dtype=np.float32)
        for number, row in zip(numbers, found, strict=True):
            self._run("unpack", matrix, number, 1)
            row[:] = self._result[:width]
        return found

    def multiply_vector(self, name: str, vector: Array, out: Array) -> None:
        """Write matrix [out, in] · vector [in] into out [out]."""
        self._vector[: len(vector)] = vector
        self._run("multiply", self._matrices[name], 0, len(out))
        out[:] = self._result[: len(out)]

    def multiply(self, name: str, rows: Array, out: Array) -> None:
        """Write rows [n, in] · matrix [out, in] transposed into out [n, out], with the unpacked numbers."""
        matrix, width = self._matrices[name], rows.shape[1]
        most = len(self._result) // width
        for start in range(0, out.shape[1], most):
            count = min(most, out.shape[1] - start)
            self._run("unpack", matrix, start, count)
            unpacked = self._result[: count * width].reshape(count, width)
            np.matmul(rows, unpacked.T, out=out[:, start : start + count])

    def _run(self, verb: str, matrix: _Matrix, start: int, rows: int) -> None:
        """Run the code on `rows` rows of a matrix from row `start` on."""
        blocks, lowest = matrix.places
        task = self._task
        task[0] = blocks + start * matrix.blocks.strides[0]
        task[1] = lowest + start * matrix.lowest.strides[0]
        task[4], task[5] = rows, matrix.blocks.shape[1]
        self._code.run(f"{verb}_{matrix.bits}_bits")

    def _reserve(self, size: int) -> NDArray[np.uint8]:
        start = self._free
        self._free = -(-(start + size) // _ALIGNMENT) * _ALIGNMENT
        return self._code.memory[start : start + size]

    def _address(self, part: NDArray[Any]) -> int:
        return int(part.ctypes.data - self._code.memory.ctypes.data)

    def _copy(self, packed: Packed) -> _Matrix:
        rows, count, _ = packed.shape
        bits = 4 if packed.shape[-1] == BYTES_4 else 8
        blocks, lowest = map(self._reserve, _sizes(packed))
        blocks = blocks.reshape(rows, count, -1)
        lows = lowest.view("<f4").reshape(rows, -1)
        if bits == 4:
            # As records, which are moved whole: byte by byte the 135M model takes 0.3 s.
            records = packed.view([("numbers", "V20"), ("lowest", "<f4")])[..., 0]
            blocks.view("V20")[..., 0] = records["numbers"]
            lows[:, :count] = records["lowest"]
        else:
            blocks[:] = packed
        return _Matrix(blocks, lows, bits, (self._address(blocks), self._address(lows)))


def _sizes(packed: Packed) -> tuple[int, int]:
    """Return the bytes that blocks and lowest values take in the code's memory."""
    rows, count, size = packed.shape
    return (rows * count * (size - 4), 4 * rows * _filled(count)) if size == BYTES_4 else (packed.nbytes, 0)


def _filled(count: int) -> int:
    """Return the next multiple of four."""
    return -(-count // 4) * 4


def packed_unavailable() -> str | None:
    """Return why packed products can't be used here, or None if they can; takes 0.1 s the first time."""
    try:
        _compiled()
    except PackedUnavailable as error:
        return str(error)
    return None


class _Code:
    """The compiled code with `size` bytes of memory, which never moves.

    Raises:
        PackedUnavailable: It can't be compiled, or the memory is not to be had.
    """

    def __init__(self, size: int) -> None:
        engine, module = _compiled()
        import wasmtime

        if size > _MOST_BYTES:
            raise PackedUnavailable(f"packed weights of {size / 1e9:.1f} GB are more than 4 GB")
        pages = -(-size // _PAGE)
        try:
            self._store = wasmtime.Store(engine)
            exports = wasmtime.Instance(self._store, module, []).exports(self._store)
            memory = exports["memory"]
            assert isinstance(memory, wasmtime.Memory)
            memory.grow(self._store, pages - memory.size(self._store))
        except wasmtime.WasmtimeError as error:
            raise PackedUnavailable(f"{size / 1e6:.0f} MB of memory can't be had: {_line(error)}") from error
        self._functions: dict[str, wasmtime.Func] = {
            name: function for name, function in exports.items() if isinstance(function, wasmtime.Func)
        }
        address = ctypes.addressof(memory.data_ptr(self._store).contents)
        buffer = (ctypes.c_uint8 * (pages * _PAGE)).from_address(address)
        self.memory: NDArray[np.uint8] = np.ctypeslib.as_array(buffer)
        """Lives as long as this object."""

    def run(self, function: str) -> None:
        """Run one of the module's functions."""
        self._functions[function](self._store)


@cache
def _compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    try:
        import wasmtime
    except (ImportError, OSError) as error:  # no wheel for this system, or its library can't be opened
        raise PackedUnavailable(f"wasmtime can't be imported: {error}") from error
    text = resources.files("tui.engine.serving").joinpath("packed_products.wat").read_text("utf-8")
    try:
        engine = wasmtime.Engine()
        module = wasmtime.Module(engine, text)
    except wasmtime.WasmtimeError as error:  # a processor it does not know, a system that forbids new code
        raise PackedUnavailable(f"wasmtime can't compile for this machine: {_line(error)}") from error
    # At the interpreter's own end the functions that delete them are gone already, which prints errors.
    atexit.register(_compiled.cache_clear)
    return engine, module


def _line(error: Exception) -> str:
    """Return wasmtime's words, which come in paragraphs, on one line."""
    return " ".join(str(error).split())
