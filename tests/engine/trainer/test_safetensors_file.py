from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from tui.engine.llama.safetensors_file import open_tensors, write_tensors


@pytest.mark.skipif(os.name == "nt", reason="Windows counts handles, not descriptors")
def test_a_file_of_many_tensors_costs_one_file_descriptor(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    values = {f"layer.{number}": np.full((2, 3), number, np.float32) for number in range(40)}
    write_tensors(path, {name: value.shape for name, value in values.items()}, values.items())
    before = psutil.Process().num_fds()
    tensors = open_tensors(path)
    assert psutil.Process().num_fds() <= before + 1
    assert all(np.array_equal(tensors[name], value) for name, value in values.items())
