"""Prompt diets, and old against new, among past evaluations: listed, opened, written, deleted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.datasets.tokens import TiktokenCounter
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.diet import Diet, plan_diet, run_diet, sentences
from tui.evals.kept import find_evaluation, write_kept
from tui.evals.kept_compare import compare_kept
from tui.evals.parity import plan_parity, run_parity
from tui.evals.parity_old import old_answers
from tui.evals.record import plan_recording, record
from tui.evals.record_source import questions_of_file
from tui.evals.reports.blocks import Table
from tui.evals.requests import Contender
from tui.evals.test_set import read_test_set
from tui.services import Services

PROMPT = "Rule one is here. Rule two is here. Rule three is here. Rule four is here."
ROWS = 8


def hostile(model: str, question: str, body: Any) -> str:
    """The tuned model needs no prompt, the base all of it; what is wrong holds escape codes."""
    told = any("four" in str(one["content"]) for one in body["messages"] if one["role"] == "system")
    return "right" if model == TUNED or told else "\x1b[2J[b]no[/b] \ud800"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    rows = [
        {"messages": [{"role": "system", "content": PROMPT},
                      {"role": "user", "content": f"Row {number} \x1b[2J"},
                      {"role": "assistant", "content": "right"}]}
        for number in range(ROWS)
    ]  # fmt: skip
    return write_rows(tmp_path / "held-out.jsonl", *rows)


def eaten(services: Services, path: Path) -> Diet:
    lanes = (Lane("openai", BASE), Lane("openai", TUNED))
    plan = plan_diet(
        services,
        read_test_set(path),
        lanes,
        [parse_check("exact")],
        TiktokenCounter("o200k_base"),
        shares=(50, 0),
    )
    return run_diet(services, plan, first_wait=0.01)


def test_a_diet_is_kept_with_its_sentences_tables_and_rows(
    service: AnsweringService, services: Services, rows: Path, tmp_path: Path
) -> None:
    service.reply = hostile
    diet = eaten(services, rows)
    (head,) = services.store.eval_run_heads()
    assert (head.kind, head.model, head.rows, head.score) == ("diet", TUNED, ROWS, 1.0)
    assert (head.word, head.complete) == ("0 % enough", True)
    kept = find_evaluation(services, "last")
    assert kept.sentence == " ".join(sentences(diet))
    assert [table.headings for table in kept.tables] == [("100 %", "50 %", "0 %")] * 2
    assert [list(one) for one in kept.tables[1].shown] == [[1.0, 0.0, 0.0]] * ROWS
    assert "\x1b" not in json.dumps(kept.value, ensure_ascii=False)
    assert any(isinstance(block, Table) and block.headings[0] == "Model" for block in kept.blocks(0))
    for ending in ("md", "html", "json"):
        write_kept(kept, tmp_path / f"r.{ending}")
    assert "Row 0" in (tmp_path / "r.md").read_text("utf-8")
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["kind"] == "diet"
    with pytest.raises(TunedeckError, match="Only evaluations are compared"):
        compare_kept(kept, kept)


def test_old_against_new_is_kept_with_its_agreement_as_the_score(
    service: AnsweringService, services: Services, rows: Path
) -> None:
    service.reply = hostile
    found = questions_of_file(rows)
    assert record(
        services, plan_recording(services, found.source, found.cases, [Lane("openai", TUNED)])
    ).complete
    for checks in ([], [parse_check("exact")]):
        old = old_answers(services, TUNED, read_test_set(rows))
        run_parity(
            services, plan_parity(services, old, Contender(Lane("openai", BASE), ""), checks), first_wait=0.01
        )
    scored, alike = (find_evaluation(services, one.id) for one in services.store.eval_run_heads())
    head = services.store.eval_run_heads()[0]
    assert (head.kind, head.model, head.score, head.word) == ("parity", BASE, 0.0, "worse")
    assert head.title == f"recorded: {BASE} without a prompt in place of {TUNED}"
    assert (alike.tables[0].headings, scored.tables[0].headings) == (("Alike",), ("Alike", "Old", "New"))
    assert list(scored.tables[0].shown[0]) == [0.0, 1.0, 0.0]
    assert "agreement 0.0 %" in scored.sentence
    assert scored.worst[0]["answers"][0]["model"] == f"{TUNED} (recorded)"


def test_the_verbs_list_show_export_and_delete_them_too(
    service: AnsweringService, services: Services, rows: Path, tmp_path: Path
) -> None:
    service.reply = hostile
    eaten(services, rows)
    (head,) = services.store.eval_run_heads()
    listed = json.loads(run_cli("eval", "list", "--json").stdout)
    assert (listed[0]["kind"], listed[0]["verdict"]) == ("diet", "0 % enough")
    assert "prompt diet of" in run_cli("eval", "list").stdout
    shown = run_cli("eval", "show", "last")
    assert "shortest prompt within noise" in shown.stdout
    assert "Row 0" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert run_cli("eval", "compare", head.id, head.id).code == 2
    assert run_cli("eval", "export", "last", "-o", str(tmp_path / "d.md")).code == 0
    assert run_cli("eval", "delete", head.id, "--yes").code == 0
    assert services.store.eval_run_heads() == []
