"""Tables of reports fit the terminal, whole."""

from __future__ import annotations

import pytest

from tui.cli.report_output import print_fitting

NAMES = ("Check", "Rows", "A model with a long name", "Another with a longer one", "Verdict")


@pytest.mark.parametrize("columns", [80, 200])
@pytest.mark.parametrize("count", [1, 5])
def test_a_wide_table_is_printed_in_parts_that_fit_and_hold_every_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, count: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = [
        (f"check {n}", f"{n}", f"{n}0.0 (low)", f"{n}1.0 (high)", f"better {n} {'x' * 50}")
        for n in range(count)
    ]
    print_fitting(NAMES, rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    for cell in (*NAMES[1:], *(cell for row in rows for cell in row)):
        assert any(cell in line for line in lines)
    if columns == 200:
        assert len(lines) == 1 + count


def test_a_column_too_wide_for_any_part_stands_cell_by_cell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    print_fitting(("A", "B", "C"), [("a", "b" * 60, "c")] * 3)
    assert capsys.readouterr().out.splitlines()[:3] == ["a", f"  B  {'b' * 60}", "  C  c"]
    print_fitting(("A", "B"), [])
    assert capsys.readouterr().out == "A  B\n"
