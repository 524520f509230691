from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.datasets.builders import assistant, chat, clean_chats, preference, user, write
from tui.cli import slow_progress
from tui.cli.main import run


def test_check_prints_the_stable_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(11), chat(weight=1)])
    assert run(["check", str(path), "--json"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["file"], value["format"], value["rows"], value["valid"]) == (str(path), "chat", 12, False)
    assert value["bytes"] == path.stat().st_size
    assert value["counts"] == {"error": 1, "warning": 1, "info": 0}
    extra = value["findings"][1]
    assert (extra["rule"], extra["severity"], extra["line"], extra["path"]) == (
        "extra-key",
        "error",
        12,
        "$.weight",
    )
    assert value["tokens"]["encoding"] == "o200k_base"
    assert value["tokens"]["total"] == value["tokens"]["per_epoch"] > value["tokens"]["trained"] > 0


def test_check_tells_people_the_lines_by_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*clean_chats(50), *[chat(user(str(number)), assistant(), user()) for number in range(15)]]
    path = write(tmp_path / "rows.jsonl", [*rows, chat(user("\x1b[31m<|endoftext|>"), assistant())])
    assert run(["check", str(path)]) == 1
    output = capsys.readouterr().out
    assert "ERROR last-not-assistant" in output
    assert "line 51, column" in output
    assert "and 5 more; --all shows more" in output
    assert "line 66, column" in output
    assert "message contains an invalid token: <|endoftext|>." in output
    assert output.count("service: ") == 1  # the other rule's words were never published
    assert "Not valid: 16 errors, 1 warning." in output
    assert "\x1b" not in output
    assert run(["check", str(path), "--all", "--ignore", "last-not-assistant"]) == 1
    assert "last-not-assistant" not in capsys.readouterr().out


def test_a_good_file_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    assert run(["check", str(path), "--no-tokens"]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"{path}: chat, 50 examples")
    assert output.rstrip().endswith("Valid: nothing found.")


def test_options_reach_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", [preference()])
    assert run(["check", str(path), "--validation"]) == 0
    assert run(["check", str(path), "--format", "chat", "--validation"]) == 1
    capsys.readouterr()
    assert run(["check", str(path), "--validation", "--token-limit", "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"]["over_limit"] == 1


@pytest.mark.parametrize("verb", ["check", "count"])
def test_unreadable_files_and_wrong_use_end_with_two(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, str(tmp_path / "nothing.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run([verb, str(tmp_path)]) == 2
    assert run([verb]) == 2
    assert run([verb, "x", "--format", "none"]) == 2


def test_an_unknown_rule_is_refused_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    assert run(["check", str(path), "--ignore", "last-not-asistant"]) == 2
    assert "Did you mean last-not-assistant?" in capsys.readouterr().err


def test_count_prints_the_stable_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(user("tiktoken is great!"), assistant("Yes."))])
    assert run(["count", str(path), "--model", "ft:gpt-3.5-turbo-0125:o::i", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "ft:gpt-3.5-turbo-0125:o::i",
        "encoding": "cl100k_base",
        "examples": 1,
        "total_tokens": 3 + (3 + 1 + 6) + (3 + 1 + 2),
        "trained_tokens": 2,
        "per_example": {"min": 19, "mean": 19.0, "median": 19.0, "p95": 19.0, "max": 19},
    }


def test_check_prints_the_stable_json_and_all_of_it_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    assert run(["check", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["file", "format", "rows", "bytes", "valid", "counts", "findings", "tokens"]
    assert list(report["counts"]) == ["error", "warning", "info"]
    assert list(report["tokens"]) == ["encoding", "total", "trained", "per_epoch", "over_limit"]
    assert run(["check", str(path), "--json", "--details"]) == 0
    details = json.loads(capsys.readouterr().out)
    assert {"sha256", "findings_truncated"} < set(details)
    assert details["tokens"]["by_role"]["assistant"] > 0


@pytest.mark.parametrize(
    ("model", "why"),
    [("nobody-knows-this", "is not known here"), ("smollm2-135m-instruct", "is not on this machine yet")],
)
def test_a_model_without_a_vocabulary_here_is_said_to_be_counted_with_another(
    model: str, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(3))
    assert run(["count", str(path), "--model", model]) == 0
    assert f"{model} {why}: counted with o200k_base." in capsys.readouterr().err


def test_count_says_what_it_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(3), "broken"])
    assert run(["count", str(path)]) == 1
    captured = capsys.readouterr()
    assert "Examples: 3" in captured.out
    assert "1 line(s) hold no JSON object" in captured.err


def test_progress_is_shown_when_the_work_is_slow(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    run(["check", str(path)])
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(slow_progress, "_PATIENCE_SECONDS", -1.0)
    run(["check", str(path)])
    assert "Checking 100 %" in capsys.readouterr().err


def test_a_validation_file_is_compared_with_its_training_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    training = write(tmp_path / "training.jsonl", clean_chats())
    validation = write(tmp_path / "validation.jsonl", clean_chats(2))
    assert run(["check", str(validation), "--validation", "--training", str(training)]) == 0
    assert "WARNING train-overlap: A line that is in the training file too (2)" in capsys.readouterr().out
    assert run(["check", str(validation), "--training", str(tmp_path / "nothing")]) == 2
