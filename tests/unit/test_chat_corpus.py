from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import chat_corpus
from benchmarks.chat_corpus import write_corpus
from benchmarks.process_tree import run
from tui.datasets.check import check_file
from tui.datasets.formats import DatasetFormat


@pytest.fixture
def _small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(5):
        (sources / f"{number}.py").write_text(f"print({number})  # \x1b ünï 日本\n" * 400, encoding="utf-8")
        (sources / f"{number}.txt").write_text("Plain words, and more of them. " * 300)
    (sources / "binary.py").write_bytes(b"\0" * 2_000)
    monkeypatch.setattr(chat_corpus, "folders", lambda: [sources])
    monkeypatch.setattr(chat_corpus, "translations", list)


@pytest.mark.usefixtures("_small_world")
def test_the_same_machine_writes_the_same_file_and_another_seed_another(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for path, seed in zip(paths, (1, 1, 2), strict=True):
        write_corpus(path, 300_000, seed)
    one, two, three = (path.read_bytes() for path in paths)
    assert one == two != three


@pytest.mark.usefixtures("_small_world")
def test_the_file_is_a_chat_dataset_with_the_faults_it_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_corpus, "_BROKEN_ROWS", 0.05)
    path = tmp_path / "corpus.jsonl"
    rows = write_corpus(path, 1_000_000)
    report = check_file(path)
    found = {finding.rule for finding in report.findings}
    assert (report.format, report.rows) == (DatasetFormat.CHAT, rows)
    assert 1_000_000 <= report.bytes < 1_020_000
    assert {"invalid-json", "duplicate-row", "not-utf8"} <= found
    assert b"\\u65e5" in path.read_bytes()
    assert "日".encode() in path.read_bytes()
    assert b'"tool_calls"' in path.read_bytes()


def test_a_run_counts_the_memory_and_time_of_children_too() -> None:
    child = "import time; held = b'x' * 60_000_000; x = sum(range(5_000_000)); time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    one = run([sys.executable, "-c", parent])
    assert one.exit_code == 0
    assert one.peak > 60_000_000
    assert 0.02 < one.cpu < one.wall + 5
