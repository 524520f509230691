from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, clean_chats, preference, user, write
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.edits import EditedDataset
from tui.datasets.reshape.dedupe import DedupeWish, Keep, Sameness, plan_dedupe
from tui.datasets.reshape.delete import plan_delete
from tui.datasets.reshape.merge import plan_merge
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.write import target_names, write_in_place, write_plan
from tui.datasets.row_choice import RowWish
from tui.errors import ExitCode, TunedeckError


def dedupe(path: Path, by: Sameness, keep: Keep = Keep.FIRST) -> tuple[Plan, list[bytes]]:
    with RowTable.open(path) as table:
        plan = plan_dedupe(table, DedupeWish(by, keep))
        written = write_plan(plan, target_names(plan), overwrite=True)
    return plan, written.files[0].path.read_bytes().splitlines()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"{}", b' {"a":1}', b'{"a":1}', b'{"a": 1}', b"x", b"", b'{"b":2}\r']), min_size=1
    )
)
def test_exact_duplicates_go_as_the_rule_finds_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("dedupe") / "rows.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    expected = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not expected:
        return
    plan, rows = dedupe(path, Sameness.EXACT)
    assert [row.strip() for row in rows] == expected
    findings = check_file(path, CheckOptions(count_tokens=False)).findings
    assert sorted(one.line for one in plan.lost if lines[one.line - 1] != b"x") == sorted(
        finding.line or 0 for finding in findings if finding.rule == "duplicate-row"
    )


def test_the_same_json_is_the_same_whatever_its_writing(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl", ['{"a":1,"b":"\\u00e4"}', '{ "b" : "ä", "a":1 }', '{"a":2}', "no", "no "]
    )
    plan, rows = dedupe(path, Sameness.JSON)
    assert rows == [b'{"a":1,"b":"\\u00e4"}', b'{"a":2}', b"no"]
    assert [(one.line, one.why) for one in plan.lost] == [
        (2, "the same JSON as line 1"),
        (5, "the same JSON as line 4"),
    ]


@pytest.mark.parametrize(
    ("keep", "kept"), [(Keep.FIRST, "Yes."), (Keep.LAST, "No."), (Keep.LONGEST, "Yes, that is so.")]
)
def test_of_the_same_prompt_the_chosen_answer_stays(tmp_path: Path, keep: Keep, kept: str) -> None:
    answers = ["Yes.", "Yes, that is so.", "No."]
    rows = [chat(user("Is it?"), assistant(answer)) for answer in answers]
    path = write(tmp_path / "rows.jsonl", [*rows, chat(user("Other?"), assistant("It is this."))])
    plan, left = dedupe(path, Sameness.PROMPT, keep)
    assert sorted(json.loads(row)["messages"][-1]["content"] for row in left) == sorted([kept, "It is this."])
    assert plan.lost_rows == 2


@pytest.mark.parametrize("keep", list(Keep))
def test_no_near_duplicate_is_left_by_the_lint(tmp_path: Path, keep: Keep) -> None:
    rows = [
        chat(user(" ".join(f"w{number // 6}x{word}" for word in range(30)) + f" {number % 6}"))
        for number in range(36)
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    plan, left = dedupe(path, Sameness.NEAR, keep)
    assert len(left) == 6
    assert plan.lost[0].why.startswith("almost the same as line ")
    report = check_file(path.with_name("rows.deduped.jsonl"), CheckOptions(count_tokens=False, lints="all"))
    assert "near-duplicate" not in {finding.rule for finding in report.findings}


def test_files_are_merged_byte_by_byte_with_their_sources_beside(tmp_path: Path) -> None:
    first = tmp_path / "first.jsonl"
    rows = [json.dumps(row).encode() for row in clean_chats(4)]
    first.write_bytes(b"\xef\xbb\xbf" + rows[0] + b"\r\n\r\n" + rows[1])
    second = write(tmp_path / "second.jsonl", [rows[2], rows[0], {**chat(), "tools": []}])
    with RowTable.open(first) as one, RowTable.open(second) as two:
        plan = plan_merge([one, two], provenance=True)
        written = write_plan(plan, [tmp_path / "all.jsonl"])
    last = json.dumps({**chat(), "tools": []}).encode()
    assert (tmp_path / "all.jsonl").read_bytes() == (
        b"\xef\xbb\xbf"
        + rows[0]
        + b"\r\n"
        + rows[1]
        + b"\r\n"
        + rows[2]
        + b"\n"
        + rows[0]
        + b"\n"
        + last
        + b"\n"
    )
    assert written.side_file is not None
    sources = [json.loads(line) for line in written.side_file.path.read_bytes().splitlines()]
    assert [(one["line"], Path(one["file"]).name, one["source_line"]) for one in sources] == [
        (1, "first.jsonl", 1),
        (2, "first.jsonl", 3),
        (3, "second.jsonl", 1),
        (4, "second.jsonl", 2),
        (5, "second.jsonl", 3),
    ]
    assert "Only second.jsonl has tools." in plan.notes
    assert any(note.startswith("1 rows of second.jsonl stand in an earlier file") for note in plan.notes)


def test_files_of_different_formats_are_not_merged(tmp_path: Path) -> None:
    chats = write(tmp_path / "chats.jsonl", clean_chats(3))
    pairs = write(tmp_path / "pairs.jsonl", [preference(), "broken"])
    with (
        RowTable.open(chats) as one,
        RowTable.open(pairs) as two,
        pytest.raises(
            TunedeckError, match=r"chats.jsonl: chat \(3 chat\); pairs.jsonl: preference"
        ) as refused,
    ):
        plan_merge([one, two])
    assert refused.value.exit_code is ExitCode.BAD


def test_rows_of_a_choice_go_or_all_others(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(3), "", "broken", chat(user("Question 1"))])
    wish = RowWish(where="contains(to_string(@), 'Question 1')")
    with RowTable.open(path) as table:
        plan = plan_delete(table, wish)
        kept = plan_delete(table, wish, keep=True)
        assert table.lines[plan.outputs[0].parts[0].positions].tolist() == [1, 3, 5]
        assert table.lines[kept.outputs[0].parts[0].positions].tolist() == [2, 6]
        with pytest.raises(TunedeckError, match="no row of"):
            plan_delete(table, RowWish())


def test_in_place_keeps_the_original_under_a_second_name(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ["{}", "{}", '{"a": 1}'])
    before = path.read_bytes()
    (tmp_path / "rows.jsonl.bak").write_bytes(b"mine")
    os.chmod(path, 0o640)
    link = tmp_path / "link.jsonl"
    link.symlink_to(path)
    with RowTable.open(link) as table:
        written = write_in_place(plan_dedupe(table, DedupeWish()))
    assert written.backup == tmp_path / "rows.jsonl.bak2"
    assert written.backup.read_bytes() == before
    assert (tmp_path / "rows.jsonl.bak").read_bytes() == b"mine"
    assert path.read_bytes() == b'{}\n{"a": 1}\n'
    assert path.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()


def test_in_place_without_hard_links_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.jsonl", ["{}", "{}"])

    def no_links(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(os, "link", no_links)
    with RowTable.open(path) as table:
        written = write_in_place(plan_dedupe(table, DedupeWish()))
    assert written.backup is not None
    assert written.backup.read_bytes() == b"{}\n{}\n"


def test_in_place_that_fails_leaves_the_original_and_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.jsonl", ["{}", "{}"])
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with RowTable.open(path) as table, pytest.raises(TunedeckError, match="No space left"):
        write_in_place(plan_dedupe(table, DedupeWish()))
    assert os.listdir(tmp_path) == ["rows.jsonl"]
    assert path.read_bytes() == before


def test_in_place_is_refused_while_changes_are_not_saved(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ["{}", "{}"])
    edited = EditedDataset.open(path)
    edited.edit(1, b'{"a": 1}')
    edited.close()
    with RowTable.open(path) as table:
        plan = plan_dedupe(table, DedupeWish())
        assert plan.notes == ("Changes of rows.jsonl that are not saved are not in the new files.",)
        with pytest.raises(TunedeckError, match="not saved"):
            write_in_place(plan)


def test_a_source_is_never_a_target(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", ["{}", "{}"])
    with RowTable.open(path) as table, pytest.raises(TunedeckError, match="the file itself"):
        write_plan(plan_dedupe(table, DedupeWish()), [path], overwrite=True)
    assert path.read_bytes() == b"{}\n{}\n"
