"""Sizes and places as people read them."""

from __future__ import annotations

from pathlib import Path


def size(count: int) -> str:
    """Return bytes as `812 B`, `23 KB`, `1.3 GB` (powers of 1,000, as disks are sold)."""
    value = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if value >= 10 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def place(path: Path) -> str:
    """Return a path with the home folder as `~`, as shells show it."""
    home = Path.home()
    if path == home:
        return "~"
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def passes(epochs: int | None) -> str:
    """Return `1 epoch`, `3 epochs`, or that the service chooses how many."""
    return "epochs of the service's choice" if epochs is None else plural(epochs, "epoch")


def plural(count: int, noun: str) -> str:
    """Return `1 error`, `2 errors`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
