"""What this machine can train on, and in which numbers."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from tui.errors import TunedeckError


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model is trained."""

    name: str
    """For people, such as "NVIDIA A100" or "the processor"."""
    place: str
    """torch's word: "cuda:0", "mps", "xpu:0" or "cpu"."""
    dtype: str
    """torch's name of the numbers that the base model's weights are kept in."""

    @property
    def is_processor(self) -> bool:
        """Say whether there is no accelerator."""
        return self.place == "cpu"

    @property
    def saves_memory(self) -> bool:
        """Say whether activations are computed twice rather than kept: worth it where memory is dear."""
        return not self.is_processor

    @property
    def has_bfloat16(self) -> bool:
        """Say whether bfloat16 is used here."""
        return self.dtype == "bfloat16"


def find_device() -> Device:
    """Return the accelerator of this process, else the processor.

    bfloat16 is used where the device computes it natively; elsewhere float32, since float16 overflows.
    """
    import torch

    rank = int(os.environ.get("LOCAL_RANK", "0"))
    if torch.cuda.is_available():
        number = rank % torch.cuda.device_count()
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return Device(torch.cuda.get_device_name(number), f"cuda:{number}", _dtype(native))
    xpu: Any = getattr(torch, "xpu", None)
    if xpu is not None and xpu.is_available():
        number = rank % xpu.device_count()
        return Device(xpu.get_device_name(number), f"xpu:{number}", _dtype(True))
    if torch.backends.mps.is_available():
        return Device("Apple GPU", "mps", "float32")
    return Device("the processor", "cpu", "float32")


def require_four_bits(device: Device) -> None:
    """Refuse a base model in 4 bits (QLoRA) where it can't be had.

    Raises:
        TunedeckError: Says what is missing.
    """
    if not device.place.startswith("cuda"):
        raise TunedeckError(
            f"load_in_4bit (QLoRA) needs an NVIDIA GPU, and this job runs on {device.name}.",
            "Leave load_in_4bit out, or run the job where a GPU is.",
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise TunedeckError(
            "load_in_4bit (QLoRA) needs bitsandbytes, which this environment lacks.",
            "Make the environment again with a GPU's packages: `tunedeck engine install gpu`.",
        )


def _dtype(native: bool) -> str:
    return "bfloat16" if native else "float32"
