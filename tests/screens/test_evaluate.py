from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen
from screens.compare_base import NEW_SIDE
from screens.confirm import ConfirmScreen
from screens.evaluate import EvaluateScreen
from screens.evaluation import EvaluationScreen
from screens.home import HomeScreen
from screens.job import JobScreen
from screens.models import ModelsScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import (
    BASE,
    NOW,
    TUNED,
    FakeProvider,
    Pilots,
    keep_job,
    make_app,
    make_job,
    text_of,
    until,
)
from tui.app import TunedeckApp
from tui.chat.model_names import short_model_name
from tui.evals.compare.blind import BlindRating
from tui.evals.test_set import read_test_set
from tui.providers.protocol import ProviderError
from tui.records.comparisons import Rating, Side
from tui.records.jobs import JobState
from tui.records.models import Capability, ModelInfo
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
REMOTE_BASE = "gpt-4.1-mini-2025-04-14"
REMOTE = f"ft:{REMOTE_BASE}:acme:support:AbCd1234"
ROWS = 20


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    path = isolated_home / "valid.jsonl"
    labels = ("positive", "negative")
    with path.open("w", encoding="utf-8") as file:
        for number in range(ROWS):
            asked = {"role": "user", "content": f"Review {number}: [b]bold[/b] and \x1b[31mred"}
            answer = {"role": "assistant", "content": labels[number % 4 == 3]}
            file.write(json.dumps({"messages": [asked, answer]}) + "\n")
    return path


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> FakeProvider:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-very-secret-0123456789")
    remote = FakeProvider("openai")
    remote.answers = {REMOTE: ("posi", "tive"), REMOTE_BASE: ("negative",)}
    remote.forbidden[Capability.SCORE_TEXT] = "It scores nothing."
    return remote


@pytest.fixture
def local() -> FakeProvider:
    local = FakeProvider()
    local.answers = {TUNED: ("positive",), BASE: ("[b]no idea[/b] \x1b[2J",)}
    local.forbidden[Capability.SCORE_TEXT] = "It scores nothing."
    return local


@pytest.fixture
def app(local: FakeProvider, remote: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    app = make_app(local, remote)
    store = app.services.store
    store.save_models("local", list(local.list_models()))
    store.save_models(
        "openai",
        [ModelInfo("openai", REMOTE_BASE, NOW - 9), ModelInfo("openai", REMOTE, NOW, "acme", REMOTE_BASE)],
    )
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    monkeypatch.setattr("tui.evals.summary.statistics.median", lambda values: 0.5)
    return app


async def open_form(pilot: Pilots, app: TunedeckApp, model: tuple[str, str], path: Path | None) -> None:
    app.push_screen(EvaluateScreen(model))
    await until(pilot, lambda: isinstance(app.screen, EvaluateScreen) and "answers to ask" in text_of(app))
    if path is not None:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*str(path), "enter")
        await until(
            pilot, lambda: f"{ROWS} rows are asked" in text_of(app) and "answers to ask" in text_of(app)
        )


async def confirm(pilot: Pilots, app: TunedeckApp) -> None:
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    dialog = app.screen
    assert isinstance(dialog, ConfirmScreen)
    dialog._opened_at -= 1
    await pilot.press("y")
    await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))


async def open_result(pilot: Pilots, app: TunedeckApp, path: Path) -> None:
    await open_form(pilot, app, ("local", TUNED), path)
    await pilot.press("ctrl+l")
    await until(pilot, lambda: "ctrl+r shows rows" in text_of(app), 30)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(app.screen, EvaluationScreen) and "Review" in text_of(app))


async def open_judged(pilot: Pilots, app: TunedeckApp, path: Path) -> None:
    """Rate two pairs blind, then have them judged, and turn to what the judge said."""
    sides = tuple(Side("local", model, None, NEW_SIDE) for model in (BASE, TUNED))
    rating = BlindRating.begin(
        app.services, str(path), read_test_set(path, limit=2).cases, (sides[0], sides[1])
    )
    await asyncio.to_thread(rating.ask, rating.plan())
    rating.rate(1, Rating.TIE)
    rating.rate(2, Rating.SECOND)
    await open_form(pilot, app, ("local", TUNED), path)
    app.screen.query_one("#checks").focus()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    await pilot.press(*f"judge:{REMOTE_BASE}", "enter")
    await until(pilot, lambda: "questions to a judge" in text_of(app))
    await confirm(pilot, app)
    await until(pilot, lambda: "ctrl+r shows rows" in text_of(app), 60)
    await pilot.press("ctrl+r")
    await until(pilot, lambda: isinstance(app.screen, EvaluationScreen))
    await pilot.press("left_square_bracket")
    await until(pilot, lambda: "Judged by" in text_of(app))


async def test_a_judge_stands_with_its_rubric_and_its_agreement_with_blind_ratings(
    app: TunedeckApp, remote: FakeProvider, rows: Path
) -> None:
    remote.answers[REMOTE_BASE] = ("Both say it.\n", "VERDICT: TIE")
    async with app.run_test(size=(140, 40)) as pilot:
        await open_judged(pilot, app, rows)
        assert "Prefer the answer that is correct" in text_of(app)
        assert "Each pair was judged in both orders: 0 won, 0 lost, 20 ties" in text_of(app)
        table = app.screen.query_one("#outcome-table", Table)
        assert any(
            "Agrees with people on 50 % of 2 rows (2 rated blind here)" in str(row.cells[1])
            for row in table._rows
        )


async def test_the_form_is_complete_priced_and_confirmed_before_anything_is_asked(
    app: TunedeckApp, remote: FakeProvider, rows: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("openai", REMOTE), None)
        assert "behaviour pack" in text_of(app)
        assert f"its base, {REMOTE_BASE}" in text_of(app)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*str(rows), "enter")
        await until(pilot, lambda: "20 rows are asked" in text_of(app))
        assert "the expected answers are 2 labels" in text_of(app)
        assert "40 answers to ask, for under $0.01" in text_of(app)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Never more than" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        assert remote.chats == []
        await confirm(pilot, app)
        await until(pilot, lambda: "better by +50.0 points" in text_of(app), 30)
        assert len(remote.chats) == 40
        await until(pilot, lambda: "nothing is asked" in text_of(app))


async def test_a_run_goes_on_when_the_screen_is_left(
    app: TunedeckApp, local: FakeProvider, rows: Path
) -> None:
    local.hold = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, app, ("local", TUNED), rows)
        await pilot.press("ctrl+l")  # free: no yes is needed
        await until(pilot, lambda: "Asking: 0 of 40" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        assert app.services.runs.evaluation.state.is_running
        app.push_screen(EvaluateScreen(("local", TUNED)))
        await until(pilot, lambda: "Asking: " in text_of(app))
        local.hold.set()
        await until(pilot, lambda: "better by" in text_of(app), 30)


async def test_stopped_it_keeps_what_came_and_goes_on_later(
    app: TunedeckApp, local: FakeProvider, rows: Path
) -> None:
    local.hold = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, app, ("local", TUNED), rows)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "Asking: " in text_of(app) and bool(local.chats))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Not complete: it was stopped" in text_of(app), 30)
        local.hold.set()
        await until(pilot, lambda: "answers to ask" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "better by" in text_of(app), 30)


async def test_a_service_that_fails_is_told_and_the_screen_lives(
    app: TunedeckApp, local: FakeProvider, rows: Path
) -> None:
    local.failure = ProviderError("The key is [b]wrong[/b].", "Set another.", status=401)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("local", TUNED), rows)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "The key is [b]wrong[/b]. Set another." in text_of(app), 30)
        await until(pilot, lambda: "answers to ask" in text_of(app))
        await pilot.press("ctrl+r")  # greyed: there is no result
        await pilot.pause()
        assert isinstance(app.screen, EvaluateScreen)


async def test_rows_stand_worst_first_and_open_with_question_and_every_answer(
    app: TunedeckApp, rows: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_result(pilot, app, rows)
        assert "better by +75.0 points" in text_of(app)
        table = app.screen.query_one("#outcome-table", Table)
        assert table._rows[0].cells[0] == "4"  # the first negative one, which neither got right
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        shown = text_of(app)
        assert "Review 3: [b]bold[/b]" in shown
        assert "[b]no idea[/b]" in shown
        assert "\x1b" not in shown
        assert "Expected" in shown
        assert "negative" in shown


async def test_an_answer_of_megabytes_in_one_line_is_cut_where_it_is_shown(
    app: TunedeckApp, local: FakeProvider, rows: Path
) -> None:
    local.answers[TUNED] = ("[red]" + "x" * 3_000_000,)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("local", TUNED), rows)
        app.screen.query_one("#rows", Input).value = "1"
        await until(pilot, lambda: "2 answers to ask" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "ctrl+r shows rows" in text_of(app), 60)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, EvaluationScreen) and "[red]xxx" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        await pilot.press("G")
        await until(pilot, lambda: "(1,000,000 characters)" in text_of(app))  # more is never kept


async def test_every_table_of_the_report_is_shown_and_the_report_written(
    app: TunedeckApp, rows: Path, isolated_home: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_result(pilot, app, rows)
        assert "not offered by this service" in text_of(app)
        seen = []
        for _ in range(5):
            await pilot.press("right_square_bracket")
            await pilot.pause()
            seen.append(text_of(app))
        assert "Models  (2 of 5)" in seen[0]
        assert "Cut at limit" in seen[0]
        assert "Checks  (3 of 5)" in seen[1]
        assert "Accuracy 75.0 %, macro F1" in "".join(seen[2:4])
        assert "Rows, worst first  (1 of 5)" in seen[4]
        for ending in ("md", "html", "json"):
            target = isolated_home / f"found.{ending}"
            await pilot.press("w")
            await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
            app.screen.query_one(Input).value = str(target)
            await pilot.press("enter")
            await until(pilot, target.exists)
            await until(pilot, lambda: isinstance(app.screen, EvaluationScreen))
        assert json.loads((isolated_home / "found.json").read_text("utf-8"))["verdict"]["word"] == "better"


async def test_checks_rows_cap_and_opponent_change_the_plan(app: TunedeckApp, rows: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("openai", REMOTE), rows)
        screen = app.screen
        screen.query_one("#rows", Input).value = "5"
        await until(pilot, lambda: "10 answers to ask" in text_of(app))
        screen.query_one("#rows", Input).value = "none"
        await until(pilot, lambda: "a whole number from 1, or empty" in text_of(app))
        screen.query_one("#rows", Input).value = ""
        screen.query_one("#against").focus()
        await pilot.press("right")
        await until(pilot, lambda: "20 answers to ask" in text_of(app))
        screen.query_one("#checks").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"contains:refund", "enter")
        await until(pilot, lambda: "contains:refund" in text_of(app) and "answers to ask" in text_of(app))
        assert screen.form.checks[-1] == "contains:refund"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"nonsense", "enter")
        await until(pilot, lambda: "There is no check 'nonsense'" in text_of(app))
        screen.query_one("#cap", Input).value = "-1"
        await until(pilot, lambda: "an amount such as 2.50" in text_of(app))


async def test_a_cap_that_no_published_price_can_keep_is_refused(app: TunedeckApp, rows: Path) -> None:
    app.services.store.save_models("openai", [ModelInfo("openai", "unheard-of-model", NOW)])
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("openai", "unheard-of-model"), rows)
        assert "at no published price" in text_of(app)
        app.screen.query_one("#cap", Input).value = "1"
        await until(pilot, lambda: "a money cap can't be kept" in text_of(app))
        assert "--max-cost" not in text_of(app)


async def test_models_jobs_and_the_palette_lead_here(app: TunedeckApp, rows: Path) -> None:
    job = make_job(state=JobState.SUCCEEDED)
    keep_job(app.services.store, job)
    async with app.run_test(size=(140, 40)) as pilot:
        app.push_screen(JobScreen("local", job.id))
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and "succeeded" in text_of(app))
        await pilot.press("E")
        await until(
            pilot, lambda: isinstance(app.screen, EvaluateScreen) and short_model_name(TUNED) in text_of(app)
        )
        await pilot.press("escape", "7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and "smollm2" in text_of(app))
        table = app.screen.query_one(Table)
        await until(pilot, lambda: any(BASE in key for key in table.keys))
        table.cursor = next(place for place, key in enumerate(table.keys) if key.endswith(BASE))
        await pilot.press("E")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen) and "nobody" in text_of(app))
        await pilot.press("escape")
        app.open_evaluation()
        await until(
            pilot, lambda: isinstance(app.screen, EvaluateScreen) and "answers to ask" in text_of(app)
        )


async def test_rows_held_out_of_the_jobs_training_come_first_and_go_with_another_model(
    app: TunedeckApp, rows: Path
) -> None:
    job = make_job(state=JobState.SUCCEEDED)
    keep_job(app.services.store, job)
    kept = {"model": BASE, "training": str(rows), "method": "supervised", "validation": str(rows)}
    app.services.store.claim_launch(
        LaunchRecord("run", "local", LaunchState.CREATED, kept, "f", rows, "ab" * 32, {}, job.id, None, NOW)
    )
    async with app.run_test(size=(140, 40)) as pilot:
        app.push_screen(EvaluateScreen(("local", TUNED)))
        await until(pilot, lambda: "40 answers to ask" in text_of(app))
        assert "valid.jsonl  (held out of its training)" in text_of(app)
        app.screen.query_one("#model").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*REMOTE, "enter")
        await until(
            pilot, lambda: isinstance(app.screen, EvaluateScreen) and short_model_name(REMOTE) in text_of(app)
        )
        await until(pilot, lambda: "120 answers to ask" in text_of(app))
        assert "held out" not in text_of(app)


async def test_the_behaviour_pack_shows_its_label_with_a_verdict_for_each_measure(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_form(pilot, app, ("local", TUNED), None)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "ctrl+r shows rows" in text_of(app), 60)
        await pilot.press("ctrl+r")
        await until(pilot, lambda: isinstance(app.screen, EvaluationScreen))
        await pilot.press("right_square_bracket", "right_square_bracket")
        await until(pilot, lambda: "Behaviour  (3 of " in text_of(app))
        assert "Harmful requests refused" in text_of(app)
        assert "can't tell yet" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "Verdict: " in text_of(app)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["form", "running", "verdict", "rows", "labels", "judge", "behaviour"])
def test_it_looks(
    app: TunedeckApp, local: FakeProvider, remote: FakeProvider, rows: Path, kind: str, size: tuple[int, int],
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if kind == "running":
        local.hold = threading.Event()
    remote.answers[REMOTE_BASE] = ("VERDICT: TIE",)

    async def before(pilot: Pilots) -> None:
        if kind == "judge":
            await open_judged(pilot, app, rows)
        elif kind == "behaviour":
            await open_form(pilot, app, ("local", TUNED), None)
            await pilot.press("ctrl+l")
            await until(pilot, lambda: "ctrl+r shows rows" in text_of(app), 60)
            await pilot.press("ctrl+r")
            await until(pilot, lambda: isinstance(app.screen, EvaluationScreen))
            await pilot.press("right_square_bracket", "right_square_bracket")
            await until(pilot, lambda: "Behaviour  (3 of " in text_of(app))
        elif kind in ("rows", "labels"):
            await open_result(pilot, app, rows)
            if kind == "labels":
                await pilot.press("left_square_bracket")
                await until(pilot, lambda: "Accuracy" in text_of(app))
        else:
            await open_form(pilot, app, ("local", TUNED), rows)
            if kind != "form":
                await pilot.press("ctrl+l")
                words = "Asking: 0 of 40" if kind == "running" else "nothing is asked"
                await until(pilot, lambda: words in text_of(app), 30)
        await pilot.pause()

    try:
        assert snap_compare(app, terminal_size=size, run_before=before)
    finally:
        local.hold.set()
