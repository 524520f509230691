from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.confirm import ConfirmScreen
from screens.evaluate import EvaluateScreen
from screens.evaluations import EvaluationsScreen
from screens.kept_result import KeptComparisonScreen, KeptScreen
from screens.models import ModelsScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import BASE, TUNED, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
ROWS = 10


def report(model: str, right: int, *, against: str = "") -> str:
    """Return a report as it is kept: the first rows are right, an answer is hostile."""
    scores = [1.0 if number < right else 0.0 for number in range(ROWS)]
    models: list[dict[str, Any]] = [{"model": name} for name in (against, model) if name]
    examined = {
        "score": {"estimate": right / ROWS, "low": 0.1, "high": 0.9}, "seconds": {"median": 0.5},
        "checks": [{"check": "label", "score": {"estimate": right / ROWS, "low": 0.1, "high": 0.9}}],
    }  # fmt: skip
    models[-1] = {**models[-1], **examined}
    worst = [
        {
            "line": number + 1, "id": f"line {number + 1}", "tags": [], "question": f"Review {number}",
            "expected": ["positive"],
            "answers": [
                {"model": one["model"], "text": "[b]no[/b] \x1b[2J", "score": scores[number]}
                for one in models
            ],
        }
        for number in reversed(range(ROWS))
    ]  # fmt: skip
    verdict = {"word": "better", "sentence": "better by +40.0 points (+20.0 to +60.0)"} if against else None
    value = {
        "test_set": "valid.jsonl", "sha256": "ab" * 32, "rows": ROWS, "complete": True, "models": models,
        "verdict": verdict, "worst": worst,
        "scores": [
            {"id": f"line {number + 1}", "line": number + 1, "scores": [score] * len(models)}
            for number, score in enumerate(scores)
        ],
        "blocks": [
            ["heading", 1, "Evaluation of valid.jsonl"], ["heading", 2, "Checks"],
            ["table", ["Check", "Rows"], [["label", "10"]]], ["heading", 2, "How to read this"],
        ],
    }  # fmt: skip
    return json.dumps(value)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    local = FakeProvider()
    app = make_app(local)
    app.services.store.save_models("local", list(local.list_models()))
    app.services.store.save_eval_run(f"valid.jsonl: {TUNED} against {BASE}", report(TUNED, 9, against=BASE))
    app.services.store.save_eval_run(f"valid.jsonl: {BASE}", report(BASE, 1))
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    for module in ("evaluations", "kept_result"):
        monkeypatch.setattr(f"screens.{module}.ago", lambda seconds: "5 min ago")
    monkeypatch.setattr("tui.evals.kept_compare._day", lambda kept: "2026-05-28 20:26")
    return app


async def open_list(pilot: Pilots, app: TunedeckApp) -> Table:
    app.open_evaluations()
    await until(pilot, lambda: isinstance(app.screen, EvaluationsScreen) and "2 kept" in text_of(app))
    return app.screen.query_one(Table)


async def test_one_is_opened_with_its_worst_rows_and_its_tables(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_list(pilot, app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, KeptScreen) and "Review 9" in text_of(app))
        assert "better by +40.0 points" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "[b]no[/b]" in text_of(app)
        assert "\x1b" not in text_of(app)
        await pilot.press("escape", "right_square_bracket")
        await until(pilot, lambda: "Checks  (2 of 2)" in text_of(app))


async def test_two_are_marked_and_compared_the_later_against_the_earlier(
    app: TunedeckApp, isolated_home: Path
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_list(pilot, app)
        await pilot.press("c")  # greyed: none is marked
        await until(pilot, lambda: isinstance(app.screen, EvaluationsScreen))
        await pilot.press("space", "down", "space")
        await until(pilot, lambda: "2 marked" in text_of(app))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, KeptComparisonScreen))
        assert f"{BASE} against {TUNED}: worse by -80.0 points" in text_of(app)
        await pilot.press("left_square_bracket")
        await until(pilot, lambda: "Review 8" in text_of(app))
        target = isolated_home / "both.json"
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists)
        assert json.loads(target.read_text("utf-8"))["verdict"]["word"] == "worse"


def kept_diet() -> str:
    """Return a prompt diet as it is kept, with a hostile answer."""
    rows = [
        {
            "line": number, "id": f"line {number}", "tags": [], "question": f"Review {number}",
            "expected": ["positive"], "shown": [1.0, 0.5, None],
            "answers": [
                {"model": "100 % (19 tokens)", "text": "positive", "score": 1.0},
                {"model": "50 % (9 tokens)", "text": "[b]what[/b] \x1b[2J", "score": 0.5},
            ],
        }
        for number in (1, 2)
    ]  # fmt: skip
    value = {
        "kind": "diet", "test_set": "valid.jsonl", "rows": 2, "complete": True,
        "sentences": [f"{TUNED}: the shortest prompt within noise is 50 % (9 tokens).", "That is all."],
        "models": [{"model": BASE}, {"model": TUNED, "score": {"estimate": 1.0, "low": 0.3, "high": 1.0}}],
        "verdict": {"word": "50 % enough"},
        "tables": [{"title": "Rows, worst first", "headings": ["100 %", "50 %", "0 %"], "rows": rows}],
        "blocks": [
            ["heading", 1, "Prompt diet"], ["table", ["Model", "Prompt"], [["tone", "100 %"]]],
            ["heading", 2, "How to read this"],
        ],
    }  # fmt: skip
    return json.dumps(value)


async def test_a_prompt_diet_is_listed_and_opened_and_can_not_be_marked(app: TunedeckApp) -> None:
    app.services.store.save_eval_run(f"valid.jsonl: prompt diet of {TUNED}", kept_diet())
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_evaluations()
        await until(pilot, lambda: "50 % enough" in text_of(app))
        assert "of tone:abc12345" in text_of(app)
        await pilot.press("space")  # greyed: it is a comparison already
        await pilot.pause()
        assert "marked" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, KeptScreen) and "Review 2" in text_of(app))
        assert "That is all." in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "[b]what[/b]" in text_of(app)
        assert "50 % (9 tokens): 50" in text_of(app)


async def test_one_is_written_and_deleted_after_a_yes(app: TunedeckApp, isolated_home: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        table = await open_list(pilot, app)
        target = isolated_home / "past.md"
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: target.exists() and isinstance(app.screen, EvaluationsScreen))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        dialog = app.screen
        assert isinstance(dialog, ConfirmScreen)
        dialog._opened_at -= 1
        await pilot.press("y")
        await until(pilot, lambda: len(table.keys) == 1)
        assert len(app.services.store.eval_runs()) == 1


async def test_models_and_evaluation_lead_here(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and "smollm2" in text_of(app))
        await pilot.press("P")
        await until(pilot, lambda: isinstance(app.screen, EvaluationsScreen))
        await pilot.press("escape", "E")
        await until(pilot, lambda: isinstance(app.screen, EvaluateScreen))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(app.screen, EvaluationsScreen))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["list", "one", "two", "diet"])
def test_it_looks(
    app: TunedeckApp, kind: str, size: tuple[int, int], snap_compare: Callable[..., bool]
) -> None:
    async def before(pilot: Pilots) -> None:
        if kind == "diet":
            app.services.store.save_eval_run(f"valid.jsonl: prompt diet of {TUNED}", kept_diet())
            app.open_evaluations()
            await until(pilot, lambda: "50 % enough" in text_of(app))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, KeptScreen) and "Review 2" in text_of(app))
            await pilot.pause()
            return
        await open_list(pilot, app)
        if kind == "one":
            await pilot.press("down", "enter")
            await until(pilot, lambda: isinstance(app.screen, KeptScreen) and "Review 9" in text_of(app))
        else:
            await pilot.press("space", "down", "space")
            await until(pilot, lambda: "2 marked" in text_of(app))
        if kind == "two":
            await pilot.press("c")
            await until(pilot, lambda: isinstance(app.screen, KeptComparisonScreen))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
