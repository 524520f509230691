"""Safetensors files as memory maps, and written one tensor at a time to save memory.

The `safetensors` package copies each tensor on reading; mapped pages are shared by server and workers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.errors import TunedeckError

ALIGNMENT = 64
"""Bytes; the header is padded to it so that tensors of common sizes start on a cache line."""
MAX_HEADER = 100_000_000
"""Bytes; the format's own limit."""

Array = npt.NDArray[Any]
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def open_tensors(path: Path) -> dict[str, Array]:
    """Map every tensor of a file, read-only and without reading it; bfloat16 comes as its raw uint16.

    Raises:
        TunedeckError: The file is not a sound safetensors file.
    """
    try:
        entries = _header(path)
        # Once for all tensors: every map costs a file descriptor, and macOS gives a process 256 of them.
        data = np.memmap(path, np.uint8, mode="r").view(np.ndarray)
        return {name: _tensor(data, *entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TunedeckError(f"{path.name} is not a sound safetensors file: {error}.") from error


def _header(path: Path) -> dict[str, tuple[str, tuple[int, ...], int]]:
    """Return dtype, shape and byte offset in the file of each tensor."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(MAX_HEADER, size - 8):
            raise ValueError("its header length is impossible")
        header = json.loads(file.read(length))
    if not isinstance(header, dict):
        raise ValueError("its header is not an object")
    entries = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        if not 0 <= start <= end <= size - 8 - length:
            raise ValueError(f"tensor {name} lies outside the file")
        if end - start != np.prod(entry["shape"], dtype=np.int64) * np.dtype(DTYPES[entry["dtype"]]).itemsize:
            raise ValueError(f"tensor {name} has another size than its shape says")
        entries[name] = (entry["dtype"], tuple(entry["shape"]), 8 + length + start)
    return entries


def _tensor(data: npt.NDArray[np.uint8], dtype: str, shape: tuple[int, ...], offset: int) -> Array:
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(DTYPES[dtype]).itemsize
    return data[offset : offset + size].view(DTYPES[dtype]).reshape(shape)


def as_float32(tensor: Array) -> npt.NDArray[np.float32]:
    """Convert one mapped tensor; uint16 is taken for bfloat16, whose bits are float32's upper half."""
    if tensor.dtype == np.uint16:
        return (tensor.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(tensor, np.float32)


def as_bfloat16(tensor: Array) -> npt.NDArray[np.uint16]:
    """Return float32 numbers as bfloat16's bits, rounded to the nearest, halves to even."""
    bits = np.ascontiguousarray(tensor, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def write_tensors(
    path: Path,
    shapes: Mapping[str, Sequence[int]],
    tensors: Iterable[tuple[str, Array]],
    *,
    dtype: str = "F32",
) -> None:
    """Write float32 tensors as they are produced, which must be in the order of `shapes`.

    Args:
        path: Replaced if it exists.
        shapes: Name and shape of each tensor.
        tensors: Name and numbers of each tensor.
        dtype: How they are stored: F32, F16 or BF16.
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    itemsize = np.dtype(DTYPES[dtype]).itemsize
    offset = 0
    for name, shape in shapes.items():
        end = offset + itemsize * int(np.prod(shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for (name, tensor), (expected, shape) in zip(tensors, shapes.items(), strict=True):
            if name != expected or tensor.shape != tuple(shape):
                raise TunedeckError(f"Tensor {name} has shape {tensor.shape}, not {expected} {tuple(shape)}.")
            stored = as_bfloat16(tensor) if dtype == "BF16" else np.ascontiguousarray(tensor, DTYPES[dtype])
            file.write(stored.data)
