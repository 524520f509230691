from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from textual.widgets import Static

from screens.choose import ChooseScreen
from screens.launch import LaunchScreen
from screens.models import ModelsScreen
from screens.money import MoneyScreen
from screens.payback import PaybackScreen
from screens.payback_sliders import PaybackSetting
from tests.screens.fakes import NOW, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.money.catalog import Catalog
from tui.money.payback import PaybackChoice
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.widgets.slider_list import SliderList
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
MINI = ("openai", "gpt-4.1-mini-2025-04-14")
LARGE = ("openai", "gpt-4.1-2025-04-14")


@pytest.fixture(autouse=True)
def _one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-11-25")  # prices grow old and models end


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    path = isolated_home / "returns.jsonl"
    system = {"role": "system", "content": "Follow each of these rules with great care. " * 250}
    with path.open("w", encoding="utf-8") as file:
        for number in range(60):
            question = {"role": "user", "content": f"Text {number}: how do I return an item?"}
            answer = {"role": "assistant", "content": "Within thirty days; keep the receipt."}
            file.write(json.dumps({"messages": [system, question, answer]}) + "\n")
    return path


def verdict(app: TunedeckApp) -> str:
    found = list(app.screen.query("#payback-verdict").results(Static))
    return str(found[0].render()) if found else ""


async def open_payback(
    pilot: Pilots, app: TunedeckApp, path: Path, base: tuple[str, str] = MINI, plain: tuple[str, str] = LARGE
) -> PaybackScreen:
    screen = PaybackScreen(path, base, plain)
    app.push_screen(screen)
    await until(pilot, lambda: verdict(app) and "Counting" not in verdict(app), 60)
    return screen


async def test_keys_turn_a_number_and_the_verdict_follows(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_payback(pilot, app, rows)
        assert verdict(app).startswith("Pays back after ")
        await pilot.press("j", "j", *["left"] * 9)
        await until(pilot, lambda: "◂ 1 " in text_of(app))
        for _ in range(5):
            await pilot.press("j")
        await pilot.press(*["right"] * 6)
        await until(pilot, lambda: verdict(app).startswith("Only if there are at least "))
        await pilot.press("r")
        await until(pilot, lambda: verdict(app).startswith("Pays back after "))


async def test_another_model_is_counted_and_reckoned_with(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_payback(pilot, app, rows)
        await pilot.press("s")
        await until(pilot, lambda: "gpt-4.1-mini-2025-04-14" in text_of(app) and "× $0.40" in text_of(app))
        await pilot.press("s")  # greyed now: nothing changes
        await pilot.press("k", "k", "left", "left")
        await until(pilot, lambda: "local/smollm2-135m-instruct" in text_of(app))
        await until(pilot, lambda: verdict(app).startswith("Pays at once"), 60)


async def test_unpublished_prices_are_named(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        azure = ("azure", LARGE[1])
        await open_payback(pilot, app, rows, azure, azure)
        assert verdict(app).startswith("Can't be told: The price of calls to plain gpt-4.1")
        assert "not published" in text_of(app)
        assert "$1.70 an hour × 24 = $40.80 a day" in text_of(app)


async def test_never_says_why_at_the_top(rows: Path) -> None:
    app = make_app()
    free = ("local", "smollm2-135m-instruct")
    async with app.run_test(size=(80, 24)) as pilot:
        await open_payback(pilot, app, rows, free, free)
        assert verdict(app).endswith("Both are free, so there is nothing to pay back.")


async def test_a_file_without_answers_says_so(isolated_home: Path) -> None:
    path = isolated_home / "[b]odd.jsonl"
    path.write_text('{"messages": [{"role": "user", "content": "Hi"}]}\n')
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_payback(pilot, app, path)
        assert "[b]odd.jsonl holds no row with an answer" in verdict(app)
        await pilot.press("right", "r", "y", "t")
        assert isinstance(app.screen, PaybackScreen)


async def test_the_bill_under_the_cursor_leads_here_and_from_here_to_launch(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        app.push_screen(MoneyScreen(rows))
        await until(pilot, lambda: isinstance(app.screen, MoneyScreen) and app.screen.query("#bills"))
        bills = app.screen.query_one("#bills", Table)
        await until(pilot, lambda: "/".join(MINI) in bills.keys)
        bills.cursor = bills.keys.index("/".join(MINI))
        await pilot.press("w")
        await until(
            pilot, lambda: "Only if" in verdict(app) or "Pays" in verdict(app) or "Never" in verdict(app)
        )
        assert "/".join(MINI) in text_of(app)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))


async def test_a_tuned_model_leads_here_with_its_file_and_its_training_paid(rows: Path) -> None:
    remote = FakeProvider("openai")
    app = make_app(FakeProvider(), remote)
    tuned = f"ft:{MINI[1]}:acme:returns:AbCd1234"
    store = app.services.store
    store.save_models("openai", [ModelInfo("openai", tuned, NOW, "acme", MINI[1])])
    store.save_job(
        Job("openai", "ftjob-far", JobState.SUCCEEDED, "succeeded", MINI[1], created_at=NOW,
            fine_tuned_model=tuned, trained_tokens=1_500)
    )  # fmt: skip
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen) and "returns" in text_of(app))
        table = app.screen.query_one(Table)
        await until(pilot, lambda: any("returns" in key for key in table.keys))
        table.cursor = next(place for place, key in enumerate(table.keys) if "returns" in key)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))  # its file is not known here
        await pilot.press(*str(rows), "enter")
        await until(pilot, lambda: "paid already" in text_of(app), 60)
        assert "/".join(MINI) in text_of(app)


def test_every_slider_stays_in_its_range_and_comes_back() -> None:
    models = [Catalog.load().model(name, provider) for provider, name in (MINI, LARGE)]
    start = PaybackSetting(models, 0, 1, PaybackChoice(kept_percent=7))
    count = len(start.sliders(Decimal(0)))
    for index in range(count):
        setting = start
        for _ in range(500):
            setting = setting.turned(index, 1)
        for _ in range(500):
            setting = setting.turned(index, -1)
        shown = setting.sliders(Decimal(0))[index]
        assert shown.share in (None, 0.0)
    assert start.turned(4, 1).choice.kept_percent == 10
    assert start.turned(4, -1).choice.kept_percent == 5
    assert start.turned(8, 1).choice.hosting_per_hour == 0
    assert start.turned(8, 1).turned(8, -1).choice.hosting_per_hour is None
    assert SliderList.BINDINGS


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("kind", ["pays", "only-if"])
def test_it_looks(rows: Path, snap_compare: Callable[..., bool], size: tuple[int, int], kind: str) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_payback(pilot, app, rows, MINI, LARGE if kind == "pays" else MINI)
        await pilot.press("j", "j")
        if kind == "only-if":
            await pilot.press(*["left"] * 9)
            await until(pilot, lambda: "Only if" in verdict(app))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
