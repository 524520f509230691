"""`tunedeck eval` as people and CI call it, over real HTTP on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult, tunedeck_command, wait_until
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.services import Services
from tui.store.store import Store

Cli = Callable[..., CliResult]
ROWS = 20


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"prompt": f"Double {number}", "expected": str(2 * number)} for number in range(ROWS)]
    return write_rows(tmp_path / "set.jsonl", *rows)


def tuned_is_right(model: str, question: str, _body: Any) -> str:
    return str(2 * int(question.split()[1])) if model == TUNED else "I would rather not."


ASK = ("--model", TUNED, "--account", "openai", "--check", "exact")


def test_base_and_tuned_are_compared_and_the_numbers_printed(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = tuned_is_right
    result = cli("eval", str(questions), *ASK, "--against", "base", "--yes")
    assert result.code == 0, result.stderr
    assert f"{TUNED} against {BASE}: better by +100.0 points" in result.stdout
    assert "not offered by this service" in result.stdout
    assert "This run asked 40 times, under $0.01." in result.stdout
    assert "How to read this" not in result.stdout


def test_json_holds_models_verdicts_and_every_row(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = tuned_is_right
    result = cli("eval", str(questions), *ASK, "--against", BASE, "--yes", "--json")
    value = result.json()
    assert (value["verdict"]["word"], value["complete"], value["asked"]) == ("better", True, 40)
    assert [model["score"]["estimate"] for model in value["models"]] == [0, 1]
    assert len(value["worst"]) == ROWS
    assert value["verdicts"]["exact"]["mcnemar"]["gained"] == ROWS


def test_nothing_that_costs_is_sent_without_a_yes(
    cli: Cli, cli_process: Cli, service: AnsweringService, questions: Path
) -> None:
    result = cli_process("eval", str(questions), *ASK)
    assert result.code == 2
    assert "Add --yes to agree" in result.stderr
    assert "20 answers to ask, for under $0.01 to $0.03" in result.stderr
    plan = cli("eval", str(questions), *ASK, "--dry-run", "--json").json()
    assert (plan["to_ask"], plan["rows"]) == (20, 20)
    assert service.requests_answered == 0


def test_what_was_answered_is_free_and_needs_no_yes(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = tuned_is_right
    assert cli("eval", str(questions), *ASK, "--yes").code == 0
    result = cli("eval", str(questions), *ASK, "--json")
    assert result.code == 0
    assert result.json()["asked"] == 0
    assert service.requests_answered == ROWS


@pytest.mark.parametrize(("limit", "code"), [("55", 0), ("50", 0), ("50.1", 1), ("100", 1)])
def test_a_score_under_the_line_fails_the_pipeline(
    cli: Cli, service: AnsweringService, questions: Path, limit: str, code: int
) -> None:
    service.reply = lambda model, question, body: (
        tuned_is_right(model, question, body)
        if (int(question.split()[1]) < 10 + (limit == "55"))
        else "wrong"
    )
    result = cli("eval", str(questions), *ASK, "--yes", "--fail-under", limit)
    assert result.code == code
    assert ("is under" in result.stderr) is (code == 1)


def test_what_has_no_number_is_null_in_json_and_under_every_line(
    cli: Cli, service: AnsweringService, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "words.jsonl", {"prompt": "Sky?", "expected": "blue"})
    result = cli("eval", str(path), "--model", TUNED, "--account", "openai", "--against", "base",
                 "--check", "number", "--yes", "--json", "--fail-under", "0",
                 "--report", str(tmp_path / "report.json"))  # fmt: skip
    assert result.code == 1
    assert "No row has a score, which is under 0." in result.stderr

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    for text in (result.stdout, (tmp_path / "report.json").read_text("utf-8")):
        value = json.loads(text, parse_constant=refuse)
        assert value["models"][0]["score"]["estimate"] is None


def test_worse_than_before_fails_the_pipeline_only_when_asked_to(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = tuned_is_right
    swapped = ("--model", BASE, "--against", TUNED, "--account", "openai", "--check", "exact", "--yes")
    assert cli("eval", str(questions), *swapped).code == 0
    assert cli("eval", str(questions), *swapped, "--fail-if-worse").code == 1


def test_a_cap_that_is_reached_is_no_success(cli: Cli, service: AnsweringService, questions: Path) -> None:
    service.reply = lambda model, question, body: "word " * 500
    result = cli("eval", str(questions), *ASK, "--yes", "--max-cost", "0.01", "--at-once", "1")
    assert result.code == 1
    assert "the money cap was reached" in result.stderr
    assert 0 < service.requests_answered < ROWS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", TUNED), "No check is given"),
        (("--model", TUNED, "--check", "nonsense"), "There is no check 'nonsense'"),
        (("--model", TUNED, "--check", "exact", "--max-cost", "much"), "--max-cost much is no amount"),
        (("--model", BASE, "--check", "exact", "--against", "base"), "is itself a base model"),
        (("--model", TUNED, "--check", "exact", "--against", TUNED), "compared with itself"),
        (("--model", TUNED, "--check", "exact", "--report", "report.txt"), "a report is .md, .html or .json"),
        (("--model", TUNED, "--check", "exact", "--export", "promptfoo"), "no file is named"),
        (("--model", TUNED, "--check", "exact", "--temperature", "hot"), "is not a number"),
        (("--model", TUNED, "--check", "judge"), "names no model"),
        (("--check", "exact"), "A test set and --model are needed"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_sent(
    cli: Cli, service: AnsweringService, questions: Path, arguments: tuple[str, ...], words: str
) -> None:
    result = cli("eval", str(questions), "--account", "openai", *arguments)
    assert result.code == 2
    assert words in result.stderr
    assert service.requests_answered == 0


def test_a_key_that_is_refused_ends_with_2_and_its_remedy(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = lambda model, question, body: 401
    result = cli("eval", str(questions), *ASK, "--yes")
    assert result.code == 2
    assert "OpenAI refused with 401" in result.stderr
    assert "sk-test" not in result.stderr


def test_checks_come_from_a_file_and_ratings_of_people_from_another(
    cli: Cli, service: AnsweringService, questions: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "def grade(row, answer):\n    return row['expected'] == answer['text']\n"
    )
    (tmp_path / "checks.toml").write_text(
        f'[[check]]\nname = "python"\nfile = "mine.py"\n\n[[check]]\nname = "judge"\nmodel = "{BASE}"\n'
        'account = "openai"\nrubric = "Prefer A."\n'
    )
    ratings = write_rows(
        tmp_path / "ratings.jsonl", {"line": 1, "winner": "tie"}, {"id": "line 2", "winner": "b"}
    )

    def reply(model: str, question: str, body: Any) -> str:
        return "VERDICT: A" if "Prefer A." in question else tuned_is_right(TUNED, question, body)

    service.reply = reply
    result = cli(
        "eval", str(questions), "--model", TUNED, "--account", "openai", "--checks",
        str(tmp_path / "checks.toml"), "--ratings", str(ratings), "--yes", "--json",
    )  # fmt: skip
    assert result.code == 0, result.stderr
    value = result.json()
    judge = value["judges"][0]
    assert judge["rubric"] == "Prefer A."
    assert judge["ties"] == ROWS
    assert (judge["human_rows"], judge["human_agreement"]) == (2, 0.5)
    titles = [check["check"] for check in value["models"][0]["checks"]]
    assert titles[0] == 'python:{file = "mine.py"}'
    assert value["models"][0]["checks"][0]["score"]["estimate"] == 1


def test_every_check_is_listed_with_its_options(cli: Cli) -> None:
    listed = {one["name"]: one for one in cli("eval", "--list-checks", "--json").json()}
    assert len(listed) == 17
    assert listed["number"]["options"][0] == "tolerance"
    assert all(one["summary"].endswith(".") for one in listed.values())
    assert "json-schema" in cli("eval", "--list-checks").stdout


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal")
def test_a_run_that_is_killed_pays_for_nothing_twice(
    cli: Cli, service: AnsweringService, questions: Path, isolated_home: Path
) -> None:
    held = []

    def reply(model: str, question: str, body: Any) -> str:
        if service.requests_answered > 8:
            held.append(question)
            wait_until(lambda: killed or None, timeout=60)
        return tuned_is_right(TUNED, question, body)

    killed: list[bool] = []
    service.reply = reply
    process = subprocess.Popen(
        tunedeck_command("eval", str(questions), *ASK, "--yes", "--at-once", "2"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ),
    )  # fmt: skip
    try:
        wait_until(lambda: len(held) == 2 or None, timeout=60, what="two requests under way")
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.wait()
        killed.append(True)
    with Services.open() as services:
        kept = services.store.query("SELECT count(*) AS n FROM eval_answers")[0]["n"]
    assert kept == 8
    under_way = set(held)
    result = cli("eval", str(questions), *ASK, "--yes", "--json")
    assert result.code == 0
    assert result.json()["asked"] == ROWS - 8
    twice = {question for (_, question), times in service.asked.items() if times > 1}
    assert twice == under_way


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of another kind")
def test_a_run_that_is_interrupted_says_so_and_keeps_what_came(
    cli: Cli, service: AnsweringService, questions: Path, isolated_home: Path
) -> None:
    over: list[bool] = []
    held: list[str] = []

    def reply(model: str, question: str, body: Any) -> str:
        if service.requests_answered > 5:
            held.append(question)
            wait_until(lambda: over or None, timeout=60)
        return tuned_is_right(TUNED, question, body)

    service.reply = reply
    process = subprocess.Popen(
        tunedeck_command("eval", str(questions), *ASK, "--yes", "--at-once", "1"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    try:
        wait_until(lambda: held or None, timeout=60, what="a request under way")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        over.append(True)
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b"Interrupted." in said
    assert b"Traceback" not in said
    assert cli("eval", str(questions), *ASK, "--dry-run", "--json").json()["to_ask"] == ROWS - 5


def test_a_function_that_cannot_be_loaded_is_told_before_anything_is_asked(
    cli: Cli, service: AnsweringService, questions: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("import a_module_that_is_not_there")
    check = f"python:{tmp_path / 'mine.py'}"
    result = cli("eval", str(questions), "--model", TUNED, "--account", "openai", "--check", check, "--yes")
    assert result.code == 2
    assert "No module named 'a_module_that_is_not_there'" in result.stderr
    assert service.requests_answered == 0


def test_the_report_is_kept_in_the_store(
    cli: Cli, service: AnsweringService, questions: Path, isolated_home: Path
) -> None:
    service.reply = tuned_is_right
    cli("eval", str(questions), *ASK, "--yes")
    with Services.open() as services:
        store: Store = services.store
        (run,) = store.eval_runs()
        assert run.title == f"set.jsonl: {TUNED}"
        assert json.loads(run.report)["models"][0]["model"] == TUNED
        assert store.usage()[0].uses == ROWS
