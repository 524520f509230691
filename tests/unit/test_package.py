"""What is promised on paper is what is there: commands, versions, files, verbs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

import tui
from tui.cli.main import VERBS
from tui.data.examples import BROKEN, EXAMPLES, PREFERENCES, SENTIMENT, Example, example
from tui.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
START = "python3 -m venv .venv && .venv/bin/pip install -c .ci/constraints.txt . && .venv/bin/tunedeck"
TESTS = (
    "python3 -m venv .venv && .venv/bin/pip install -c .ci/constraints.txt -e '.[test]' "
    "&& .venv/bin/python -m pytest"
)


def shell_blocks(text: str) -> list[str]:
    return [block.strip() for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]


def constraints() -> dict[str, str]:
    lines = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").split()
    return dict(line.lower().replace("_", "-").split("==") for line in lines)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_readme_opens_with_a_picture_and_the_two_commands() -> None:
    assert README.index("](docs/screenshots/") < README.index(START) < README.index(TESTS)
    assert shell_blocks(README)[:2] == [START, TESTS]


@pytest.mark.skipif(sys.platform == "win32", reason="a Bash script")
def test_ci_runs_the_readmes_test_command_word_for_word() -> None:
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    pattern = re.search(r"grep -m 1 -E '([^']+)' README\.md", script)
    assert pattern is not None
    found = subprocess.run(
        ["grep", "-m", "1", "-E", pattern.group(1), "README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == TESTS
    assert 'bash -c "set -euo pipefail; $test_command"' in script
    assert script.splitlines()[0] == "#!/usr/bin/env bash"
    assert "set -euo pipefail" in script


@pytest.mark.parametrize("verb", VERBS)
def test_the_readme_names_every_verb(verb: str) -> None:
    assert f"tunedeck {verb}" in README


def test_the_readme_lists_the_exit_codes_that_the_program_has() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    assert listed == {int(code) for code in ExitCode}


def test_every_page_and_picture_that_a_page_points_to_is_there() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "benchmarks/README.md"]
    missing = [
        f"{page.relative_to(ROOT)} -> {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert missing == []


def test_the_package_and_the_program_have_one_version() -> None:
    assert PROJECT["version"] == tui.__version__


def test_every_direct_dependency_has_one_resolved_version() -> None:
    pinned = constraints()
    extras = PROJECT["optional-dependencies"]
    wanted = [Requirement(text) for text in [*PROJECT["dependencies"], *extras["test"], *extras["lint"]]]
    assert len(pinned) > 40
    for requirement in wanted:
        name = requirement.name.lower().replace("_", "-")
        assert name in pinned, name
        assert requirement.specifier.contains(Version(pinned[name])), requirement


def test_constraints_are_names_and_versions_only() -> None:
    lines = (ROOT / ".ci/constraints.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.+!]*", line)] == []


def test_both_packages_say_that_they_are_typed() -> None:
    assert (ROOT / "tui/py.typed").is_file()
    assert (ROOT / "screens/py.typed").is_file()


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.name)
def test_every_shipped_example_is_there_and_found_by_name(one: Example) -> None:
    assert one.training.is_file()
    assert example(one.name) is one
    assert b"\r" not in one.training.read_bytes()


def test_no_sentence_of_the_held_out_rows_is_trained_on() -> None:
    assert SENTIMENT.held_out is not None
    trained = {row["messages"][1]["content"].casefold() for row in rows_of(SENTIMENT.training)}
    held_out = {row["messages"][1]["content"].casefold() for row in rows_of(SENTIMENT.held_out)}
    assert len(trained) == 90
    assert len(held_out) == 60
    assert not trained & held_out


def test_both_halves_of_the_example_hold_each_class_equally_often() -> None:
    assert SENTIMENT.held_out is not None
    for path, each in ((SENTIMENT.training, 30), (SENTIMENT.held_out, 20)):
        labels = [row["messages"][-1]["content"] for row in rows_of(path)]
        assert {label: labels.count(label) for label in labels} == dict.fromkeys(
            ("positive", "negative", "neutral"), each
        )


def test_the_preferred_answer_is_always_the_shorter_one() -> None:
    for row in rows_of(PREFERENCES.training):
        preferred = row["preferred_output"][0]["content"]
        other = row["non_preferred_output"][0]["content"]
        assert len(preferred) * 3 < len(other)


def test_the_check_passes_the_sound_examples_and_stops_the_broken_one() -> None:
    from tui.datasets.check import CheckOptions, check_file

    options = CheckOptions(count_tokens=False)
    for path in (SENTIMENT.training, SENTIMENT.held_out, PREFERENCES.training):
        assert path is not None
        report = check_file(path, options)
        assert report.valid, report.findings
        assert not report.findings, report.findings
    broken = check_file(BROKEN.training, options)
    assert not broken.valid
    assert len({finding.rule for finding in broken.findings}) >= 7


def test_the_pages_made_from_the_program_are_up_to_date() -> None:
    made = subprocess.run(
        [sys.executable, "docs/scripts/make_pages.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert made.stdout.strip() == "up to date", made.stderr
