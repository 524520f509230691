"""Bayesian search: optuna is asked for settings and told what they came to, with its own storage beside ours.

Ours is the truth: a trial counts once the store has it. A crash can leave a trial that optuna has and the
store has not; it is taken up under its number, or told to have failed. If optuna's file is lost, it is made
anew from the store.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tui import paths
from tui.errors import TunedeckError
from tui.records.sweeps import SettingValue, Stage, Trial, TrialState
from tui.sweeps.space import Axis, size_of
from tui.sweeps.terms import SweepTerms

_NUMBER = "tunedeck_trial"
"""Attribute of an optuna trial: the number that it has here."""
_MOST_REPEATS = 12
"""Settings that were tried already are passed over so often."""
_LEAST_BY_CHANCE = 4


def why_missing() -> str:
    """Return why no search by results is possible here; empty when it is."""
    return "" if find_spec("optuna") is not None else "optuna, which searches by results, is not installed."


def storage_file(sweep_id: str) -> Path:
    """Return optuna's own file of a sweep, which its other tools can open."""
    return paths.sweeps_dir() / sweep_id / "optuna.sqlite3"


class OptunaSampler:
    """Asks and tells an optuna study.

    Args:
        terms: The sweep.
        sweep_id: Names the study and its file.

    Raises:
        TunedeckError: optuna is not installed, or its file can't be used.
    """

    def __init__(self, terms: SweepTerms, sweep_id: str) -> None:
        reason = why_missing()
        if reason:
            raise TunedeckError(reason, "`pip install 'tunedeck[sweep]'`, or search by chance.")
        import optuna

        self._optuna: Any = optuna
        self._terms = terms
        self._distributions = {axis.name: _distribution(optuna, axis) for axis in terms.axes}
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._file = storage_file(sweep_id)
        with self._failures():
            paths.make_private(self._file.parent)
            self._storage: Any = optuna.storages.RDBStorage(f"sqlite:///{self._file}")
            self._study: Any = optuna.create_study(
                storage=self._storage,
                study_name=sweep_id,
                direction="maximize" if terms.objective.highest_is_best else "minimize",
                load_if_exists=True,
            )

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Tell what optuna and SQLAlchemy raise, of whatever kind, as a sentence."""
        try:
            yield
        except Exception as error:
            words = (str(error).splitlines() or [type(error).__name__])[0]
            raise TunedeckError(
                f"optuna can't use {self._file}: {words}.",
                "Move the file away: it is made anew from the trials that are kept.",
            ) from None

    def ask(self, number: int, trials: Sequence[Trial]) -> dict[str, SettingValue] | None:
        """Return what optuna suggests for a trial, or what it suggested before a crash.

        Raises:
            TunedeckError: optuna's file can't be used.
        """
        with self._failures():
            return self._ask(number, trials)

    def _ask(self, number: int, trials: Sequence[Trial]) -> dict[str, SettingValue] | None:
        for frozen in self._study.get_trials(deepcopy=False):
            if frozen.user_attrs.get(_NUMBER) == number and len(frozen.params) == len(self._distributions):
                return self._settings(frozen.params)
        size = size_of(self._terms.axes)
        earlier = {_key(trial.settings): trial for trial in trials}
        if size is not None and len(earlier) >= size:
            return None
        for attempt in range(_MOST_REPEATS):
            self._study.sampler = self._sampler(number, attempt)
            asked = self._study.ask(self._distributions)
            settings = self._settings(asked.params)
            same = earlier.get(_key(settings))
            if same is None:
                asked.set_user_attr(_NUMBER, number)
                return settings
            # The same training again would cost the same and say nothing new.
            if same.value is not None:
                self._study.tell(asked, same.value)
            else:
                self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)
        from tui.sweeps.space import drawn  # only when nothing new is suggested

        settings_by_chance = drawn(
            self._terms.axes, self._terms.search.seed, number, [trial.settings for trial in trials]
        )
        if settings_by_chance is not None:
            self._study.add_trial(self._made(number, settings_by_chance, None, failed=False))
        return settings_by_chance

    def tell(self, trials: Sequence[Trial], stages: Sequence[Stage]) -> None:
        """Tell every trial that has a value or failed; with a halving the value of the first rung counts.

        Only values of the same amount of training can be compared, and all trials have the first rung's.

        Raises:
            TunedeckError: optuna's file can't be used.
        """
        with self._failures():
            self._tell(trials, stages)

    def _tell(self, trials: Sequence[Trial], stages: Sequence[Stage]) -> None:
        first = {stage.number: stage.value for stage in stages if stage.rung == 0}
        known = {frozen.user_attrs.get(_NUMBER): frozen for frozen in self._study.get_trials(deepcopy=False)}
        states = self._optuna.trial.TrialState
        for number, frozen in known.items():
            if number is None and not frozen.state.is_finished():
                self._study.tell(
                    frozen.number, state=states.FAIL
                )  # asked for, and lost before it had a number
        for trial in trials:
            value = first.get(trial.number)
            failed = value is None and trial.state.is_over
            seen = known.get(trial.number)
            if seen is None:
                self._study.add_trial(self._made(trial.number, dict(trial.settings), value, failed=failed))
            elif seen.state.is_finished():
                continue
            elif value is not None:
                self._study.tell(seen.number, value, skip_if_finished=True)
            elif failed and trial.state is not TrialState.PRUNED:
                self._study.tell(seen.number, state=states.FAIL, skip_if_finished=True)

    def close(self) -> None:
        """Close optuna's file."""
        self._storage.remove_session()
        self._storage.engine.dispose()

    def _sampler(self, number: int, attempt: int) -> Any:
        """Return a sampler whose chance depends on the trial: one made anew after a crash repeats nothing."""
        text = f"{self._terms.search.seed}/{number}/{attempt}".encode()
        seed = int.from_bytes(hashlib.sha256(text).digest()[:4])
        by_chance = max(_LEAST_BY_CHANCE, min(10, (self._terms.search.trials or 10) // 3))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of options that optuna may change
            return self._optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=by_chance, multivariate=True, constant_liar=True
            )

    def _settings(self, params: dict[str, Any]) -> dict[str, SettingValue]:
        return {
            axis.name: axis.tidy(params[axis.name]) if axis.is_range else params[axis.name]
            for axis in self._terms.axes
        }

    def _made(
        self, number: int, settings: dict[str, SettingValue], value: float | None, *, failed: bool
    ) -> Any:
        states = self._optuna.trial.TrialState
        state = states.COMPLETE if value is not None else states.FAIL if failed else states.RUNNING
        return self._optuna.trial.create_trial(
            params=settings, distributions=self._distributions, value=value, state=state,
            user_attrs={_NUMBER: number},
        )  # fmt: skip


def _key(settings: Any) -> tuple[tuple[str, SettingValue], ...]:
    return tuple(sorted(settings.items()))


def _distribution(optuna: Any, axis: Axis) -> Any:
    if not axis.is_range:
        return optuna.distributions.CategoricalDistribution(axis.values)
    if axis.is_whole:
        low, high = int(axis.low), int(axis.high)
        whole_step = 1 if axis.log else int(axis.step or 1)
        return optuna.distributions.IntDistribution(low, high, log=axis.log, step=whole_step)
    step = None if axis.log else axis.step
    return optuna.distributions.FloatDistribution(axis.low, axis.high, log=axis.log, step=step)
