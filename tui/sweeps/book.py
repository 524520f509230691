"""A sweep as it stands in the store, read anew for each round and written through at every change."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from tui.errors import TunedeckError
from tui.records.jobs import Job
from tui.records.sweeps import Stage, Sweep, Trial, TrialState
from tui.store.launch_rows import LaunchRecord
from tui.sweeps.ports import SweepServices
from tui.sweeps.sweep_file import terms_of_definition
from tui.sweeps.terms import SweepTerms
from tui.sweeps.trial_plan import job_rung

Say = Callable[[str], None]


class SweepBook:
    """Trials and stages of one sweep.

    Args:
        services: The store.
        sweep_id: Which sweep.
        say: Told every line of the log as it is written.

    Raises:
        TunedeckError: There is no such sweep.
    """

    def __init__(self, services: SweepServices, sweep_id: str, say: Say) -> None:
        self._store = services.store
        self._say = say
        sweep = self._store.sweep(sweep_id)
        if sweep is None:
            raise TunedeckError(f"There is no sweep {sweep_id!r}.", "`tunedeck sweep list` lists them.")
        self.sweep: Sweep = sweep
        self.terms: SweepTerms = terms_of_definition(sweep.definition)
        self.trials: dict[int, Trial] = {}
        self.stages: dict[tuple[int, int], Stage] = {}
        self._notes: dict[int, str] = {}
        self.read()

    def read(self) -> None:
        """Read everything anew: a person may have stopped the sweep from another process."""
        self.sweep = self._store.sweep(self.sweep.id) or self.sweep
        self.trials = {one.number: one for one in self._store.trials(self.sweep.id)}
        self.stages = {(one.number, one.rung): one for one in self._store.stages(self.sweep.id)}

    def note(self, words: str) -> None:
        """Write a line into the sweep's log."""
        self._store.note_sweep(self.sweep.id, words)
        self._say(words)

    def note_once(self, number: int, words: str) -> None:
        """As `note`, about a trial, unless it was the last thing said of it."""
        if self._notes.get(number) != words:
            self._notes[number] = words
            self.note(f"Trial {number}: {words}")

    def save(self, trial: Trial) -> None:
        """Keep a trial as it is now."""
        self.trials[trial.number] = trial
        self._store.save_trials([trial])

    def add(self, trial: Trial) -> None:
        """Keep a new trial."""
        self._store.add_trial(trial)
        self.trials[trial.number] = trial

    def end(self, trial: Trial, state: TrialState, note: str = "") -> None:
        """Keep that nothing more comes of a trial, and say so where there is something to say."""
        self.save(replace(trial, state=state, note=note, ended_at=int(time.time())))
        if note:
            self.note_once(trial.number, f"{state}: {note}")

    def save_stage(self, stage: Stage) -> None:
        """Keep a launch of a trial."""
        self.stages[stage.number, stage.rung] = stage
        self._store.save_stage(stage)

    def in_state(self, *states: TrialState) -> list[Trial]:
        """Return the trials in some states, in the order of asking."""
        return [trial for trial in self.trials.values() if trial.state in states]

    def stage_of(self, trial: Trial) -> Stage | None:
        """Return the launch of a trial at its rung, once it was planned."""
        return self.stages.get((trial.number, trial.rung))

    def launch_of(self, trial: Trial, rung: int | None = None) -> LaunchRecord | None:
        """Return what is known of a trial's launch at a rung, its own when None."""
        wanted = trial.rung if rung is None else rung
        stage = self.stages.get((trial.number, job_rung(self.terms.halving, wanted)))
        return self._store.launch(stage.run_id) if stage is not None else None

    def job_of(self, trial: Trial, rung: int | None = None) -> Job | None:
        """Return the job of a trial at a rung, its own when None, as it is kept."""
        record = self.launch_of(trial, rung)
        if record is None or record.job_id is None:
            return None
        return self._store.job(record.account, record.job_id)
