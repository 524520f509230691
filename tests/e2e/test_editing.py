"""Rows in a real terminal: edited outside and here, fixed, saved; then a kill, and all is there again."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.terminal import TerminalApp

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal"),
]


def chat(question: str, role: str = "assistant") -> str:
    answer = {"role": role, "content": "Yes."}
    return json.dumps({"messages": [{"role": "user", "content": question}, answer]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{row}\n" for row in (chat("one"), chat("two", "bot"), "", chat("four", "bot"))))
    return path


@pytest.fixture
def editor(tmp_path: Path) -> str:
    """An editor that asks on the terminal, as a real one holds it, and then writes TWO for two."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys\n"
        "path = sys.argv[1]\n"
        "text = open(path, encoding='utf-8').read()\n"
        "input('EDITOR HAS THE TERMINAL> ')\n"
        "open(path, 'w', encoding='utf-8').write(text.replace('two', 'TWO'))\n"
    )
    return f"{sys.executable} {script}"


def questions(path: Path) -> list[str]:
    rows = [json.loads(line) for line in path.read_text().splitlines() if line]
    return [row["messages"][0]["content"] for row in rows]


def open_rows(app: TerminalApp, shown: str) -> None:
    """Go to the file with keys, until `shown` is on the screen."""
    app.wait_for("5 Jobs")
    app.press("2")
    app.wait_for("rows.jsonl")
    app.settle()
    app.press("tab", "g", "j", "enter")
    app.wait_for(shown)
    app.settle()


def edit_outside(app: TerminalApp) -> None:
    app.press("j", "E")
    app.wait_for("EDITOR HAS THE TERMINAL>")
    app.press("enter")
    app.wait_for("1 edited: not saved")


def edit_here(app: TerminalApp) -> None:
    app.press("g", "e")
    app.wait_for("OpenAI on this row")
    app.press("enter")
    app.wait_for("esc takes it")
    app.type("!")
    app.press("escape")
    app.wait_for("changed")
    app.press("escape")
    app.wait_for("2 edited: not saved")


def fix_all(app: TerminalApp) -> None:
    app.press("F")
    app.wait_for("Use the service")
    app.press("A")
    app.wait_for("There is nothing to fix", timeout=30)
    app.press("escape")
    app.wait_for("deleted: not saved")


def test_a_file_is_edited_fixed_saved_and_what_a_kill_leaves_is_there_again(
    isolated_home: Path, path: Path, editor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {"EDITOR": editor, "TUNEDECK_NO_ENGINE_START": "1"}
    monkeypatch.chdir(path.parent)
    target, before = path.with_name("saved.jsonl"), path.read_bytes()
    with TerminalApp() as app:
        app.start(environment=environment)
        open_rows(app, "4 lines")
        edit_outside(app)
        edit_here(app)
        fix_all(app)
        app.press("ctrl+s")
        app.wait_for("rows.edited.jsonl")
        app.type("saved.jsonl")  # in place of the name that is offered
        app.press("enter")
        app.wait_until_gone("not saved")
        assert questions(target) == ["one!", "TWO", "four"]
        assert "bot" not in target.read_text()
        assert path.read_bytes() == before
        app.press("g", "d")
        app.wait_for("not saved")
        os.kill(app.pid, signal.SIGKILL)
        app.wait_for_exit()
    with TerminalApp() as app:
        app.start(environment=environment)
        open_rows(app, "unsaved changes from")
        app.press("k")
        app.wait_for("not saved")
        app.press("u")
        app.wait_for("Undone: Delete row 1")
        app.press("ctrl+q")
        assert app.wait_for_exit() == 0
        assert not app.mouse_modes_left_on
        assert not app.in_alternate_screen
