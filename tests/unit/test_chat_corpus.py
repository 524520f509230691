from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from benchmarks import chat_corpus, chat_texts
from benchmarks.chat_corpus import KINDS, Corpus, write_corpus
from benchmarks.chat_texts import Pieces, read_html, read_manual
from benchmarks.process_tree import run
from tui.datasets.check import check_file
from tui.datasets.formats import DatasetFormat


@pytest.fixture
def _small_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    for number in range(5):
        (sources / f"{number}.py").write_text(f"print({number})  # \x1b ünï 日本\n" * 400, encoding="utf-8")
        (sources / f"{number}.txt").write_text(f"Plain words of {number}, and more of them. " * 300)
    (sources / "binary.py").write_bytes(b"\0" * 2_000)
    monkeypatch.setattr(chat_texts, "folders", lambda: [sources])
    monkeypatch.setattr(chat_texts, "translations", list)


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


@pytest.mark.usefixtures("_small_world")
def test_each_kind_has_its_share_of_the_text(tmp_path: Path) -> None:
    corpus = Corpus()
    write_corpus(tmp_path / "corpus.jsonl", 1_000_000, corpus=corpus)
    text = corpus.text_bytes.total()
    assert {
        kind for kind, share in KINDS.items() if abs(corpus.text_bytes[kind] / text - share) > 0.05
    } == set()


def test_a_manual_and_a_page_are_taken_as_a_reader_sees_them(tmp_path: Path) -> None:
    manual, page = tmp_path / "tool.1", tmp_path / "tool.html"
    manual.write_text(
        '.TH TOOL 1\n.SH "THE NAME"\ntool \\- does \\fIone\\fR thing\n.B always\n.\\" nobody sees it\n'
    )
    page.write_text("<style>p {}</style><p>One &amp; two</p><script>x</script>")
    assert read_manual(manual).split() == ["THE", "NAME", "tool", "-", "does", "one", "thing", "always"]
    assert read_html(page).strip() == "One & two"


def test_text_is_cut_between_sentences_and_runs_of_ideographs_are_new(tmp_path: Path) -> None:
    prose, runs = tmp_path / "prose", tmp_path / "runs"
    prose.write_text(" ".join(f"The sentence of number {number} ends." for number in range(400)))
    runs.write_text("日本語文字列変換処理。今日天気非常好的時候。" * 40)
    from_prose = Pieces([(prose, Path.read_text)] * 3, Random(1))
    piece = from_prose.next(300)
    assert (piece.startswith("The sentence"), piece.endswith("ends.")) == (True, True)
    made = "".join(Pieces([(runs, Path.read_text)], Random(1), is_cjk=True).next(300) for _ in range(30))
    assert len(set(made.split("。"))) > 4


def test_a_run_counts_the_memory_and_time_of_children_too() -> None:
    child = "import time; held = b'x' * 60_000_000; x = sum(range(5_000_000)); time.sleep(0.4)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    one = run([sys.executable, "-c", parent])
    assert one.exit_code == 0
    assert one.peak > 60_000_000
    assert 0.02 < one.cpu < one.wall + 5
