from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from screens.check import CheckScreen
from screens.check_facts import explain
from screens.choose import ChooseScreen
from screens.finding_list import FindingList, Item, group_findings
from screens.launch import LaunchScreen
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, dataset, make_app, text_of, until
from tui.app import TunedeckApp
from tui.datasets.check import CheckCancelled
from tui.datasets.estimate import FileEstimate, estimate_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Finding, Report, Severity, TokenSummary
from tui.jobs.reports import report_for
from tui.widgets.key_value import KeyValue
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]


pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def broken(isolated_home: Path, broken_file: Path) -> Path:
    return dataset(isolated_home, broken_file, "broken.jsonl")


async def open_check(pilot: Pilots, app: TunedeckApp, path: Path) -> CheckScreen:
    app.open_check(path)
    await until(pilot, lambda: isinstance(app.screen, CheckScreen) and priced(app))
    assert isinstance(app.screen, CheckScreen)
    return app.screen


def priced(app: TunedeckApp) -> bool:
    return any(table.keys for table in app.screen.query("#costs").results(Table))


def costs(app: TunedeckApp) -> Table:
    return app.screen.query_one("#costs", Table)


async def test_a_broken_file_is_said_to_be_refused_in_words(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_check(pilot, app, broken)
        shown = text_of(app)
        assert "12 errors" in shown
        assert "the service would refuse this file" in shown
        assert "✗ error" in shown
        assert "! warning" in shown


async def test_a_broken_file_can_not_be_launched_and_says_why(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, broken)
        assert "once it is mended" in text_of(app)
        assert "12 errors" in screen.reason_against("launch_file")
        await pilot.press("l")
        costs(app).focus()
        await pilot.press("enter")
        await until(pilot, lambda: any("12 errors" in note.message for note in app._notifications))
        assert app.screen is screen


async def test_a_sound_file_is_said_to_be_sound_and_free_on_this_machine(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_check(pilot, app, sound)
        shown = text_of(app)
        assert "✓ Sound" in shown
        assert "free" in shown
        assert "seconds here" in shown or "minutes here" in shown
        assert "$5.00/M" in shown
        assert costs(app).keys[0] == "local/smollm2-135m-instruct"


async def test_space_unfolds_a_rule_and_enter_on_a_line_shows_the_row(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, broken)
        findings = screen.query_one(FindingList)
        folded = findings.item_count()
        await pilot.press("space", "j")
        item = findings.current
        assert findings.item_count() > folded
        assert item is not None
        assert item.finding is not None
        line = item.finding.line
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        assert line is not None
        await until(pilot, lambda: f"line {line}" in text_of(app).lower() or f" {line} " in text_of(app))
        assert item.finding.message in " ".join(text_of(app).split())
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert findings.current == item
        await pilot.press("2", "escape")
        assert app.screen is screen


async def test_new_files_of_the_rows_lead_back_to_the_check(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, broken)
        await pilot.press("S")
        await until(pilot, lambda: app.current_mode == "datasets")
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


async def test_enter_on_a_rule_unfolds_it_and_u_unfolds_all(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, broken)
        findings = screen.query_one(FindingList)
        folded = findings.item_count()
        await pilot.press("enter")
        one = findings.item_count()
        await pilot.press("u")
        every = findings.item_count()
        await pilot.press("u")
        assert folded < one < every
        assert findings.item_count() == folded


async def test_the_finding_under_the_cursor_is_explained_with_the_services_words(broken: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_check(pilot, app, broken)
        assert "The service says" in text_of(app)
        assert "read 2026-" in text_of(app)


@pytest.mark.parametrize("words", [None, "Example 1 is missing key 'input'."])
def test_the_service_is_quoted_only_where_its_words_are_known(words: str | None) -> None:
    finding = Finding("missing-key", Severity.ERROR, 1, "m", service_text=words)
    (group,) = group_findings(make_report((finding,), {}))
    shown = [part[0] for line in explain(Item(group, finding)) for part in line]
    assert ("The service says: " in shown) is (words is not None)


async def test_a_report_is_kept_and_not_made_again(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_check(pilot, app, sound)

        def never(*_args: object, **_options: object) -> Report:
            raise AssertionError("the file was read again")

        monkeypatch.setattr("tui.datasets.cached_check.check_file", never)
        costs(app).set_rows([])
        screen.show_path(sound)
        await until(pilot, lambda: costs(app).keys)
        assert "✓ Sound" in text_of(app)


def spoil_unseen(path: Path) -> None:
    written = path.stat()
    path.write_bytes(path.read_bytes().replace(b'"role"', b'"rule"', 1))
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))


async def test_r_reads_a_file_again_that_looks_unchanged(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_check(pilot, app, sound)
        spoil_unseen(sound)
        await pilot.press("r")
        await until(pilot, lambda: "the service would refuse this file" in text_of(app))


async def test_x_stops_reading_and_r_begins_again(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    begun = threading.Event()

    def endless(*_args: object, cancelled: Callable[[], bool], **_options: object) -> Report:
        begun.set()
        while not cancelled():
            begun.wait(0.01)
        raise CheckCancelled

    monkeypatch.setattr("screens.check_run.report_for", endless)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_check(sound)
        await until(pilot, lambda: begun.is_set())
        await until(pilot, lambda: "x stops" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: "Stopped" in text_of(app))
        monkeypatch.setattr("screens.check_run.report_for", report_for)
        await pilot.press("r")
        await until(pilot, lambda: "✓ Sound" in text_of(app))


@pytest.mark.parametrize("terminal", SIZES)
async def test_a_large_file_has_an_estimate_until_it_has_been_read(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch, terminal: tuple[int, int]
) -> None:
    row = '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "yes"}]}\n'
    large = isolated_home / "large.jsonl"
    large.write_text("".join(row % ("word " * (number % 400)) for number in range(500)))
    may_read = threading.Event()

    def held_back(*arguments: Any, **options: Any) -> Report:
        may_read.wait(60)
        return report_for(*arguments, **options)

    def estimate(path: Path, encoding: str, limit: int | None, **_options: object) -> FileEstimate:
        return estimate_file(path, encoding, limit=limit)

    monkeypatch.setattr("tui.datasets.estimate.WHOLE_BYTES", 0)
    monkeypatch.setattr("screens.check_run.LARGE_BYTES", 1_000)
    monkeypatch.setattr("screens.check_run.estimate_apart", estimate)
    monkeypatch.setattr("screens.check_run.report_for", held_back)
    app = make_app()
    async with app.run_test(size=terminal) as pilot:
        app.open_check(large)
        try:
            await until(pilot, lambda: "≈" in text_of(app), seconds=60)
            assert app.screen.query_one("#tokens").border_title == "Tokens, estimated"
            facts = str(app.screen.query_one("#token-facts", KeyValue).render())
            assert "right 95 times in 100" in facts
            assert re.search(r"All +≈ [\d.]+ k\n +[\d.]+ to [\d.]+ k\n", facts) is not None
            assert costs(app).border_title == "Cost, by model, estimated"
            assert len(costs(app).keys) > 3
        finally:
            may_read.set()
        await until(
            pilot, lambda: "✓ Sound" in text_of(app) and "estimated" not in str(costs(app).border_title)
        )
        assert app.screen.query_one("#tokens").border_title == "Tokens"


async def test_a_file_that_can_not_be_read_says_so(isolated_home: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_check(isolated_home / "[/gone].jsonl")
        await until(pilot, lambda: "✗" in text_of(app))
        assert "[/gone].jsonl" in text_of(app)


async def test_nothing_of_the_file_before_stays_under_the_name_of_one_that_can_not_be_read(
    broken: Path,
) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, broken)
        screen.show_path(broken.with_name("gone.jsonl"))
        await until(pilot, lambda: "does not exist" in text_of(app))
        assert screen.query_one(FindingList).item_count() == 0
        assert not costs(app).keys
        assert "Trained" not in text_of(app)
        await pilot.press("F", "enter")
        assert app.screen is screen


async def test_m_checks_for_the_next_model(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_check(pilot, app, sound)
        assert "for smollm2-135m-instruct" in text_of(app)
        await pilot.press("m")
        await until(pilot, lambda: "for gpt-4.1-2025-04-14" in text_of(app))


async def test_f_reads_a_files_rows_as_another_format_and_that_is_remembered_for_it_alone(
    sound: Path, broken: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, sound)
        found = screen._report
        assert found is not None
        assert found.valid
        await pilot.press("f", "f")  # chat, then preference
        await until(pilot, lambda: "read as preference" in text_of(app))
        other = screen._report
        assert other is not None
        assert "missing-key" in {finding.rule for finding in other.findings}
        await pilot.press("f", "f", "f", "f")  # over reinforcement, completion and text to as found
        await until(pilot, lambda: screen._report is not None and screen._report.valid)
        assert "read as" not in text_of(app)
        await pilot.press("f", "f")
        screen.show_path(broken)
        await until(pilot, lambda: "12 errors" in text_of(app))
        assert "read as" not in text_of(app)
        screen.show_path(sound)
        await until(pilot, lambda: "read as preference" in text_of(app))


def rows_title(app: TunedeckApp) -> str:
    found = app.screen.query("RowList#rows")
    return str(found.first().border_subtitle) if found else ""


async def test_a_format_chosen_in_check_is_what_rows_tokens_and_launch_read_the_file_as(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, sound)
        app.open_rows(sound)
        await until(pilot, lambda: "chat" in rows_title(app))
        app.go_to("check")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("f", "f")  # chat, then preference
        await until(pilot, lambda: "read as preference" in text_of(app))
        app.go_to("datasets")
        await until(pilot, lambda: "read as preference" in rows_title(app))
        await pilot.press("n")
        await until(pilot, lambda: "error lines" in rows_title(app))
        app.open_launch(sound)
        await until(pilot, lambda: "read as preference" in " ".join(text_of(app).split()))
        app.go_to("check")
        await until(pilot, lambda: app.screen is screen)
        await pilot.press("f", "f", "f", "f")  # over reinforcement, completion and text to as found
        await until(pilot, lambda: screen._report is not None and screen._report.valid)
        app.open_rows(sound)
        await until(pilot, lambda: "chat" in rows_title(app) and "read as" not in rows_title(app))
        assert "error" not in rows_title(app)


async def test_l_goes_to_launch_with_this_file(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_check(pilot, app, sound)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        assert isinstance(app.screen, LaunchScreen)
        assert app.screen.form.training == sound


async def test_without_a_file_o_offers_the_shipped_examples(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "No file yet" in text_of(app))
        await pilot.press("l")
        await until(pilot, lambda: any("Choose a file first" in note.message for note in app._notifications))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"sentiment", "enter")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and priced(app))
        assert example_file.name in text_of(app)


async def test_a_typed_path_is_taken_when_no_name_matches(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3", "o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        app.screen.query_one("Input").value = str(sound)  # type: ignore[attr-defined]
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen) and priced(app))
        assert "sentiment.jsonl" in text_of(app)


def make_report(findings: tuple[Finding, ...], truncated: dict[str, int]) -> Report:
    counts = {"error": 0, "warning": 0, "info": 0}
    return Report(
        "f", DatasetFormat.CHAT, 9, 9, "0", True, counts, findings, truncated, TokenSummary("o200k_base")
    )


def test_groups_come_errors_first_then_by_how_often() -> None:
    def found(rule: str, severity: Severity, times: int) -> list[Finding]:
        return [Finding(rule, severity, line, "m") for line in range(1, times + 1)]

    findings = [
        *found("few-examples", Severity.WARNING, 9),
        *found("invalid-json", Severity.ERROR, 1),
        *found("blank-line", Severity.WARNING, 1),
        *found("not-an-object", Severity.ERROR, 3),
    ]
    groups = group_findings(make_report(tuple(findings), {"blank-line": 20}))
    assert [(group.rule, group.count) for group in groups] == [
        ("not-an-object", 3),
        ("invalid-json", 1),
        ("blank-line", 21),
        ("few-examples", 9),
    ]


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_broken_file_looks(broken: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_check(pilot, app, broken)
        await pilot.press("space", "j")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_sound_file_looks(sound: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_check(pilot, app, sound)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_no_file_looks(snap_compare: Callable[..., bool]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await pilot.press("3")
        await until(pilot, lambda: "No file yet" in text_of(app))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


async def test_a_grader_is_named_by_a_key_and_rows_are_held_to_it(isolated_home: Path) -> None:
    folder = isolated_home / "data"
    folder.mkdir(exist_ok=True)
    rows = [
        {"messages": [{"role": "user", "content": f"How much is {number} and one?"}], "answer": str(number)}
        for number in range(12)
    ]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    grader = {
        "type": "string_check", "name": "same", "operation": "eq", "input": "{{sample.output_text}}",
        "reference": "{{item.solution}}",
    }  # fmt: skip
    (folder / "grader.json").write_text(json.dumps(grader), "utf-8")
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        assert "grader.json" not in text_of(app)
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "grader.json" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen and "and grader.json" in text_of(app))
        await until(pilot, lambda: "grader reads item.solution" in str(screen._report))
        await pilot.press("R")
        await until(pilot, lambda: "and grader.json" not in text_of(app))
        await until(pilot, lambda: "item.solution" not in str(screen._report))
