from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Static

from screens.check import CheckScreen
from screens.check_facts import tokens_by_vocabulary
from screens.finding_list import FindingList, group_findings
from screens.money import MoneyScreen
from screens.money_facts import SORTS, BillChoice, bill_lines, key_of
from screens.rows import RowsScreen
from screens.spread_facts import SpreadChart, cut_rows, cut_title
from screens.token_spread import TokenSpreadScreen
from screens.token_view import TokenViewScreen
from tests.screens.fakes import Pilots, freeze, make_app, make_services, text_of, until
from tui.app import TunedeckApp
from tui.datasets.check import check_file
from tui.datasets.options import CheckOptions
from tui.jobs.file_costs import FileCounts, count_for_all
from tui.money.calibration import Calibration
from tui.money.catalog import Catalog
from tui.money.side_by_side import ModelCost, side_by_side
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]
MODEL = "gpt-4.1-2025-04-14"


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-11-25")  # prices grow old and models end


@pytest.fixture
def rows(isolated_home: Path) -> Path:
    path = isolated_home / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(40):
            question = f"Question {number}: " + "why is it so? " * (1 + number**2 // 4)
            messages = [
                {"role": "user", "content": question},
                {"role": "assistant", "content": f"It is so, {number} times."},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


def bills() -> list[ModelCost]:
    return side_by_side(
        Catalog.load(), {"o200k_base": 1_000_000, "smollm2-135m-instruct": 1_200_000}, examples=100
    )


async def open_money(pilot: Pilots, app: TunedeckApp, path: Path) -> MoneyScreen:
    await open_check(pilot, app, path)
    await pilot.press("c")
    await until(pilot, lambda: isinstance(app.screen, MoneyScreen) and bool(table(app, "#groups").keys))
    assert isinstance(app.screen, MoneyScreen)
    return app.screen


async def open_check(pilot: Pilots, app: TunedeckApp, path: Path) -> CheckScreen:
    app.open_check(path)
    await until(pilot, lambda: isinstance(app.screen, CheckScreen) and bool(table(app, "#costs").keys))
    assert isinstance(app.screen, CheckScreen)
    return app.screen


def table(app: TunedeckApp, name: str) -> Table:
    found = list(app.screen.query(name).results(Table))
    return found[0] if found else Table()


def note(app: TunedeckApp) -> str:
    return str(app.screen.query_one("#bill-text", Static).render())


# Bills


@pytest.mark.parametrize("sort", SORTS)
def test_a_choice_of_bills_loses_none_and_sorts_them(sort: str) -> None:
    every = bills()
    found = BillChoice(sort=sort).of(every)
    assert sorted(map(key_of, found)) == sorted(map(key_of, every))
    if sort == "model":
        assert [bill.model.casefold() for bill in found] == sorted(bill.model.casefold() for bill in every)
    if sort == "service":
        assert [bill.provider for bill in found] == sorted(bill.provider for bill in every)


def test_a_choice_narrows_by_service_or_model() -> None:
    assert {bill.provider for bill in BillChoice("OpenAI/").of(bills())} == {"openai"}
    assert all("mini" in key_of(bill).casefold() for bill in BillChoice("MINI").of(bills()))


def test_the_calculation_names_date_source_epochs_and_what_jobs_suggest() -> None:
    bill = next(one for one in bills() if one.model == MODEL and one.provider == "openai")
    known = Calibration("openai", MODEL, "chat", 1.012, 1.01, 1.02, 3)
    words = "\n".join("".join(text for text, _ in line) for line in bill_lines(bill, known, None))
    assert "1,000,000 tokens × 3 epochs × $25.00 per million = $75.00" in words
    assert "by OpenAI's published notebook" in words
    assert bill.price_read_on in words
    assert "3 finished jobs suggest +1.2 %" in words
    assert "not applied" in words


def test_an_unpublished_price_is_said_to_be_one() -> None:
    bill = replace(bills()[0], price_per_million=None, highest_price_per_million=None, total=None)
    assert "not published" in bill_lines(bill, None, None)[0][0][0]


async def test_every_service_is_priced_and_what_is_paid_for_is_shown(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_money(pilot, app, rows)
        providers = {key.partition("/")[0] for key in table(app, "#bills").keys}
        assert providers > {"local", "openai", "together"}
        assert "The 10 % longest rows" in text_of(app)
        assert "price read" in text_of(app).casefold()
        bill_table = table(app, "#bills")
        for key in ("local/smollm2-135m-instruct", f"openai/{MODEL}"):
            bill_table.cursor = bill_table.keys.index(key)
            await pilot.pause()
            # The parts of a free model's bill would be other ones: it reads other tokens of a row.
            assert "What is paid for, on gpt-4" in str(table(app, "#groups").border_title)


async def test_epochs_change_the_bill_and_a_gives_the_choice_back(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_money(pilot, app, rows)
        bill_table = table(app, "#bills")
        bill_table.cursor = bill_table.keys.index(f"openai/{MODEL}")
        await until(pilot, lambda: "× 3 epochs × $25.00" in note(app))
        await pilot.press("plus")
        await until(pilot, lambda: "× 4 epochs × $25.00" in note(app))
        assert "chosen by you" in note(app)
        await pilot.press("minus", "minus")
        await until(pilot, lambda: "× 2 epochs" in note(app))
        await pilot.press("a")
        await until(pilot, lambda: "× 3 epochs" in note(app))


async def test_a_filter_narrows_and_esc_takes_it_away_before_the_screen(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_money(pilot, app, rows)
        every = len(table(app, "#bills").keys)
        await pilot.press("slash", *"together", "enter")
        await until(pilot, lambda: 0 < len(table(app, "#bills").keys) < every)
        assert f"of {every}" in str(table(app, "#bills").border_title)
        await pilot.press("s")
        assert str(table(app, "#bills").border_subtitle) == "by service"
        await pilot.press("escape")
        await until(pilot, lambda: len(table(app, "#bills").keys) == every)
        assert app.screen is screen
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))


async def test_a_file_that_went_away_says_so(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(MoneyScreen(rows.parent / "[/gone].jsonl"))
        await until(pilot, lambda: "[/gone].jsonl" in text_of(app) and "Counting" not in text_of(app))


def test_vocabularies_become_known_one_by_one_the_local_models_last(rows: Path) -> None:
    models = Catalog.load().trainable()
    report = check_file(rows, CheckOptions())
    own = next(model for model in models if model.encoding == "o200k_base")
    steps = list(tokens_by_vocabulary(own, report, models, lambda _model: report))
    assert [is_all for _, is_all in steps] == [False] * (len(steps) - 1) + [True]
    assert list(steps[0][0]) == ["o200k_base"]
    local = next(model for model in models if model.provider == "local")
    assert list(steps[-1][0])[-1] == local.id
    assert list(next(tokens_by_vocabulary(local, report, models, lambda _model: report))[0]) == [local.id]


def test_what_is_known_already_is_told_while_the_rest_is_counted(rows: Path) -> None:
    with make_services() as services:
        told: list[FileCounts] = []
        whole = count_for_all(services, rows, validation=rows, on_counts=told.append)
        assert [list(counts.reports) for counts in told] == [["o200k_base"]]
        assert set(whole.reports) == set(whole.held_out) == {"o200k_base", "smollm2-135m-instruct"}
        early = {key_of(bill) for bill in told[0].bills(services)}
        assert early == {key_of(bill) for bill in whole.bills(services)}


# Lengths


def test_the_limit_stands_between_what_is_read_and_what_is_cut(rows: Path) -> None:
    report = check_file(rows, CheckOptions(token_limit=500))
    chart = SpreadChart()
    chart.show(report.tokens.spread.rows, 500)
    lines = ["".join(text for text, _ in chart.item_line(at, 70)) for at in range(chart.item_count())]
    limits = [at for at, line in enumerate(lines) if "limit 500: what is beyond is cut" in line]
    assert len(limits) == 1
    assert 0 < limits[0] < len(lines) - 1
    assert all(len(line) <= 70 for line in lines)
    tones = [chart.item_line(at, 70)[1][1] for at in range(chart.item_count()) if at != limits[0]]
    assert tones == ["accent"] * limits[0] + ["warning"] * (len(lines) - 1 - limits[0])


def test_the_rows_beyond_the_limit_are_listed_with_what_they_lose(rows: Path) -> None:
    tokens = check_file(rows, CheckOptions(token_limit=500)).tokens
    assert cut_title(tokens) == f"Cut: {tokens.over_limit} rows"
    assert len(cut_rows(tokens)) == tokens.over_limit
    without = check_file(rows, CheckOptions()).tokens
    assert cut_title(without) == "Longest rows"
    assert cut_rows(without)[0].key == "40"


async def test_a_role_chooses_whose_tokens_are_drawn_and_enter_shows_a_row(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_check(pilot, app, rows)
        await pilot.press("d")
        await until(pilot, lambda: isinstance(app.screen, TokenSpreadScreen))
        assert "Longest rows" in text_of(app)
        roles = table(app, "#role-tokens")
        roles.cursor = roles.keys.index("user")
        await until(pilot, lambda: "tokens of: user" in str(app.screen.query_one(SpreadChart).border_title))
        await pilot.press("y")
        await until(pilot, lambda: "equal widths" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, TokenViewScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, TokenSpreadScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))


# Whose rules


async def test_p_checks_by_the_rules_of_the_next_service(rows: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, rows)
        before = screen.service
        await pilot.press("p")
        await until(pilot, lambda: "by the rules of" in text_of(app))
        assert screen.service != before
        await pilot.press("P")
        await until(pilot, lambda: screen.service == before)


def test_lints_stand_apart_under_their_own_heading(isolated_home: Path) -> None:
    path = isolated_home / "lints.jsonl"
    user = {"role": "user", "content": "same question"}
    answers = ["I'm sorry, but I can't help with that.", "yes", "no", ""]
    path.write_text(
        "".join(
            json.dumps({"messages": [user, {"role": "assistant", "content": answers[number % 4]}]}) + "\n"
            for number in range(8)
        ),
        "utf-8",
    )
    groups = group_findings(check_file(path, CheckOptions(lints="all")))
    lints = [group.is_lint for group in groups]
    assert True in lints
    assert False in lints
    assert lints == sorted(lints)
    findings = FindingList()
    findings.set_groups(groups, empty="")
    headings = [item.heading for item in findings._items if item.heading]
    assert headings == ["Quality lints"]
    assert findings._items[lints.index(True)].heading
    words = "".join(text for text, _ in findings.item_line(lints.index(True), 80))
    assert "no file is refused for them" in words


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
@pytest.mark.parametrize("key", ["c", "d"], ids=["money", "lengths"])
def test_it_looks(rows: Path, snap_compare: Callable[..., bool], size: tuple[int, int], key: str) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        if key == "c":
            await open_money(pilot, app, rows)
            await pilot.press("j", "j")
        else:
            await open_check(pilot, app, rows)
            await pilot.press("d")
            await until(pilot, lambda: isinstance(app.screen, TokenSpreadScreen))
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
