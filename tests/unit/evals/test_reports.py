"""One file that says everything, whoever reads it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.plan import EvalOptions, plan_evaluation
from tui.evals.reports.files import write_report
from tui.evals.requests import Contender
from tui.evals.result import EvalResult
from tui.evals.run import run_evaluation
from tui.evals.test_set import read_test_set
from tui.services import Services

BOTH = (Contender(Lane("openai", BASE)), Contender(Lane("openai", TUNED)))
HOSTILE = "</pre><script>alert(1)</script>\n````\n# no heading | \x1b[31m [x](http://127.0.0.1)"
ROWS: list[dict[str, Any]] = [
    {"prompt": HOSTILE, "expected": "positive", "tags": ["a|b", "<b>"]},
    *({"prompt": f"row {number}", "expected": ["positive", "negative"][number % 2]} for number in range(8)),
]


@pytest.fixture
def result(service: AnsweringService, services: Services, tmp_path: Path) -> EvalResult:
    def reply(model: str, question: str, _body: Any) -> str:
        if question == HOSTILE:
            return HOSTILE
        return "positive" if model == BASE else ["positive", "negative"][int(question[-1]) % 2]

    service.reply = reply
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *ROWS))
    options = EvalOptions(checks=(parse_check("label"), parse_check("length:{max_words = 3}")))
    return run_evaluation(services, plan_evaluation(services, test_set, BOTH, options))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [f"{name}={value}" for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_html_report_shows_hostile_text_and_runs_none_of_it(result: EvalResult, tmp_path: Path) -> None:
    write_report(result, tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text("utf-8")
    seen = Tags()
    seen.feed(page)
    assert "script" not in seen.tags
    assert not [one for one in seen.attributes if one.startswith(("href", "src", "on"))]
    assert "<script>alert(1)</script>" in seen.text
    assert "\x1b" not in page
    assert {"h1", "table", "pre"} <= set(seen.tags)


def test_the_markdown_report_keeps_hostile_text_inside_its_fence(result: EvalResult, tmp_path: Path) -> None:
    write_report(result, tmp_path / "r.md")
    text = (tmp_path / "r.md").read_text("utf-8")
    outside = re.sub(r"(?ms)^(`{3,})text\n.*?^\1$", "", text)
    assert "alert(1)" not in outside
    assert "`````text" in text
    assert "# Evaluation of set.jsonl" in text
    assert "| label | 9 |" in text
    assert "better" in text or "can't tell yet" in text
    assert r"\[a\|b, \<b\>\]" in text
    assert "macro F1" in text
    assert "Bonett and Price" in text


def test_the_json_report_is_what_the_command_prints(result: EvalResult, tmp_path: Path) -> None:
    write_report(result, tmp_path / "r.json")
    value = json.loads((tmp_path / "r.json").read_bytes())
    assert value == json.loads(json.dumps(result.as_json()))
    labels = value["models"][1]["checks"][0]["labels"]
    assert labels["labels"] == ["(other)", "negative", "positive"]
    assert labels["grid"] == [[0, 0, 0], [0, 4, 0], [1, 0, 4]]


def test_a_report_replaces_no_file(result: EvalResult, tmp_path: Path) -> None:
    (tmp_path / "r.md").write_text("mine")
    with pytest.raises(TunedeckError, match="exists already"):
        write_report(result, tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text() == "mine"
