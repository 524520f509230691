from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.datasets.builders import assistant, chat, clean_chats, user, write
from tui.cli.main import run
from tui.datasets.rules import RULES

BAD = chat(user(), assistant(), user("And \x1b[31m\x9bthis?"))
Capture = pytest.CaptureFixture[str]


def printed(capsys: Capture) -> str:
    return capsys.readouterr().out


def check(*arguments: object) -> int:
    return run(["check", *map(str, arguments), "--no-tokens"])


def test_sarif_has_the_keys_that_the_standard_asks_for(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "a b.jsonl", [*clean_chats(), BAD])
    assert check(path, "--output", "sarif") == 1
    log = json.loads(printed(capsys))
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (sarif_run,) = log["runs"]
    driver = sarif_run["tool"]["driver"]
    assert driver["name"] == "tunedeck"
    assert [rule["id"] for rule in driver["rules"]] == list(RULES)
    assert sarif_run["results"]
    for result in sarif_run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        assert result["message"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"].endswith("a%20b.jsonl")
        assert place["region"]["startLine"] == 51
        assert len(result["partialFingerprints"]["row/v1"]) == 32


def test_github_annotations_name_the_line_and_escape_what_is_special(tmp_path: Path, capsys: Capture) -> None:
    path = write(tmp_path / "a,b.jsonl", [*clean_chats(), *[BAD] * 12])
    assert check(path, "--output", "github") == 1
    lines = printed(capsys).splitlines()
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == 11
    assert "a%2Cb.jsonl,line=51,col=" in errors[0]
    assert errors[-1].endswith("::and 2 more findings of this rule")
    assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in lines)


@pytest.mark.parametrize("output", ["text", "json", "sarif", "github"])
def test_no_control_byte_of_the_data_reaches_any_output(tmp_path: Path, capsys: Capture, output: str) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(), BAD])
    assert check(path, "--output", output, "--lints", "all") == 1
    assert not [char for char in printed(capsys) if char in "\x1b\x9b\x07\x00"]


def test_a_baseline_knows_findings_again_when_their_rows_have_moved(tmp_path: Path, capsys: Capture) -> None:
    path, baseline = tmp_path / "rows.jsonl", tmp_path / "known.json"
    write(path, [*clean_chats(), BAD])
    assert check(path, "--write-baseline", baseline) == 0
    assert check(path, "--baseline", baseline) == 0
    write(path, [chat(user("first"), assistant()), BAD, *clean_chats()])
    assert check(path, "--baseline", baseline) == 0
    printed(capsys)
    write(path, [BAD, *clean_chats(), chat(user(), assistant(), user("new"))])
    assert check(path, "--baseline", baseline, "--output", "json") == 1
    report = json.loads(printed(capsys))
    assert [finding["line"] for finding in report["findings"] if finding["severity"] == "error"] == [52]
    assert report["counts"]["error"] == 1


def test_a_baseline_counts_what_a_report_does_not_keep(tmp_path: Path, capsys: Capture) -> None:
    path, baseline = tmp_path / "rows.jsonl", tmp_path / "known.json"
    bad = [chat(user(str(number)), user()) for number in range(1_200)]
    write(path, bad)
    assert check(path, "--write-baseline", baseline) == 0
    assert check(path, "--baseline", baseline) == 0
    write(path, [*bad, chat(user("one more"), user())])
    assert check(path, "--baseline", baseline) == 1
    assert "no-assistant" not in json.loads(baseline.read_text())["files"]


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"version": 1, "files": [1]}', "\x00"])
def test_a_baseline_that_is_none_is_refused(tmp_path: Path, capsys: Capture, content: str) -> None:
    path, baseline = write(tmp_path / "rows.jsonl", clean_chats()), tmp_path / "known.json"
    baseline.write_text(content)
    assert check(path, "--baseline", baseline) == 2
    assert "is no baseline" in capsys.readouterr().err


def test_fail_on_decides_the_exit_code(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(20))  # few-examples is a warning
    assert check(path) == 0
    assert check(path, "--fail-on", "warning") == 1
    assert check(path, "--fail-on", "warning", "--ignore", "few-examples") == 0


def test_several_files_are_checked_and_any_bad_one_fails(tmp_path: Path, capsys: Capture) -> None:
    good = write(tmp_path / "good.jsonl", clean_chats())
    bad = write(tmp_path / "bad.jsonl", [*clean_chats(), BAD])
    assert check(good, good) == 0
    assert check(good, bad) == 1
    assert check(good, tmp_path / "missing.jsonl") == 2
    printed(capsys)
    assert check(good, bad, "--output", "json") == 1
    reports: list[dict[str, Any]] = json.loads(printed(capsys))
    assert [report["valid"] for report in reports] == [True, False]


def test_the_provider_decides_how_many_rows_and_which_rules(tmp_path: Path) -> None:
    three = write(tmp_path / "three.jsonl", clean_chats(3))
    assert check(three) == 1
    assert check(three, "--provider", "fireworks") == 0
    twice = write(tmp_path / "twice.jsonl", [chat(user(), user(), assistant())] * 12)
    assert check(twice) == 0
    assert check(twice, "--provider", "together") == 1


def test_a_grader_is_compared_with_the_rows(tmp_path: Path, capsys: Capture) -> None:
    rows = [{"messages": [user(str(number))], "answer": "4"} for number in range(12)]
    path, grader = write(tmp_path / "rows.jsonl", rows), tmp_path / "grader.json"
    value = {"type": "string_check", "name": "n", "input": "{{sample.output_text}}", "operation": "eq"}
    grader.write_text(json.dumps({**value, "reference": "{{item.answer}}"}))
    assert check(path, "--grader", grader) == 0
    grader.write_text(json.dumps({**value, "reference": "{{item.solution}}"}))
    assert check(path, "--grader", grader) == 1
    grader.write_text("[]")
    assert check(path, "--grader", grader) == 2


def test_rules_prints_each_rule_with_its_source_and_example(capsys: Capture) -> None:
    assert run(["rules", "--json"]) == 0
    records = json.loads(printed(capsys))
    assert [record["id"] for record in records] == list(RULES)
    assert run(["rules", "byte-order-mark", "--json"]) == 0
    record = json.loads(printed(capsys))
    assert record["severity_by_provider"]["azure"] == "off"
    assert record["fix"]
    assert run(["rules", "--provider", "azure"]) == 0
    table = printed(capsys)
    assert "byte-order-mark-missing" in table
    assert "roles-alternate" not in table
    assert run(["rules", "extra-key"]) == 0
    assert "Example:" in printed(capsys)
    assert run(["rules", "extra-kee"]) == 2


def test_the_pre_commit_hook_is_shipped() -> None:
    root = Path(__file__).resolve().parents[3]
    hook = (root / ".pre-commit-hooks.yaml").read_text()
    assert "- id: tunedeck-check\n" in hook
    assert "  entry: tunedeck check --no-tokens\n" in hook
    assert "  language: python\n" in hook
