"""The service's own sentences, as users have published them, must come out word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.datasets.builders import (
    assistant,
    call,
    chat,
    check_rows,
    clean_chats,
    clean_preferences,
    preference,
    tool_chat,
    user,
)
from tui.datasets.formats import DatasetFormat
from tui.datasets.service_errors import FileError, file_error

CHAT, PREFERENCE = DatasetFormat.CHAT, DatasetFormat.PREFERENCE


def error_of(
    tmp_path: Path, rows: list[Any], dataset_format: DatasetFormat = CHAT, **options: Any
) -> tuple[str, str]:
    error = file_error(check_rows(tmp_path, rows, dataset_format, **options))
    assert error is not None
    assert error.param == "training_file"
    return error.code, error.message


def test_seven_examples(tmp_path: Path) -> None:
    assert error_of(tmp_path, clean_chats(7)) == (
        "invalid_n_examples",
        "Training file has 7 example(s), but must have at least 10 examples",
    )


def test_a_message_without_role_in_the_hundredth_example(tmp_path: Path) -> None:
    rows = [*clean_chats(99), chat(user(), {"content": "x"})]
    assert error_of(tmp_path, rows) == (
        "invalid_training_file",
        "The job failed due to an invalid training file. Invalid file format. "
        "Example 100, message 2 Discriminator 'role' is missing in value",
    )


def test_an_extra_key_in_the_first_example(tmp_path: Path) -> None:
    assert error_of(tmp_path, [chat(weight=1), *clean_chats()]) == (
        "invalid_file_format",
        "The job failed due to a file format error in the training file. Invalid file format. "
        'Example 1 contains an extra "weight".',
    )


def test_a_reserved_token(tmp_path: Path) -> None:
    rows = [*clean_chats(20), chat(user(), assistant("x <|fim_suffix|>"))]
    code, message = error_of(tmp_path, rows)
    assert code == "invalid_file_format"
    assert message.endswith("Example 21 message contains an invalid token: <|fim_suffix|>.")


@pytest.mark.parametrize(
    ("row", "dataset_format", "key"),
    [
        ({}, CHAT, "messages"),
        (preference(), CHAT, "messages"),
        (chat(), PREFERENCE, "input"),
        (
            {"input": {"messages": [user()]}, "preferred_output": [assistant()]},
            PREFERENCE,
            "non_preferred_output",
        ),
    ],
)
def test_a_missing_key(tmp_path: Path, row: object, dataset_format: DatasetFormat, key: str) -> None:
    clean = clean_chats() if dataset_format is CHAT else clean_preferences()
    report = check_rows(tmp_path, [row, *clean], dataset_format)
    texts = [finding.service_text for finding in report.findings if finding.line == 1]
    assert f"Invalid file format. Example 1 is missing key '{key}'." in texts


def test_broken_json_gives_the_words_and_the_place_of_the_service(tmp_path: Path) -> None:
    broken = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant" "content": "a"}]}'
    report = check_rows(tmp_path, [*clean_chats(12), "", broken])
    (finding,) = [finding for finding in report.findings if finding.rule == "invalid-json"]
    assert finding.service_text == (
        "Invalid file format. Example 13 cannot be parsed. Error: line contains invalid json: "
        "Expecting ',' delimiter: line 1 column 71 (char 70) (line 14)"
    )
    assert (finding.line, finding.column) == (14, 71)
    assert finding.text is not None
    assert '"content": "a"' in finding.text


def test_a_line_that_is_no_dictionary(tmp_path: Path) -> None:
    report = check_rows(tmp_path, ['"{\\"prompt\\": 1}"', *clean_chats()])
    assert report.findings[0].service_text == (
        "Expected file to have JSONL format, where every line is a JSON dictionary. "
        'Line 1 is not a dictionary (HINT: line starts with: ""{\\...").'
    )


def test_a_validation_file_is_called_one(tmp_path: Path) -> None:
    report = check_rows(tmp_path, [], minimum_examples=1, validation=True)
    error = file_error(report, validation=True)
    assert error == FileError("invalid_n_examples", "The file holds no example.", "validation_file")
    broken = check_rows(tmp_path, ["{"], minimum_examples=1, validation=True)
    error = file_error(broken, validation=True)
    assert error is not None
    assert error.message.startswith("The job failed due to a file format error in the validation file. ")


def test_an_error_without_words_of_the_service_still_makes_a_sentence(tmp_path: Path) -> None:
    code, message = error_of(tmp_path, ["", *clean_chats(), "", chat(user(), assistant(weight=0))])
    assert code == "invalid_file_format"
    assert message.endswith(
        "Invalid file format. Example 51: Every assistant message has weight 0. (line 53)"
    )


def test_an_example_is_not_numbered_when_the_blank_lines_before_it_were_not_all_kept(tmp_path: Path) -> None:
    rows = [*clean_chats(), *[""] * 1500, chat(user(), assistant(weight=0))]
    assert error_of(tmp_path, rows)[1].endswith(
        "Invalid file format. Line 1551: Every assistant message has weight 0."
    )


INVENTED_BEFORE = {
    "message-not-object": chat("x"),
    "unknown-role": chat({"role": "helper", "content": "x"}),
    "missing-content": chat({"role": "user"}, assistant()),
    "content-type": chat(user(7), assistant()),
    "content-part": chat(user([{"type": "video"}]), assistant()),
    "weight-value": chat(user(), assistant(weight=2)),
    "weight-role": chat(user(weight=1), assistant()),
    "message-extra-key": chat(user(mood="sure"), assistant()),
    "name-type": chat(user(name=7), assistant()),
    "messages-empty": {"messages": []},
    "messages-not-list": {"messages": "x"},
    "no-assistant": chat(user()),
    "last-not-assistant": chat(user(), assistant(), user()),
    "tool-arguments-not-text": tool_chat(call(arguments={})),
    "tool-call-id": tool_chat(answer_id="other"),
    "tool-calls-malformed": tool_chat("x"),
}


@pytest.mark.parametrize("rule", INVENTED_BEFORE)
def test_where_nobody_has_published_the_services_words_none_are_given(tmp_path: Path, rule: str) -> None:
    report = check_rows(tmp_path, [INVENTED_BEFORE[rule], *clean_chats()], CHAT)
    findings = [finding for finding in report.findings if finding.rule == rule]
    assert findings
    assert [finding.service_text for finding in findings] == [None] * len(findings)


@pytest.mark.parametrize(
    ("rule", "row"),
    [
        ("output-count", preference(good=[])),
        ("output-role", preference(bad=[user()])),
        ("missing-role", preference(good=[{"content": "x"}])),
        ("input-not-object", {**preference(), "input": {}}),
        ("extra-key", preference(more_input={"mood": "sure"})),
    ],
)
def test_sentences_about_chat_rows_are_not_put_on_the_parts_of_preference_rows(
    tmp_path: Path, rule: str, row: object
) -> None:
    report = check_rows(tmp_path, [row, *clean_preferences()], PREFERENCE)
    findings = [finding for finding in report.findings if finding.rule == rule]
    assert findings
    assert [finding.service_text for finding in findings] == [None] * len(findings)


def test_the_sentence_about_tokens_in_a_message_is_not_put_on_a_tools_definition(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "weather", "description": "<|endoftext|>"}}
    report = check_rows(tmp_path, [tool_chat(tools=[tool]), *clean_chats()], CHAT)
    texts = [finding.service_text for finding in report.findings if finding.rule == "special-token"]
    assert texts == [None]


def test_a_byte_order_mark_and_a_completion_row_get_no_words_of_the_service(tmp_path: Path) -> None:
    rows = [b"\xef\xbb\xbf" + b'{"messages": []}', *clean_chats(), b"\xef\xbb\xbf{}"]
    marks = [one for one in check_rows(tmp_path, rows).findings if one.rule.startswith("byte-order")]
    completions = check_rows(tmp_path, [{"prompt": "x", "mood": 1}] * 12, DatasetFormat.COMPLETION)
    row_findings = [one for one in completions.findings if one.rule in ("missing-key", "extra-key")]
    assert (len(marks), len(row_findings)) == (2, 24)
    assert {one.service_text for one in [*marks, *row_findings]} == {None}


def test_a_valid_file_has_no_error(tmp_path: Path) -> None:
    assert file_error(check_rows(tmp_path, clean_chats())) is None
