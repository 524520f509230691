from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, clean_chats, user, write
from tests.unit.datasets.test_scan_pass import FILES, LINES
from tui.datasets import cache_files, cached_check, scan_job, scan_pass
from tui.datasets.cached_check import check_for_findings, check_known
from tui.datasets.check import CheckCancelled, CheckOptions, check_file
from tui.datasets.kept_lines import Kept
from tui.datasets.report import Report
from tui.datasets.report_version import source_digest
from tui.datasets.scan_pass import scan_in_parts

OPTIONS = CheckOptions(count_tokens=False, lints="fast")


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path / "home"))


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_check, "CHILDREN_FROM_BYTES", 1)
    monkeypatch.setattr(scan_pass, "PART_BYTES", 500)


def never(*_args: object, **_more: object) -> Any:
    raise AssertionError("the file was read again")


def old(path: Path) -> Path:
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def rows(folder: Path, name: str = "rows.jsonl", count: int = 60) -> Path:
    return old(write(folder / name, [*clean_chats(count), chat(user(), assistant(weight=3))]))


def same(report: Report, path: Path) -> bool:
    return json.dumps(report.as_record()) == json.dumps(check_file(path, OPTIONS).as_record())


def test_a_file_that_was_checked_is_there_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rows(tmp_path)
    first = check_known(path, OPTIONS)
    assert same(first, path)
    monkeypatch.setattr(cached_check, "check_file", never)
    monkeypatch.setattr("tui.datasets.report_cache.hash_beginning", never)
    assert check_known(path, OPTIONS) == first


def test_a_file_changed_just_now_is_hashed_and_not_checked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows(tmp_path)
    os.utime(path)
    first = check_known(path, OPTIONS)
    monkeypatch.setattr(cached_check, "check_file", never)
    assert check_known(path, OPTIONS) == first


def test_the_same_content_elsewhere_is_known_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = check_known(rows(tmp_path), OPTIONS)
    other = rows(tmp_path, "copy.jsonl")
    monkeypatch.setattr(cached_check, "check_file", never)
    again = check_known(other, OPTIONS)
    assert again.file == str(other)
    assert again.findings == first.findings


@pytest.mark.parametrize("place", [0.02, 0.5, 0.98])
def test_other_bytes_of_the_same_length_are_never_taken_for_the_old_ones(
    tmp_path: Path, place: float
) -> None:
    path = rows(tmp_path, count=4_000)
    size = path.stat().st_size
    assert size > 2 * 65_536
    check_known(path, OPTIONS)
    content = bytearray(path.read_bytes())
    content[int(place * size)] = ord("{")
    path.write_bytes(content)
    assert same(check_known(path, OPTIONS), path)


def test_other_options_are_other_reports(tmp_path: Path) -> None:
    path = rows(tmp_path)
    check_known(path, OPTIONS)
    assert check_known(path, CheckOptions(ignored_rules={"weight-value"}, count_tokens=False)).valid
    training = rows(tmp_path, "training.jsonl", 5)
    compared = CheckOptions(count_tokens=False, training_file=training)
    assert "train-overlap" in {one.rule for one in check_known(path, compared).findings}
    write(training, [chat(user("other"), assistant("other"))])
    assert "train-overlap" not in {one.rule for one in check_known(path, compared).findings}


def test_fresh_reads_all_of_it_again(tmp_path: Path) -> None:
    path = rows(tmp_path)
    check_known(path, OPTIONS)
    seen: list[int] = []
    check_known(path, OPTIONS, fresh=True, on_progress=lambda done, _total: seen.append(done))
    assert seen[-1] == path.stat().st_size


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("line_end", [b"\n", b""])
def test_of_a_file_that_grew_the_tail_alone_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line_end: bytes
) -> None:
    path = rows(tmp_path)
    path.write_bytes(path.read_bytes().removesuffix(b"\n") + line_end)
    check_known(path, OPTIONS)
    before = path.stat().st_size
    with path.open("ab") as file:
        file.write(b"\n" + b"".join(json.dumps(row).encode() + b"\n" for row in clean_chats(20)))
    starts: list[int] = []
    whole = scan_job.scan_part

    def noted(descriptor: int, options: Any, start: Any, wanted: Any) -> Any:
        starts.append(wanted["start"])
        return whole(descriptor, options, start, wanted)

    monkeypatch.setattr(scan_pass, "scan_part", noted)
    report = check_known(path, OPTIONS)
    assert min(starts) > before - 200
    assert same(report, path)


@pytest.mark.usefixtures("in_parts")
def test_a_beginning_that_changed_is_checked_again(tmp_path: Path) -> None:
    path = rows(tmp_path)
    check_known(path, OPTIONS)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"Question 7", b"Question X", 1) + b'{"messages": []}\n')
    assert same(check_known(path, OPTIONS), path)


@settings(max_examples=80, deadline=None)
@given(
    beginning=FILES, tail=st.lists(LINES, max_size=5).map(b"\n".join), lints=st.sampled_from(["none", "all"])
)
def test_whatever_grows_gives_the_report_of_the_whole_file(
    tmp_path_factory: pytest.TempPathFactory, beginning: bytes, tail: bytes, lints: str
) -> None:
    path = tmp_path_factory.mktemp("grown") / "rows"
    options = CheckOptions(lints=lints, token_limit=20)
    path.write_bytes(beginning)
    kept: list[Kept] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan_pass, "PART_BYTES", 40)
        scan_in_parts(path, options, keep=kept.append)
        path.write_bytes(beginning + tail)
        report = scan_in_parts(path, options, kept=kept[0] if kept else None)
    assert json.dumps(report.as_record()) == json.dumps(check_file(path, options).as_record())


def damaged(content: bytes) -> list[bytes]:
    return [b"", content[:-5], content[: len(content) // 2], b"x" + content, content[:-3] + b"\0\0\0"]


@pytest.mark.usefixtures("in_parts")
@pytest.mark.parametrize("kind", range(5))
def test_a_damaged_cache_is_a_check_and_no_error(tmp_path: Path, kind: int) -> None:
    path = rows(tmp_path)
    check_known(path, OPTIONS)
    for entry in cache_files.folder().iterdir():
        entry.write_bytes(damaged(entry.read_bytes())[kind])
    assert same(check_known(path, OPTIONS), path)
    for entry in cache_files.folder().iterdir():
        cache_files.write(entry.name, [kind, {"state": b"\xc1", "start": {}, "place": [1, 2, 3]}])
    assert same(check_known(path, OPTIONS), path)


def test_the_cache_keeps_to_its_size_and_drops_what_was_used_longest_ago(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_files, "MOST_BYTES", 5_000)
    for number in range(8):
        cache_files.write(f"file-{number}", b"x" * 1_000)
        os.utime(cache_files.folder() / f"file-{number}", (number, number))
        if number == 3:
            assert cache_files.read("file-0") is not None
    left = cache_files.names("file-")
    assert sum((cache_files.folder() / name).stat().st_size for name in left) <= 5_000
    assert "file-0" in left
    assert "file-1" not in left
    monkeypatch.setattr(cache_files, "MOST_FILE_BYTES", 100)
    cache_files.write("file-0", b"y" * 1_000)
    assert cache_files.read("file-0") is None


def test_a_folder_that_takes_nothing_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    path = rows(tmp_path)
    assert same(check_known(path, OPTIONS), path)


def test_several_at_once_disturb_each_other_in_nothing(tmp_path: Path) -> None:
    path = rows(tmp_path)
    found: list[bool] = []

    def check() -> None:
        found.extend(same(check_known(path, OPTIONS, fresh=turn % 2 == 0), path) for turn in range(6))

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 24


def test_a_cancel_while_hashing_is_a_cancel(tmp_path: Path) -> None:
    path = rows(tmp_path)
    os.utime(path, (time.time(), time.time()))
    check_known(path, OPTIONS)
    with pytest.raises(CheckCancelled):
        check_known(path, OPTIONS, cancelled=lambda: True)


def test_another_rule_of_the_same_release_makes_another_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows(tmp_path)
    check_known(path, OPTIONS)
    monkeypatch.setattr("tui.datasets.report_cache.report_version", lambda: "0.1.0+another")
    monkeypatch.setattr(cached_check, "check_file", never)
    with pytest.raises(AssertionError, match="read again"):
        check_known(path, OPTIONS)


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        ("datasets/rules.toml", True),
        ("datasets/lints/secrets.py", True),
        ("datasets/new_rule.py", True),
        ("engine/llama/chat_template.py", True),
        ("datasets/edits/journal.py", False),
        ("datasets/notes.txt", False),
        ("widgets/table.py", False),
    ],
)
def test_what_decides_a_report_is_known_by_its_content(tmp_path: Path, name: str, *, decides: bool) -> None:
    for known in ("datasets/rules.toml", "datasets/edits/journal.py", "engine/llama/chat_template.py"):
        place = tmp_path / known
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("before")
    first = source_digest(tmp_path)
    place = tmp_path / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("after.")
    assert (source_digest(tmp_path) != first) is decides


def test_a_kept_report_with_lints_answers_a_question_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rows(tmp_path)
    counted = check_known(path, replace(OPTIONS, count_tokens=True))
    monkeypatch.setattr(cached_check, "check_file", never)
    assert check_for_findings(path, replace(OPTIONS, count_tokens=True), with_tokens=False) == counted
    with pytest.raises(AssertionError, match="read again"):
        check_for_findings(path, replace(OPTIONS, lints="none"), with_tokens=False)
