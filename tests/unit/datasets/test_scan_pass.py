from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, clean_chats, preference, tool_chat, user, write
from tui.datasets import check, row_pass_process, scan_pass
from tui.datasets.check import CheckCancelled, CheckOptions, check_file
from tui.datasets.file_parts import FileParts, count_lines
from tui.datasets.files import read_into
from tui.datasets.findings import KEPT_PER_RULE
from tui.datasets.formats import DatasetFormat
from tui.datasets.lines import LineReader
from tui.datasets.options_travel import options_as_json, options_from_json
from tui.datasets.row_pass import PassCancelled
from tui.datasets.scan import FileScan
from tui.datasets.scan_job import ScanJob, unpacked_state
from tui.datasets.start_facts import look_at_start
from tui.errors import TunedeckError

TEXTS = st.sampled_from(
    [
        "",
        " ",
        "x",
        "Hello there, how are you?",
        "пример",
        "раypal",
        "お誕生日",
        "<|endoftext|>",
        "I can't help with that.",
        "sk-abcdefghijklmnopqrstuvwxyz0123456789",
        "a\x01b",
        "one two three four five six seven eight nine",
    ]
)
ROLES = st.sampled_from(["system", "user", "assistant", "developer", "usr", "tool"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES, "content": TEXTS}), max_size=4)
ROWS = st.one_of(
    st.tuples(TEXTS, TEXTS).map(lambda pair: chat(user(pair[0]), assistant(pair[1]))),
    st.tuples(TEXTS, TEXTS).map(
        lambda pair: chat({"role": "system", "content": pair[0]}, user(), assistant(pair[1]))
    ),
    MESSAGES.map(lambda messages: {"messages": messages}),
    st.dictionaries(st.sampled_from(["answer", "reference", "tools"]), st.integers(0, 3), max_size=2).map(
        lambda keys: {"messages": [user()], **keys}
    ),
    TEXTS.map(lambda text: preference(user(text))),
    st.just(tool_chat()),
    st.sampled_from([3, [], {}, "text", None]),
).map(lambda row: json.dumps(row).encode())
LINES = st.one_of(
    ROWS,
    ROWS,
    st.sampled_from(
        [b"", b" ", b"\r", b"\t \r", b"{", b'{"messages": [', b"\xff\xfe", b"\xef\xbb\xbf", b"NaN"]
    ),
    st.binary(max_size=20).map(lambda some: some.replace(b"\n", b"")),
)
FILES = st.tuples(
    st.sampled_from([b"", b"", b"\xef\xbb\xbf", b"[\n", b"\xff\xfe", b"\n\n"]),
    st.lists(LINES, max_size=14).map(b"\n".join),
    st.sampled_from([b"", b"\n", b"\n\n \n"]),
).map(b"".join)


def by_parts(path: Path, options: CheckOptions, part_bytes: int) -> Any:
    """Check a file as the children do, without their processes."""
    travelled = json.loads(json.dumps(options_as_json(options)))
    with open(path, "rb", buffering=0) as stream:
        start, _ = look_at_start(LineReader(stream).batches(), options.format)
        whole = FileScan(options_from_json(travelled), start)
        whole.begin()
        job = ScanJob({"options": travelled, "start": json.loads(json.dumps(start.as_json()))})
        parts = FileParts(stream.fileno(), path.stat().st_size, part_bytes)
        for part in parts:
            _, payload = job.range(stream.fileno(), {**part.as_request(), "full": sorted(whole.full)})
            later = FileScan(options, start)
            later.restore(unpacked_state(payload))
            whole.merge(later)
    return whole.report(str(path), path.stat().st_size, parts.hash.hexdigest()).as_record()


@settings(max_examples=250, deadline=None)
@given(
    content=FILES,
    part_bytes=st.sampled_from([1, 2, 7, 40, 150, 400, 1_000]),
    asked=st.sampled_from([None, *DatasetFormat]),
    lints=st.sampled_from(["none", "fast", "all"]),
    provider=st.sampled_from(["openai", "together", "azure"]),
)
def test_any_split_of_a_file_gives_the_same_report_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    content: bytes,
    part_bytes: int,
    asked: DatasetFormat | None,
    lints: str,
    provider: str,
) -> None:
    path = tmp_path_factory.mktemp("split") / "rows"
    path.write_bytes(content)
    options = CheckOptions(format=asked, lints=lints, provider=provider, token_limit=20)
    whole = check_file(path, options).as_record()
    assert json.dumps(by_parts(path, options, part_bytes)) == json.dumps(whole)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.lists(st.sampled_from([b"x", b"\xef\xbb\xbf", b"", b" ", b"\r", b"\x0b\x0c", b"\x1c", b" x"])),
)
def test_lines_and_blank_lines_are_counted_as_the_check_counts_them(start: bytes, lines: list[bytes]) -> None:
    block = start + b"".join(line + b"\n" for line in [b"first", *lines][0 if start else 1 :])
    if not block:
        return
    found = block.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1]
    blank = sum(not line.strip() for line in found)
    assert count_lines(block, is_first=True) == (len(found), blank)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CHILDREN_FROM_BYTES", 1)
    monkeypatch.setattr(scan_pass, "PARALLEL_FROM_BYTES", 1)
    monkeypatch.setattr(scan_pass, "PART_BYTES", 2_000)


def rows_with_everything() -> list[object]:
    return [
        *clean_chats(60),
        b"",
        b"   ",
        chat(user("<|endoftext|>"), assistant("x" * 9_000)),
        *[chat(user(), assistant(weight=3))] * (KEPT_PER_RULE + 30),
        "broken",
        *clean_chats(70),
        chat({"role": "system", "content": "Be brief."}, user(), assistant()),
    ]


@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.usefixtures("small_parts")
def test_children_of_any_number_find_what_one_process_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    monkeypatch.setattr(scan_pass, "process_count", lambda: processes)
    options = CheckOptions(lints="all", token_limit=1_000)
    seen: list[tuple[int, int]] = []
    report = check_file(path, options, on_progress=lambda done, total: seen.append((done, total)))
    monkeypatch.setattr(check, "CHILDREN_FROM_BYTES", 1 << 40)
    assert json.dumps(report.as_record()) == json.dumps(check_file(path, options).as_record())
    assert seen == sorted(seen)
    assert len(seen) > 5
    assert seen[-1] == (report.bytes, report.bytes)
    assert report.findings_truncated["weight-value"] == 30


FORKS_NO_MORE = """
import os
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = fork
"""


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("killed", ["the first", "the one it became", "all"])
def test_a_child_that_is_killed_is_one_clear_error_and_leaves_nobody_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())
    monkeypatch.setattr(scan_pass, "process_count", lambda: 2)
    mine = os.getpid()
    before = set(psutil.Process().children(recursive=True))

    def new() -> set[psutil.Process]:
        return set(psutil.Process().children(recursive=True)) - before

    known: set[psutil.Process] = set()

    def kill_some(_done: int, _total: int) -> None:
        known.update(new())
        for child in known:
            with suppress(psutil.NoSuchProcess):
                if killed == "all" or (child.ppid() == mine) is (killed == "the first"):
                    child.kill()

    with pytest.raises(TunedeckError, match="stopped: the process that read"):
        check_file(path, CheckOptions(count_tokens=False), on_progress=kill_some)
    assert known
    _, alive = psutil.wait_procs(known, timeout=10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    assert not new()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each loads its own")
@pytest.mark.usefixtures("small_parts")
def test_one_process_becomes_the_others_and_where_it_may_not_does_their_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())
    monkeypatch.setattr(scan_pass, "process_count", lambda: 3)
    parents: Counter[int] = Counter()

    def note(_done: int, _total: int) -> None:
        parents.update({child.ppid() for child in psutil.Process().children(recursive=True)})

    report = check_file(path, CheckOptions(count_tokens=False), on_progress=note)
    assert len(parents) == 2
    monkeypatch.setattr(row_pass_process, "_PROGRAM", FORKS_NO_MORE + row_pass_process._PROGRAM)
    assert check_file(path, CheckOptions(count_tokens=False)).as_record() == report.as_record()


@pytest.mark.usefixtures("small_parts")
def test_a_cancelled_pass_ends_its_children(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())
    before = set(psutil.Process().children(recursive=True))
    begun = threading.Event()
    with pytest.raises(CheckCancelled):
        check_file(
            path,
            CheckOptions(count_tokens=False),
            on_progress=lambda _done, _total: begun.set(),
            cancelled=begun.is_set,
        )
    assert set(psutil.Process().children(recursive=True)) <= before
    assert not [thread for thread in threading.enumerate() if "_prepare" in thread.name]


CHECK_FOREVER = """
import sys
from pathlib import Path
from tui.datasets import scan_pass
from tui.datasets.check import CheckOptions
scan_pass.PART_BYTES, scan_pass.PARALLEL_FROM_BYTES = 2_000, 1
hold = lambda done, total: (print("begun", flush=True), sys.stdin.read())
scan_pass.scan_in_parts(Path(sys.argv[1]), CheckOptions(count_tokens=False), on_progress=hold)
"""


def test_children_end_with_a_program_that_is_killed(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())
    with subprocess.Popen(
        [sys.executable, "-c", CHECK_FOREVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline().strip() == b"begun"
        children = psutil.Process(program.pid).children(recursive=True)
        assert children
        program.kill()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("change", ["grow", "cut"])
def test_a_file_that_changes_during_the_pass_is_one_clear_error(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "rows.jsonl", rows_with_everything())

    def disturb(_done: int, _total: int) -> None:
        if change == "grow":
            with path.open("ab") as file:
                file.write(b"{}\n")
        else:
            os.truncate(path, 3_000)

    with pytest.raises(TunedeckError, match="while it was read"):
        check_file(path, CheckOptions(count_tokens=False), on_progress=disturb)


@pytest.mark.usefixtures("small_parts")
def test_a_child_that_can_not_be_started_leaves_nobody_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = set(psutil.Process().children(recursive=True))
    path = write(tmp_path / "rows.jsonl", clean_chats())
    with pytest.raises(PassCancelled):
        scan_pass.scan_in_parts(path, CheckOptions(), cancelled=lambda: True)
    monkeypatch.setattr("tui.datasets.row_pass_process.sys.executable", str(tmp_path / "nothing"))
    with pytest.raises(TunedeckError, match="could not be started"):
        scan_pass.scan_in_parts(path, CheckOptions())
    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_line_longer_than_a_part_is_one_part(tmp_path: Path) -> None:
    content = b"a\n" + b"b" * 50 + b"\n" + b" " * 40 + b"\nc\nopen"
    path = tmp_path / "rows"
    path.write_bytes(content)
    with open(path, "rb", buffering=0) as stream:
        parts = list(FileParts(stream.fileno(), len(content), 8))
    assert [content[part.start : part.end] for part in parts] == [
        b"a\n", b"b" * 50 + b"\n", b" " * 40 + b"\n", b"c\n", b"open",
    ]  # fmt: skip
    assert [(part.first_line, part.examples) for part in parts] == [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3)]
    assert [part.is_open for part in parts] == [False] * 4 + [True]


def test_a_file_shorter_than_it_was_ends_the_walk(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"a\nb\n")
    with open(path, "rb", buffering=0) as stream, pytest.raises(TunedeckError, match="became shorter"):
        list(FileParts(stream.fileno(), 20, 8))


@pytest.mark.parametrize("reads_in_place", [True, False], ids=["in place", "as Windows does"])
def test_a_buffer_is_filled_as_far_as_the_file_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads_in_place: bool
) -> None:
    if not reads_in_place:
        monkeypatch.delattr("os.preadv", raising=False)
    path = tmp_path / "rows"
    path.write_bytes(b"0123456789")
    buffer = bytearray(b"........")
    with path.open("rb") as file:
        assert bytes(read_into(file.fileno(), 4, memoryview(buffer))) == b"456789"
        assert bytes(buffer) == b"456789.."
        assert bytes(read_into(file.fileno(), 10, memoryview(buffer))) == b""
