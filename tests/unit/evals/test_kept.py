"""Evaluations from before: listed, opened, compared, written, deleted; by verb and in the core."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.kept import find_evaluation, row_blocks, write_kept
from tui.evals.kept_compare import compare_kept
from tui.evals.plan import EvalOptions, plan_evaluation
from tui.evals.reports.blocks import Quoted, report_blocks
from tui.evals.requests import Contender
from tui.evals.result import EvalResult
from tui.evals.run import run_evaluation
from tui.evals.statistics.verdict import Word
from tui.evals.test_set import read_test_set
from tui.services import Services

ROWS = 12


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"prompt": f"Say {number} \x1b[2J", "expected": str(number)} for number in range(ROWS)]
    return write_rows(tmp_path / "held-out.jsonl", *rows)


def half_right(model: str, question: str, _body: Any) -> str:
    """The tuned model is right; the base in the first two rows."""
    number = question.split()[1]
    return number if model == TUNED or int(number) < 2 else "[b]no[/b]"


def evaluated(services: Services, path: Path, *models: str, limit: int | None = None) -> EvalResult:
    contenders = [Contender(Lane("openai", model)) for model in models]
    options = EvalOptions(checks=(parse_check("exact"),))
    plan = plan_evaluation(services, read_test_set(path, limit=limit), contenders, options)
    return run_evaluation(services, plan, first_wait=0.01)


def test_what_is_kept_is_the_report_as_it_was(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    service.reply = half_right
    result = evaluated(services, questions, BASE, TUNED)
    kept = find_evaluation(services, "last")
    assert list(kept.blocks(0)) == list(report_blocks(result, worst=0))
    assert "better by" in kept.sentence
    assert kept.scores() == {f"line {line}": (line, 1.0) for line in range(1, ROWS + 1)}
    (head,) = services.store.eval_run_heads()
    assert (head.model, head.rows, head.score, head.word) == (TUNED, ROWS, 1.0, "better")
    shown = [block.text for block in row_blocks(kept.worst[0]) if isinstance(block, Quoted)]
    assert "\x1b" not in "".join(shown)
    for ending in ("md", "html", "json"):
        write_kept(kept, tmp_path / f"r.{ending}")
    assert "Worst rows" in (tmp_path / "r.md").read_text("utf-8")
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["rows"] == ROWS


def test_two_are_compared_row_by_row_where_the_test_set_is_the_same(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    service.reply = half_right
    evaluated(services, questions, TUNED)
    evaluated(services, questions, BASE, limit=8)
    second, first = (find_evaluation(services, one.id) for one in services.store.eval_run_heads())
    found = compare_kept(first, second)
    assert found.verdict is not None
    assert (found.verdict.rows, found.verdict.word) == (8, Word.WORSE)
    assert [(row.line, row.first, row.second) for row in found.rows[:2]] == [(3, 1.0, 0.0), (4, 1.0, 0.0)]
    assert found.rows[0].question.startswith("Say 2")
    other = write_rows(tmp_path / "other.jsonl", {"prompt": "Say 1", "expected": "1"})
    evaluated(services, other, TUNED)
    apart = compare_kept(first, find_evaluation(services, "last"))
    assert apart.verdict is None
    assert "no rows in common" in apart.sentence


def test_a_report_of_an_earlier_version_or_a_broken_one_takes_nothing_from_the_list(
    services: Services, tmp_path: Path
) -> None:
    told = {"models": [{"model": TUNED, "score": {"estimate": 0.5, "low": 0.2, "high": 0.8}}], "rows": 4}
    old = services.store.save_eval_run("old", json.dumps(told))
    broken = services.store.save_eval_run("broken", '{"models": [NaN')
    assert [one.score for one in services.store.eval_run_heads()] == [None, 0.5]
    kept = find_evaluation(services, old)
    write_kept(kept, tmp_path / "old.md")
    assert "50.0 (20.0 to 80.0)" in (tmp_path / "old.md").read_text("utf-8")
    assert compare_kept(kept, kept).verdict is None
    with pytest.raises(TunedeckError, match="can't be read"):
        find_evaluation(services, broken)


def test_the_verbs_list_show_compare_export_and_delete(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    assert "Nothing is evaluated yet" in run_cli("eval", "list").stdout
    service.reply = half_right
    for model in (TUNED, BASE):
        command = (
            "eval",
            str(questions),
            "--model",
            model,
            "--account",
            "openai",
            "--check",
            "exact",
            "--yes",
        )
        assert run_cli(*command).code == 0
    newest, oldest = run_cli("eval", "list", "--json").json()
    assert (newest["model"], oldest["model"], oldest["score"]) == (BASE, TUNED, 1.0)
    assert oldest["id"] in run_cli("eval", "list").stdout
    shown = run_cli("eval", "show", oldest["id"][:6]).stdout
    assert all(len(line) <= 80 for line in shown.splitlines() if "SHA-256" not in line)
    assert shown.startswith("Evaluation of held-out.jsonl")
    assert "Worst rows" in shown
    assert run_cli("eval", "show", "last", "--json").json()["id"] == newest["id"]
    assert run_cli("eval", "show", "none").code == 2
    compared = ("eval", "compare", oldest["id"], newest["id"])
    assert "worse by" in run_cli(*compared).stdout
    assert run_cli(*compared, "--fail-if-worse").code == 1
    assert run_cli(*compared, "--json").json()["verdict"]["word"] == "worse"
    report = tmp_path / "past.html"
    assert run_cli("eval", "export", "last", "-o", str(report)).code == 0
    assert report.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert run_cli("eval", "export", "last", "-o", str(report)).code == 2
    assert run_cli("eval", "delete", newest["id"]).code == 2  # nobody is there to ask
    assert run_cli("eval", "delete", newest["id"], "--yes").code == 0
    assert [one["id"] for one in run_cli("eval", "list", "--json").json()] == [oldest["id"]]
