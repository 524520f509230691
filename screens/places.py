"""The places of the app and the ways between them: who comes with a file, a job or a model is taken along."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from textual.screen import Screen

from screens.base import DeckScreen
from screens.early_keys import KeepsEarlyKeys
from screens.navigation import ModelChoice, ShowsPath, show_models, show_path, take_terms, train_from
from tui.widgets.deck_header import MORE_PLACES, PLACES

if TYPE_CHECKING:
    from tui.datasets.report import Finding
    from tui.datasets.row_source import RowSource
    from tui.jobs.job_file import JobTerms
    from tui.records.jobs import Job


class HasPlaces(KeepsEarlyKeys, inherit_bindings=False):
    """The part of the app that goes from place to place."""

    def __init__(self, *, ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self._trail: list[str] = []
        self._first_visit: dict[str, Callable[[], DeckScreen]] = {}
        self._visited: set[str] = set()
        self._asked_in: WeakKeyDictionary[Screen[object], str] = WeakKeyDictionary()
        """Screen -> the place that it was asked for in, where that is another."""
        self._dataset: Path | None = None
        """The file looked at last: Check and Launch begin with it."""
        for place, _ in (*PLACES, *MORE_PLACES):
            self.add_mode(place, partial(self._make_screen, place))

    def _make_screen(self, place: str) -> DeckScreen:
        from screens.factories import FACTORIES

        self._visited.add(place)
        return self._first_visit.pop(place, FACTORIES[place])()

    def go_to(self, place: str) -> None:
        """Go to a mode by its name, remembering where from."""
        if place == self.current_mode:
            return
        self._trail = [known for known in self._trail if known not in (self.current_mode, place)]
        if place == "home":
            self._trail.clear()
        else:
            self._trail.append(self.current_mode)
        self.switch_mode(place)

    def action_go(self, place: str) -> None:
        """Go to a place; at that place already, to its first screen."""
        if place == self.current_mode:
            self._to_root()
        begin = {"check": self.open_check, "launch": self.open_launch}.get(place)
        if begin is not None and self._dataset is not None and self._is_without_file(place):
            begin(self._dataset)
        else:
            self.go_to(place)

    def _is_without_file(self, place: str) -> bool:
        """Say whether a place that shows a file has none yet."""
        if place not in self._visited:
            return True
        stack = self.get_screen_stack(place)
        screen: object = stack[0] if stack else None  # none while it is being made
        return isinstance(screen, ShowsPath) and not screen.has_path

    def _to_root(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def _go_with(
        self, place: str, make: Callable[[], DeckScreen], show: Callable[[Screen[object]], None]
    ) -> None:
        """Go to a place with something to show there, whether or not it was open before."""
        if place not in self._visited:
            self._first_visit[place] = make
            self.go_to(place)
            return
        self.go_to(place)
        self._to_root()
        show(self.screen)

    @contextmanager
    def _coming_back_from(self, place: str) -> Iterator[None]:
        """Go to a place for one screen there, whose leaving leads to where it was asked for."""
        asked_in = self.current_mode
        self.go_to(place)
        yield
        if asked_in != place:
            self._asked_in[self.screen] = asked_in

    def leave_screen(self) -> None:
        """Leave the topmost screen; to the place that it was asked for in, if nothing was gone to since."""
        asked_in = self._asked_in.pop(self.screen, "")
        self.pop_screen()
        if asked_in and self._trail and self._trail[-1] == asked_in:
            self.switch_mode(self._trail.pop())

    def open_check(self, path: Path) -> None:
        """Go to Check & cost with this file."""
        self._dataset = path

        def make() -> DeckScreen:
            from screens.check import CheckScreen

            return CheckScreen(path)

        self._go_with("check", make, partial(show_path, path))

    def open_launch(self, path: Path | None = None) -> None:
        """Go to Launch, with this training file if given."""
        if path is None:
            self.go_to("launch")
            return
        self._dataset = path

        def make() -> DeckScreen:
            from screens.launch import LaunchScreen

            return LaunchScreen(path)

        self._go_with("launch", make, partial(show_path, path))

    def open_launch_with(self, terms: JobTerms) -> None:
        """Go to Launch with the form filled in."""

        def make() -> DeckScreen:
            from screens.launch import LaunchScreen

            return LaunchScreen(terms.training, terms=terms)

        self._go_with("launch", make, partial(take_terms, terms))

    def open_launch_on(self, model: ModelChoice) -> None:
        """Go to Launch with this model to train further."""

        def make() -> DeckScreen:
            from screens.launch import LaunchScreen

            return LaunchScreen(self._dataset, model)

        self._go_with("launch", make, partial(train_from, model))

    def open_rows(self, path: Path, line: int = 1, fix: str = "", findings: Sequence[Finding] = ()) -> None:
        """Show a file's rows with the cursor on a line, or what the fix of a rule would do."""
        from screens.rows import show_rows

        self._dataset = path
        with self._coming_back_from("datasets"):
            show_rows(self, path, line, fix, findings)

    def open_tokens(self, path: Path, line: int, model: str = "", rows: RowSource | None = None) -> None:
        """Show one row token by token."""
        from screens.token_view import TokenViewScreen

        self.push_screen(TokenViewScreen(path, line, model, rows))

    def open_notices(self) -> None:
        """Show where the person is told of what."""
        from screens.notices import NoticesScreen

        if not isinstance(self.screen, NoticesScreen):
            self.push_screen(NoticesScreen())

    def open_import(self, path: Path) -> None:
        """Say what the columns of a file are, and make a dataset of it."""
        from screens.import_mapping import ImportMappingScreen

        with self._coming_back_from("datasets"):
            self.push_screen(ImportMappingScreen(path))

    def open_making(self, path: Path | None = None, lines: tuple[int, ...] = ()) -> None:
        """Let a model propose training rows."""
        from screens.making import MakingScreen

        if not isinstance(self.screen, MakingScreen):
            self.push_screen(MakingScreen(path, lines))

    def open_review(self, run_id: str) -> None:
        """Look through the rows that a run proposed."""
        from screens.review import ReviewScreen

        self.push_screen(ReviewScreen(run_id))

    def open_reshape(self, path: Path) -> None:
        """Choose what to do with the rows of a file, and write new files."""
        from screens.reshape import ReshapeScreen

        with self._coming_back_from("datasets"):
            self.push_screen(ReshapeScreen(path))

    def open_job(self, account: str, job_id: str) -> None:
        """Show a job over the list of jobs."""
        from screens.job import JobScreen

        self.go_to("jobs")
        self._to_root()
        self.push_screen(JobScreen(account, job_id))

    def open_overlay(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Show jobs over one another, over the screen that is shown."""
        from screens.overlay import OverlayScreen

        self.push_screen(OverlayScreen(jobs))

    def open_sweeps(self) -> None:
        """List searches over many jobs, over the screen that is shown."""
        from screens.sweeps import SweepsScreen

        if not isinstance(self.screen, SweepsScreen):
            self.push_screen(SweepsScreen())

    def open_sweep(self, sweep_id: str) -> None:
        """Show the board of a sweep, over the screen that is shown."""
        from screens.sweep import SweepScreen

        self.push_screen(SweepScreen(sweep_id))

    def open_evaluation(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Measure a model, over the screen that is shown."""
        from screens.evaluate import EvaluateScreen

        if not isinstance(self.screen, EvaluateScreen):
            self.push_screen(EvaluateScreen(model, job))

    def open_queue(self) -> None:
        """Show what waits to start, over the screen that is shown."""
        from screens.queued import QueueScreen

        if not isinstance(self.screen, QueueScreen):
            self.push_screen(QueueScreen())

    def open_evaluations(self) -> None:
        """List evaluations from before, over the screen that is shown."""
        from screens.evaluations import EvaluationsScreen

        if not isinstance(self.screen, EvaluationsScreen):
            self.push_screen(EvaluationsScreen())

    def open_diet(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Try how short the system prompt may be, over the screen that is shown."""
        from screens.diet import DietScreen

        if not isinstance(self.screen, DietScreen):
            self.push_screen(DietScreen(model, job))

    def open_arms(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Say whether fine-tuning is worth it, over the screen that is shown."""
        from screens.arms import ArmsScreen

        if not isinstance(self.screen, ArmsScreen):
            self.push_screen(ArmsScreen(model, job))

    def open_parity(self, recording: str = "", model: ModelChoice | None = None) -> None:
        """Compare a recorded model with its successor, over the screen that is shown."""
        from screens.parity import ParityScreen

        if not isinstance(self.screen, ParityScreen):
            self.push_screen(ParityScreen(recording, model))

    def open_chat(self, *models: ModelChoice) -> None:
        """Go to Chat with these models side by side; without any, as it was left."""
        if not models:
            self.go_to("chat")
            return

        def make() -> DeckScreen:
            from screens.chat import ChatScreen

            return ChatScreen(models)

        self._go_with("chat", make, partial(show_models, models))

    def open_compare(self, *models: ModelChoice) -> None:
        """Put models side by side, over the screen that is shown."""
        from screens.compare import CompareScreen

        self.push_screen(CompareScreen(models))

    def open_scrub(self, account: str, job_id: str) -> None:
        """Show one prompt's answers through a job's training, over the screen that is shown."""
        from screens.compare_scrub import ScrubScreen

        self.push_screen(ScrubScreen(account, job_id))
