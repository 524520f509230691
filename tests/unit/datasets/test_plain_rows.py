from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, user, write
from tests.unit.datasets.test_scan_pass import LINES
from tui.datasets import scan_lines
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.parsing import parse_line
from tui.datasets.plain_rows import PlainRows, plain_rows

STRANGE = ['"a": 1', ":", ": x", '":', "<", "|", "\\", '\\":', "\u2028", "пример", "\u1acf"]
TEXTS = st.one_of(
    st.sampled_from(["", " ", "\t", "x", "<|endoftext|>", "<|im_start|>", "|>", *STRANGE]),
    st.text(max_size=12),
)
PARTS = st.just([{"type": "text", "text": "x"}])
CONTENTS = st.one_of(TEXTS, TEXTS, TEXTS, st.none(), st.just([]), PARTS, st.just(3))
PLAIN_ROLES = st.sampled_from(["system", "user", "assistant"])
MESSAGES = st.one_of(
    st.fixed_dictionaries({"role": PLAIN_ROLES, "content": TEXTS}),
    st.fixed_dictionaries(
        {"role": st.one_of(PLAIN_ROLES, st.sampled_from(["tool", "developer", None, []]))},
        optional={"content": CONTENTS, "weight": st.integers(0, 2), "name": TEXTS},
    ),
    st.sampled_from([None, "role", [], ["role", "content"]]),
)
CHATS = st.lists(MESSAGES, max_size=5).map(lambda messages: {"messages": messages})
EXAMPLES = st.tuples(TEXTS, TEXTS).map(lambda pair: chat(user(pair[0]), assistant(pair[1])))


def written(row: object, is_ascii: bool, is_escaped: bool) -> bytes:
    line = json.dumps(row, ensure_ascii=is_ascii, separators=(",", ":") if is_escaped else None)
    if is_escaped:
        line = line.replace("<", "\\u003C").replace("|", "\\u007c")
    return line.encode("utf-8", "surrogatepass")


WRITTEN = st.builds(written, st.one_of(CHATS, EXAMPLES), st.booleans(), st.booleans())
ANSWER = b'{"role": "assistant", "content": "y"}]}'
TWICE = st.sampled_from(
    [
        b'{"messages": [{"role": "user", "role": "user", "content": "x"}, ' + ANSWER,
        b'{"messages": [], "messages": [{"role": "user", "content": "x"}, ' + ANSWER,
        b'{"messages" : [{"role" : "user", "role" : "user", "content": "x"}, ' + ANSWER,
        b'{"messages": [{"role": "user", "role": "user", "content": ":x"}, ' + ANSWER,
        b'{"messages":[{"role":"user","role":"user","content":":"},' + ANSWER,
    ]
)


def without_plain_rows(lines: list[bytes]) -> PlainRows:
    return PlainRows()


@settings(max_examples=400, deadline=None)
@given(
    lines=st.lists(st.one_of(WRITTEN, WRITTEN, LINES, TWICE), min_size=1, max_size=8),
    lints=st.sampled_from(["none", "fast"]),
    count_tokens=st.booleans(),
    limit=st.sampled_from([None, 12, 25]),
)
def test_the_short_way_and_the_full_rules_give_the_same_report_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    lints: str,
    count_tokens: bool,
    limit: int | None,
) -> None:
    path = tmp_path_factory.mktemp("plain") / "rows"
    path.write_bytes(b"\n".join(lines))
    options = CheckOptions(
        format=DatasetFormat.CHAT, lints=lints, count_tokens=count_tokens, token_limit=limit
    )
    short = check_file(path, options).as_record()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan_lines, "plain_rows", without_plain_rows)
        full = check_file(path, options).as_record()
    assert json.dumps(short) == json.dumps(full)


def test_ordinary_rows_go_the_short_way() -> None:
    rows = [
        chat(user('Say "a": b'), assistant("<b>x</b> | y")),
        chat({"role": "system", "content": "Be brief."}, user("α"), assistant(), user(), assistant()),
    ]
    found = plain_rows([json.dumps(row).encode() for row in rows])
    assert found.roles == [
        ("user", "assistant"),
        ("system", "user", "assistant", "user", "assistant"),
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(WRITTEN, LINES, TWICE), min_size=1, max_size=6), st.data())
def test_a_plain_row_holds_what_the_full_reader_reads(lines: list[bytes], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(lines[0])))
    piece = data.draw(st.sampled_from([b"", b"\\", b"\xff", b"\\ud800", b" ", b"0", b'"', b"\x01"]))
    found = plain_rows([lines[0][:place] + piece + lines[0][place + 1 :], *lines[1:]])
    read = [parse_line(line) for line in lines[1:]]
    for index, at in enumerate(found.places):
        expected, problem = (
            read[at - 1] if at else parse_line(lines[0][:place] + piece + lines[0][place + 1 :])
        )
        assert (found.value(index), problem) == (expected, None)


def test_weights_of_answers_are_plain_and_others_are_not(tmp_path: Path) -> None:
    def weighted(*weights: object) -> dict[str, object]:
        answers = [message for weight in weights for message in (user("x"), assistant("yes", weight=weight))]
        return chat(*answers)

    rows = [weighted(0, 1), weighted(1), weighted(0), weighted(1.0), weighted(2), weighted(True)]
    rows.append(chat({**user("x"), "weight": 1}, assistant("yes")))
    assert plain_rows([json.dumps(row).encode() for row in rows]).places == [0, 1]
    report = check_file(write(tmp_path / "rows.jsonl", rows[:2]), CheckOptions())
    assert (report.tokens.by_role["assistant"], report.tokens.trained) == (3, 2)


def test_the_longest_rows_are_the_same_however_many_rows_are_short(tmp_path: Path) -> None:
    rows = [chat(user("word " * (number % 37)), assistant("yes")) for number in range(1, 300)]
    path = write(tmp_path / "rows.jsonl", rows)
    report = check_file(path, CheckOptions())
    counts = sorted(((count, -line) for line, count in report.tokens.longest), reverse=True)
    assert [(-line, count) for count, line in counts] == list(report.tokens.longest)
    assert [line for line, _ in report.tokens.longest][:3] == [36, 73, 110]
