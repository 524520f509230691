"""Each quality lint with the rules it finds, by set."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tui.datasets.lints.protocol import Lint
from tui.datasets.options import CheckOptions

Makers = Mapping[tuple[str, ...], Callable[[CheckOptions], Lint]]

FAST: Makers = {}
SLOW: Makers = {}
