"""Which settings a trial tries: laid out beforehand for grid and chance, asked for one by one otherwise."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from tui.records.sweeps import SettingValue, Stage, Trial
from tui.sweeps.space import drawn, grid_of
from tui.sweeps.terms import Strategy, SweepTerms

Settings = dict[str, SettingValue]


class Sampler(Protocol):
    """Chooses settings; what it needs to remember is kept where a crash can't take it."""

    def ask(self, number: int, trials: Sequence[Trial]) -> Settings | None:
        """Return the settings of a trial; None when nothing is left to try.

        Args:
            number: Of the trial, from 1; asked again for the same number after a crash.
            trials: All that were kept before.
        """
        ...

    def tell(self, trials: Sequence[Trial], stages: Sequence[Stage]) -> None:
        """Take note of what trials came to; what was told before changes nothing."""
        ...

    def close(self) -> None:
        """Release what is open."""
        ...


class ListedSampler:
    """Goes through settings that are known from the start.

    Args:
        listed: Settings of trial 1, 2, and so on.
    """

    def __init__(self, listed: Sequence[Settings]) -> None:
        self._listed = listed

    def ask(self, number: int, trials: Sequence[Trial]) -> Settings | None:
        """Return the settings in their place."""
        return self._listed[number - 1] if number <= len(self._listed) else None

    def tell(self, trials: Sequence[Trial], stages: Sequence[Stage]) -> None:
        """Nothing that happens changes the list."""

    def close(self) -> None:
        """Nothing is open."""


def known_settings(terms: SweepTerms) -> list[Settings] | None:
    """Return the settings of every trial, in order; None where results decide on them.

    Raises:
        TunedeckError: A grid can't be laid out.
    """
    search = terms.search
    if search.strategy is Strategy.BAYESIAN:
        return None
    if search.strategy is Strategy.GRID:
        combinations = list(grid_of(terms.axes))
        if search.trials is None or search.trials >= len(combinations):
            return combinations
        # A part of a grid is taken evenly from all of it, not from its beginning.
        places = sorted(random.Random(search.seed).sample(range(len(combinations)), search.trials))
        return [combinations[place] for place in places]
    found: list[Settings] = []
    for number in range(1, (search.trials or 1) + 1):
        settings = drawn(terms.axes, search.seed, number, found)
        if settings is None:
            break
        found.append(settings)
    return found


def open_sampler(terms: SweepTerms, sweep_id: str) -> Sampler:
    """Return the sampler of a sweep.

    Raises:
        TunedeckError: A grid can't be laid out, or optuna is not installed or can't use its storage.
    """
    known = known_settings(terms)
    if known is not None:
        return ListedSampler(known)
    from tui.sweeps.bayesian import OptunaSampler  # 40 MB that only this search needs

    return OptunaSampler(terms, sweep_id)
