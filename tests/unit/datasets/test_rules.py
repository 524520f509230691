from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.datasets.builders import (
    WEATHER,
    assistant,
    call,
    chat,
    check_rows,
    clean_chats,
    clean_preferences,
    found,
    preference,
    tool_chat,
    user,
    write,
)
from tui.datasets import file_rules
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Severity
from tui.datasets.rules import RULES
from tui.datasets.services import SERVICES

CHAT, PREFERENCE = DatasetFormat.CHAT, DatasetFormat.PREFERENCE
REINFORCEMENT, COMPLETION = DatasetFormat.REINFORCEMENT, DatasetFormat.COMPLETION
PNG = "data:image/png;base64,AAAA"


def picture(url: object = PNG, **more: object) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **more}}


def asked(*parts: object) -> dict[str, Any]:
    return chat(user(list(parts)), assistant())


def grade(*messages: object, **more: object) -> dict[str, Any]:
    return {"messages": list(messages) or [user()], "answer": "4", **more}


HUGE_IMAGE = "data:image/png;base64," + base64.b64encode(bytes(10 * 1024 * 1024 + 10)).decode()

BAD_ROWS: list[tuple[str, DatasetFormat, object, str | None]] = [
    ("invalid-json", CHAT, '{"messages": [}', None),
    ("nul-byte", CHAT, b'{"messages": "\0"}', None),
    ("not-utf8", CHAT, b'{"messages": "\xff"}', None),
    ("byte-order-mark-inside", CHAT, b"\xef\xbb\xbf{}", None),
    ("not-standard-number", CHAT, '{"messages": NaN}', None),
    ("lone-surrogate", CHAT, '{"messages": "\\ud83d"}', None),
    ("nested-too-deep", CHAT, "[" * 3000 + "]" * 3000, None),
    ("not-an-object", CHAT, "[1, 2]", "$"),
    (
        "duplicate-key",
        CHAT,
        '{"messages": [], "messages": [{"role": "assistant", "content": "a"}]}',
        "$.messages",
    ),
    ("missing-key", CHAT, {"tools": []}, "$"),
    ("missing-key", PREFERENCE, {"input": {"messages": [user()]}, "preferred_output": [assistant()]}, "$"),
    ("missing-key", REINFORCEMENT, {"answer": "4"}, "$"),
    ("missing-key", COMPLETION, {"prompt": "p"}, "$"),
    ("extra-key", CHAT, chat(weight=1), "$.weight"),
    ("extra-key", PREFERENCE, preference(score=1), "$.score"),
    ("extra-key", PREFERENCE, preference(more_input={"score": 1}), "$.input.score"),
    ("messages-not-list", CHAT, {"messages": {"role": "user"}}, "$.messages"),
    ("messages-empty", CHAT, {"messages": []}, "$.messages"),
    ("message-not-object", CHAT, chat(user(), "answer"), "$.messages[1]"),
    ("missing-role", CHAT, chat(user(), {"content": "a"}), "$.messages[1]"),
    ("unknown-role", CHAT, chat({"role": "human", "content": "a"}, assistant()), "$.messages[0].role"),
    ("developer-role", CHAT, chat({"role": "developer", "content": "a"}, user(), assistant()), None),
    ("system-role", REINFORCEMENT, grade({"role": "system", "content": "a"}, user()), None),
    ("message-extra-key", CHAT, chat(user(mood="good"), assistant()), "$.messages[0].mood"),
    ("missing-content", CHAT, chat(user(None), assistant()), "$.messages[0].content"),
    ("missing-content", CHAT, chat(user(), {"role": "assistant"}), "$.messages[1]"),
    ("content-type", CHAT, chat(user(3), assistant()), "$.messages[0].content"),
    ("content-type", CHAT, chat(user([]), assistant()), "$.messages[0].content"),
    ("content-part", CHAT, asked({"type": "sound"}), "$.messages[0].content[0]"),
    ("content-part", CHAT, asked("bare"), "$.messages[0].content[0]"),
    ("name-type", CHAT, chat(user(name=3), assistant()), "$.messages[0].name"),
    ("name-type", CHAT, chat(user(name=None), assistant()), "$.messages[0].name"),
    ("content-type", CHAT, chat(user(), assistant(refusal=3)), "$.messages[1].refusal"),
    ("content-type", CHAT, chat(user(), assistant(audio="a")), "$.messages[1].audio"),
    ("content-part", CHAT, asked({"type": "refusal", "refusal": "No."}), "$.messages[0].content[0]"),
    ("empty-content", CHAT, chat(user(" \n"), assistant()), "$.messages[0].content"),
    ("empty-content", CHAT, asked({"type": "text", "text": " "}), "$.messages[0].content"),
    ("empty-content", COMPLETION, {"prompt": "p", "completion": " "}, "$.completion"),
    ("special-token", CHAT, chat(user("a<|endoftext|>"), assistant()), "$.messages[0].content"),
    (
        "special-token",
        CHAT,
        asked({"type": "text", "text": "<|fim_middle|>"}),
        "$.messages[0].content[0].text",
    ),
    ("special-token", CHAT, tool_chat(call(arguments='"<|fim_prefix|>"')), None),
    (
        "special-token",
        PREFERENCE,
        preference(bad=[assistant("<|endofprompt|>")]),
        "$.non_preferred_output[0].content",
    ),
    ("chat-markup", CHAT, chat(user("<|im_start|>user"), assistant()), "$.messages[0].content"),
    ("no-assistant", CHAT, chat(user(), user()), "$.messages"),
    ("nothing-trained", CHAT, chat(user(), assistant(weight=0)), "$.messages"),
    ("last-not-assistant", CHAT, chat(user(), assistant(), user()), "$.messages[2]"),
    ("weight-value", CHAT, chat(user(), assistant(weight=2)), "$.messages[1].weight"),
    ("weight-form", CHAT, chat(user(), assistant(weight=1.0)), "$.messages[1].weight"),
    ("weight-value", CHAT, chat(user(), assistant(weight=True)), "$.messages[1].weight"),
    ("weight-role", CHAT, chat(user(weight=1), assistant()), "$.messages[0].weight"),
    ("weight-in-output", PREFERENCE, preference(good=[assistant("x", weight=1)]), None),
    ("consecutive-assistant", CHAT, chat(user(), assistant(), assistant()), "$.messages[2]"),
    ("no-user", CHAT, chat({"role": "system", "content": "s"}, assistant()), "$.messages"),
    (
        "deprecated-functions",
        CHAT,
        chat(functions=[{"name": "f"}]),
        "$.functions",
    ),
    ("tools-malformed", CHAT, chat(tools={}), "$.tools"),
    ("tools-malformed", CHAT, chat(tools=[{"type": "function"}]), "$.tools[0]"),
    ("tools-malformed", CHAT, chat(functions=[]), "$.functions"),
    ("tools-malformed", CHAT, chat(parallel_tool_calls="yes"), "$.parallel_tool_calls"),
    ("tools-malformed", CHAT, chat(tools=None), "$.tools"),
    ("tools-malformed", CHAT, chat(functions=[{"name": "f", "parameters": []}]), "$.functions[0].parameters"),
    (
        "tools-malformed",
        CHAT,
        chat(tools=[{"type": "function", "function": {"name": "f", "description": 3}}]),
        "$.tools[0].function.description",
    ),
    (
        "tools-malformed",
        CHAT,
        chat(tools=[{"type": "function", "function": {"name": "f", "strict": 1}}]),
        "$.tools[0].function.strict",
    ),
    (
        "tool-name-form",
        CHAT,
        chat(tools=[{"type": "function", "function": {"name": "get it"}}]),
        "$.tools[0].function.name",
    ),
    ("too-many-tools", CHAT, chat(tools=[WEATHER] * 129), "$.tools"),
    (
        "tool-call-id-long",
        CHAT,
        tool_chat(call("c" * 41), answer_id="c" * 41),
        "$.messages[1].tool_calls[0].id",
    ),
    ("tool-calls-malformed", CHAT, chat(user(), assistant(tool_calls=None)), "$.messages[1].tool_calls"),
    ("tools-malformed", PREFERENCE, preference(more_input={"tools": 3}), "$.input.tools"),
    ("tool-calls-malformed", CHAT, chat(user(), assistant(tool_calls={})), "$.messages[1].tool_calls"),
    ("tool-calls-malformed", CHAT, tool_chat({"id": "call_1"}), "$.messages[1].tool_calls[0]"),
    ("tool-calls-malformed", CHAT, tool_chat(call(name=None)), "$.messages[1].tool_calls[0].function"),
    (
        "tool-arguments-not-text",
        CHAT,
        tool_chat(call(arguments={"city": "Paris"})),
        "$.messages[1].tool_calls[0].function.arguments",
    ),
    ("tool-arguments-not-json", CHAT, tool_chat(call(arguments="Paris")), None),
    ("tool-call-id", CHAT, tool_chat(answer_id="call_9"), "$.messages[2].tool_call_id"),
    ("tool-call-id", CHAT, chat(user(), {"role": "tool", "content": "x"}, assistant()), "$.messages[1]"),
    (
        "tool-call-unanswered",
        CHAT,
        chat(user(), assistant(None, tool_calls=[call()]), user(), assistant(), tools=[WEATHER]),
        "$.messages[1].tool_calls[0]",
    ),
    ("tool-not-defined", CHAT, tool_chat(tools=[]), "$.messages[1].tool_calls[0].function"),
    ("too-many-images", CHAT, asked(*[picture()] * 11), "$.messages"),
    ("image-role", CHAT, chat(user(), assistant([picture()])), "$.messages[1].content[0]"),
    ("image-address", CHAT, asked(picture("file:///etc/passwd")), "$.messages[0].content[0].image_url.url"),
    ("image-address", CHAT, asked(picture(detail="medium")), "$.messages[0].content[0].image_url.detail"),
    ("image-address", CHAT, asked({"type": "image_url"}), "$.messages[0].content[0]"),
    ("image-address", CHAT, asked(picture("data:image/png,abc")), None),
    ("image-format", CHAT, asked(picture("data:image/gif;base64,AAAA")), None),
    ("image-too-large", CHAT, asked(picture(HUGE_IMAGE)), None),
    ("images-not-supported", PREFERENCE, preference(user([picture()])), "$.input"),
    ("images-may-be-skipped", CHAT, asked(picture("https://example.com/a.png")), None),
    ("input-not-object", PREFERENCE, {**preference(), "input": "text"}, "$.input"),
    ("input-not-object", PREFERENCE, {**preference(), "input": {}}, "$.input"),
    ("output-count", PREFERENCE, preference(good=[]), "$.preferred_output"),
    ("output-count", PREFERENCE, preference(bad=[assistant(), assistant()]), "$.non_preferred_output"),
    ("output-count", PREFERENCE, preference(bad="text"), "$.non_preferred_output"),
    ("output-role", PREFERENCE, preference(good=[user()]), "$.preferred_output[0].role"),
    (
        "identical-outputs",
        PREFERENCE,
        preference(good=[assistant()], bad=[assistant()]),
        "$.non_preferred_output",
    ),
    ("input-ends-with-assistant", PREFERENCE, preference(user(), assistant()), "$.input.messages[1]"),
    ("answer-in-messages", REINFORCEMENT, grade(user(), assistant()), "$.messages[1]"),
    ("item-keys-differ", REINFORCEMENT, {"messages": [user("other")]}, "$"),
    ("value-not-text", COMPLETION, {"prompt": 3, "completion": "c"}, "$.prompt"),
]
"""(rule, format, a row that breaks it, where)"""

CLEAN: dict[DatasetFormat, list[dict[str, Any]]] = {
    CHAT: clean_chats(),
    PREFERENCE: clean_preferences(),
    REINFORCEMENT: [grade(user(f"q {number}")) for number in range(50)],
    COMPLETION: [{"prompt": f"q {number}", "completion": " a"} for number in range(50)],
}


@pytest.mark.parametrize(
    ("rule", "dataset_format", "row", "path"),
    BAD_ROWS,
    ids=[f"{number}-{case[0]}" for number, case in enumerate(BAD_ROWS)],
)
def test_each_rule_is_broken_by_its_example_and_tells_the_line(
    tmp_path: Path, rule: str, dataset_format: DatasetFormat, row: object, path: str | None
) -> None:
    clean = CLEAN[dataset_format]
    report = check_rows(tmp_path, [*clean, row], dataset_format, model="davinci-002")
    findings = found(report, rule)
    assert findings, [finding.rule for finding in report.findings]
    assert findings[0].severity is RULES[rule].severity
    assert report.valid == (report.counts["error"] == 0)
    if rule != "images-may-be-skipped":
        assert {finding.line for finding in findings} == {len(clean) + 1}
        assert findings[0].column is not None
    if path is not None:
        assert path in {finding.path for finding in findings}


@pytest.mark.parametrize("dataset_format", list(CLEAN))
def test_clean_rows_break_no_rule(tmp_path: Path, dataset_format: DatasetFormat) -> None:
    report = check_rows(tmp_path, CLEAN[dataset_format], model="davinci-002", count_tokens=True)
    assert report.findings == ()
    assert report.valid
    assert report.format is dataset_format
    assert report.rows == 50


@pytest.mark.parametrize(
    "row",
    [
        tool_chat(),
        chat(
            {"role": "system", "content": "s", "name": "rules"},
            user(name="Ann"),
            assistant(weight=0),
            user(),
            assistant(),
        ),
        chat(user(), assistant(None, refusal="No.")),
        chat(user(), assistant(None, tool_calls=[call()]), tools=[WEATHER], parallel_tool_calls=False),
        chat(user([{"type": "text", "text": "Which?"}]), assistant([{"type": "text", "text": "This."}])),
        chat(user("ümlaut 你好 \U0001f600 < | >"), assistant("<|>")),
    ],
)
def test_every_allowed_form_of_a_chat_row_passes(tmp_path: Path, row: dict[str, Any]) -> None:
    report = check_rows(tmp_path, [row], CHAT, minimum_examples=1, validation=True)
    assert report.findings == ()


def test_every_rule_has_an_example_and_says_who_says_so() -> None:
    for rule in RULES.values():
        assert rule.example
        assert rule.summary
        assert rule.explanation
        assert rule.source
        assert rule.source_date.startswith("20")
        assert (rule.service_code is not None) == (rule.severity is Severity.ERROR)


def test_an_empty_file_and_one_with_blank_lines_only_hold_no_example(tmp_path: Path) -> None:
    for content in (b"", b"\n \r\n\t\n"):
        path = tmp_path / "empty.jsonl"
        path.write_bytes(content)
        report = check_file(path, CheckOptions())
        assert not report.valid
        assert [finding.rule for finding in report.findings] == ["file-empty"]


def test_nine_examples_are_too_few_and_ten_are_not(tmp_path: Path) -> None:
    assert found(check_rows(tmp_path, clean_chats(9)), "not-enough-examples")
    ten = check_rows(tmp_path, clean_chats(10))
    assert ten.valid
    assert [finding.rule for finding in ten.findings] == ["few-examples"]
    assert check_rows(tmp_path, clean_chats(50)).findings == ()


def test_wide_encodings_are_named_once_and_not_line_by_line(tmp_path: Path) -> None:
    text = "".join('{"messages": []}\n' for _ in range(30))
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        path = tmp_path / "wide.jsonl"
        path.write_bytes(text.encode(encoding))
        report = check_file(path, CheckOptions())
        assert [finding.rule for finding in report.findings] == ["wrong-encoding"], encoding


def test_a_byte_order_mark_is_the_only_fault_of_a_good_file(tmp_path: Path) -> None:
    path = write(tmp_path / "bom.jsonl", clean_chats())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    report = check_file(path, CheckOptions())
    assert [(finding.rule, finding.line) for finding in report.findings] == [("byte-order-mark", 1)]
    assert report.rows == 50


def test_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    path = write(tmp_path / "crlf.jsonl", clean_chats())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert check_file(path, CheckOptions()).findings == ()


def test_old_mac_line_ends_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "mac.jsonl", clean_chats())
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    assert found(check_file(path, CheckOptions()), "old-mac-lines")


@pytest.mark.parametrize(
    "content", ['[{"messages": []},\n{"messages": []}]', '{\n "messages": []\n}', "[{}]"]
)
def test_one_json_document_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(content, encoding="utf-8")
    assert found(check_file(path, CheckOptions()), "json-not-jsonl")


def test_blank_lines_count_only_between_examples(tmp_path: Path) -> None:
    report = check_rows(tmp_path, [*clean_chats(25), "", " ", *clean_chats(50)[25:], "", ""])
    assert [(finding.rule, finding.line) for finding in report.findings] == [
        ("blank-line", 26),
        ("blank-line", 27),
    ]
    assert report.rows == 50
    assert report.valid


def test_duplicates_name_the_first_line(tmp_path: Path) -> None:
    rows = clean_chats(50)
    report = check_rows(tmp_path, [*rows, rows[3], "", rows[3]])
    duplicates = found(report, "duplicate-row")
    assert [(finding.line, finding.message) for finding in duplicates] == [
        (51, "The same as line 4."),
        (53, "The same as line 4."),
    ]


def test_lines_that_stand_in_the_training_file_too_are_told(tmp_path: Path) -> None:
    training = write(tmp_path / "training.jsonl", ["", *clean_chats(20)])
    rows = [*clean_chats(60)[30:], clean_chats(20)[6]]
    report = check_rows(tmp_path, rows, validation=True, minimum_examples=1, training_file=training)
    assert [(finding.rule, finding.line, finding.message) for finding in report.findings] == [
        ("train-overlap", 31, "The same as line 8 of the training file.")
    ]
    assert report.valid


def test_a_missing_system_message_counts_only_beside_others(tmp_path: Path) -> None:
    rows = clean_chats(50)
    rows[7]["messages"].insert(0, {"role": "system", "content": "s"})
    missing = found(check_rows(tmp_path, rows), "missing-system")
    assert len(missing) == 49
    assert 8 not in {finding.line for finding in missing}


def test_prompt_and_completion_rows_are_refused_by_models_of_today(tmp_path: Path) -> None:
    report = check_rows(tmp_path, CLEAN[COMPLETION], model="gpt-4.1-2025-04-14")
    assert found(report, "completion-format")
    assert not report.valid


def test_too_long_examples_tell_the_lost_tokens(tmp_path: Path) -> None:
    rows = [*clean_chats(50), chat(user("word " * 100), assistant())]
    report = check_rows(tmp_path, rows, count_tokens=True, token_limit=60)
    (finding,) = found(report, "over-token-limit")
    assert finding.line == 51
    assert report.tokens.over_limit == 1
    assert report.tokens.lost_tokens == report.tokens.longest[0][1] - 60
    assert report.tokens.per_epoch == report.tokens.total - report.tokens.lost_tokens
    assert f"last {report.tokens.lost_tokens} are cut" in finding.message


def test_file_and_image_limits_count_over_the_whole_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_rules, "MAX_REINFORCEMENT_EXAMPLES", 50)
    monkeypatch.setattr(file_rules, "MAX_IMAGE_EXAMPLES", 1)
    monkeypatch.setattr(file_rules, "LARGE_FILE_BYTES", 10)
    graded = [*CLEAN[REINFORCEMENT], grade(user("one more"))]
    assert found(check_rows(tmp_path, graded), "too-many-examples")
    pictured = [asked(picture()), asked(picture(detail="low"))]
    report = check_rows(tmp_path, pictured)
    assert found(report, "too-many-examples")
    assert found(report, "large-file")
    tiny = {**SERVICES, "openai": replace(SERVICES["openai"], maximum_bytes=10)}
    monkeypatch.setattr(file_rules, "SERVICES", tiny)
    assert found(check_rows(tmp_path, pictured), "file-too-large")


def test_a_rule_can_be_switched_off(tmp_path: Path) -> None:
    rows = [*clean_chats(50), chat(user(), assistant(), user())]
    assert not check_rows(tmp_path, rows).valid
    report = check_rows(tmp_path, rows, ignored_rules=frozenset({"last-not-assistant"}))
    assert report.valid
    assert report.counts == {"error": 0, "warning": 0, "info": 0}


def test_findings_are_capped_per_rule_but_all_counted(tmp_path: Path) -> None:
    report = check_rows(tmp_path, [chat(user(str(number)), user()) for number in range(1500)])
    assert len(found(report, "no-assistant")) == 1000
    assert report.findings_truncated == {"no-assistant": 500}
    assert report.counts["error"] == 1500


def test_control_bytes_of_data_reach_no_finding(tmp_path: Path) -> None:
    evil = "\x1b]52;c;eA==\x07\u202e\x9b31m"
    rows = [chat(user(evil + "<|endoftext|>", **{evil: 1}), {"role": evil, "content": "x"}, name=evil)]
    report = check_rows(tmp_path, rows)
    texts = [
        text
        for finding in report.findings
        for text in (finding.message, finding.path, finding.text, finding.service_text)
        if text
    ]
    assert len(texts) > 8
    assert not [text for text in texts for char in text if ord(char) < 32 or char in "\x9b\u202e\x7f"]


def test_a_report_survives_its_json(tmp_path: Path) -> None:
    report = check_rows(tmp_path, [*clean_chats(9), chat(weight=1)], count_tokens=True)
    value = report.as_record()
    assert type(report).from_record(value) == report
    assert set(value) >= {"file", "format", "rows", "bytes", "valid", "counts", "findings", "tokens"}
    assert set(value["findings"][0]) == {
        "rule", "severity", "line", "message", "path", "column", "text", "service_text",
    }  # fmt: skip
    assert set(value["tokens"]) >= {"encoding", "total", "trained", "per_epoch", "over_limit"}
    assert replace(report, rows=1) != report


def test_a_megabyte_of_blank_lines_is_counted_in_no_time(tmp_path: Path) -> None:
    path = tmp_path / "blank.jsonl"
    good = write(tmp_path / "good.jsonl", clean_chats(25)).read_bytes()
    path.write_bytes(good + b"\n" * 3_000_000 + good.replace(b"Question", b"Problem"))
    report = check_file(path, CheckOptions(count_tokens=False))
    assert report.counts == {"error": 0, "warning": 3_000_000, "info": 0}
    assert found(report, "blank-line")[0].line == 26
    assert report.rows == 50


def test_a_file_that_is_one_json_list_is_told_so_once(tmp_path: Path) -> None:
    path = tmp_path / "alpaca.json"
    path.write_text('[{"instruction": "a", "output": "b"}]')
    rules = [finding.rule for finding in check_file(path, CheckOptions()).findings]
    assert rules == ["not-enough-examples", "json-not-jsonl"]
    alone = check_file(path, CheckOptions(ignored_rules=frozenset({"json-not-jsonl"})))
    assert "not-an-object" in {finding.rule for finding in alone.findings}


def test_rows_of_bare_text_are_a_format_whose_tokens_are_all_learned(tmp_path: Path) -> None:
    path = write(tmp_path / "text.jsonl", [{"text": f"Once upon a time {number}."} for number in range(60)])
    report = check_file(path, CheckOptions(provider="together"))
    assert (report.format, report.valid) == ("text", True)
    assert report.tokens.total == report.tokens.trained == report.tokens.by_role["text"] > 60 * 5
    assert [finding.rule for finding in report.findings] == ["text-format"]
    assert not check_file(path, CheckOptions()).valid
    wrong = write(
        tmp_path / "wrong.jsonl", [{"text": "a"}, {"text": 3}, {"text": " "}, {"text": "b", "x": 1}]
    )
    found = check_file(
        wrong, CheckOptions(provider="together", format=DatasetFormat.TEXT, minimum_examples=1)
    )
    lines = {finding.rule: finding.line for finding in found.findings if finding.line}
    assert lines == {"value-not-text": 2, "empty-content": 3, "extra-key": 4}
