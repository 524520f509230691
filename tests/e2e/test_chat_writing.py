"""Writing to a model in a real terminal: lines pasted as over SSH, and the person's own editor."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.e2e.terminal import TerminalApp

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal"),
]


@pytest.fixture
def editor(tmp_path: Path) -> str:
    """An editor that asks on the terminal, as a real one holds it, and then adds a line."""
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys\n"
        "input('EDITOR HAS THE TERMINAL> ')\n"
        "open(sys.argv[1], 'a', encoding='utf-8').write('written outside\\n')\n"
    )
    return f"{sys.executable} {script}"


def test_many_pasted_lines_and_the_own_editor_fill_the_message_and_send_nothing(editor: str) -> None:
    with TerminalApp(100, 30) as app:
        app.start(environment={"EDITOR": editor, "VISUAL": "", "TUNEDECK_NO_ENGINE_START": "1"})
        app.wait_for("5 Jobs")
        app.press("6")
        app.wait_for("Ask something")
        app.settle()
        # A terminal sends the lines of a paste as carriage returns, between these two marks; tmux leaves the
        # colours of a log in, after which Textual alone would take a line end for enter.
        app.type("\x1b[200~first line\rsecond \x1b[1mline\rthird\x07 line\x1b[201~")
        app.wait_for("third␇ line")
        assert "first line\n second ␛[1mline\n third␇ line" in app.text()
        assert "chat nothing answered yet" in app.text()
        app.type("\x07")  # ctrl+g
        app.wait_for("EDITOR HAS THE TERMINAL>")
        app.press("enter")
        app.wait_for("written outside")
        assert "nothing answered yet" in app.text()
