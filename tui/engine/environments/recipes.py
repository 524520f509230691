"""What each environment holds and what it weighs: measured, with the day, and shown before a download."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from tui.engine.bundle import REQUIREMENTS
from tui.errors import TunedeckError

MEGABYTE = 1_000_000

CPU_TORCH = "torch==2.13.0+cpu"
"""torch without CUDA, as Linux needs it by its own version; other systems' ordinary wheels have none."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One kind of environment."""

    name: str
    purpose: str
    """For people, after "to"."""
    requirements: tuple[str, ...]
    proof: tuple[str, ...]
    """Modules that must import before the environment counts as made."""
    installed_mb: int
    """Megabytes on disk."""
    cpu_installed_mb: int | None
    """The same with a CPU-only torch; None where that makes no sense."""
    packages: int
    """About how many."""
    read_on: str
    """Day on which size and number were measured."""
    gpu_requirements: tuple[str, ...] = ()
    """Left out of a CPU-only environment."""

    def asked(self, *, cpu: bool) -> tuple[str, ...]:
        """Return what pip is asked for."""
        own = (*self.requirements, *(() if cpu else self.gpu_requirements))
        return (CPU_TORCH, *own) if cpu and sys.platform == "linux" else own

    def megabytes(self, *, cpu: bool) -> int:
        """Return what it weighs on disk."""
        return self.cpu_installed_mb if cpu and self.cpu_installed_mb is not None else self.installed_mb


_TRL = (
    "torch>=2.13",
    "transformers>=5.23,<6",
    "trl>=1.16,<2",
    "peft>=0.21",
    "accelerate>=1.15",
    *REQUIREMENTS,
)
_FOUR_BITS = ("bitsandbytes>=0.46; sys_platform == 'linux' or sys_platform == 'win32'",)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            "gpu",
            "train open-weight models with TRL and PEFT, on a GPU or on the processor",
            _TRL,
            ("torch", "transformers", "trl", "peft", "orjson"),
            installed_mb=5_930,
            cpu_installed_mb=1_500,
            packages=70,
            read_on="2026-11-30",
            gpu_requirements=_FOUR_BITS,
        ),
        Recipe(
            "ray",
            "train with Ray on a cluster, or start a Ray on this machine",
            ("ray[default,train]>=2.60", *_TRL),
            ("ray", "torch", "trl", "peft", "orjson"),
            installed_mb=6_290,
            cpu_installed_mb=1_800,
            packages=115,
            read_on="2026-11-21",
            gpu_requirements=_FOUR_BITS,
        ),
        Recipe(
            "vllm",
            "serve open-weight models and their adapters on a GPU",
            ("vllm>=0.32",),
            ("vllm",),
            installed_mb=8_540,
            cpu_installed_mb=None,
            packages=199,
            read_on="2026-11-21",
        ),
        Recipe(
            "llamacpp",
            "serve GGUF models on the processor, faster than the embedded engine",
            ("xllamacpp",),
            ("xllamacpp",),
            installed_mb=101,
            cpu_installed_mb=None,
            packages=2,
            read_on="2026-11-21",
        ),
    )
}


def recipe_of(name: str) -> Recipe:
    """Return the recipe of that name.

    Raises:
        TunedeckError: There is none; the names are told.
    """
    if name not in RECIPES:
        raise TunedeckError(
            f"There is no environment {name!r}.", f"Those that can be made: {', '.join(RECIPES)}."
        )
    return RECIPES[name]
