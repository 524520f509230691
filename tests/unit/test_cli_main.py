from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.support import run_cli, run_cli_process, tunedeck_command
from tui import __version__, paths
from tui.cli import main
from tui.cli.output import print_json, print_table, say
from tui.errors import ExitCode, TunedeckError


def command_that(raises: BaseException | None) -> click.Command:
    @click.command()
    def command() -> None:
        if raises is not None:
            raise raises

    return command


def run_verb_that(raises: BaseException | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setattr(main.LazyGroup, "get_command", lambda *_: command_that(raises))
    result = run_cli("check")
    return result.code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (None, ExitCode.DONE),
        (TunedeckError("the file is bad", exit_code=ExitCode.BAD), ExitCode.BAD),
        (TunedeckError("no such file"), ExitCode.WRONG_USE),
        (click.UsageError("what?"), ExitCode.WRONG_USE),
        (click.Abort(), ExitCode.INTERRUPTED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (BrokenPipeError(), ExitCode.DONE),
    ],
)
def test_every_ending_has_its_documented_exit_code(
    ending: BaseException | None, code: ExitCode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_verb_that(ending, monkeypatch)[0] == code


def test_an_expected_error_is_a_sentence_and_its_remedy_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    error = TunedeckError("The file holds no rows.", "Write one JSON object per line.")

    _, stdout, stderr = run_verb_that(error, monkeypatch)

    assert stdout == ""
    assert stderr == "tunedeck: The file holds no rows.\n  Write one JSON object per line.\n"


def test_control_bytes_in_an_error_never_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, stderr = run_verb_that(TunedeckError("no file \x1b]52;c;cHduZWQ=\x07"), monkeypatch)

    assert "\x1b" not in stderr
    assert "␛]52" in stderr


def test_version_is_the_packages() -> None:
    result = run_cli_process("--version")
    assert result.code == 0
    assert result.stdout.strip() == f"tunedeck, version {__version__}"


def test_help_names_every_verb_and_every_exit_code() -> None:
    result = run_cli("--help")
    assert result.code == 0
    for verb, (_, summary) in main.VERBS.items():
        assert re.search(rf"^  {verb} +{re.escape(summary)}$", result.stdout, re.MULTILINE), verb
    for code in ExitCode:
        assert str(int(code)) in result.stdout


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = run_cli(verb, "--help")
    assert result.code == 0, result.stderr
    assert f"tunedeck {verb}" in result.stdout
    assert "--help" in result.stdout


@pytest.mark.parametrize("verb", main.VERBS)
def test_every_verb_refuses_an_unknown_option_with_a_sentence(verb: str) -> None:
    result = run_cli(verb, "--no-such-option")
    assert result.code == ExitCode.WRONG_USE
    assert "no-such-option" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_verb_is_refused() -> None:
    result = run_cli("trian")
    assert result.code == ExitCode.WRONG_USE
    assert "trian" in result.stderr


def test_printed_json_holds_no_byte_a_terminal_acts_on(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "\x1b[31m \x9b \x7f \ud800 é 漢"})

    printed = capsys.readouterr().out
    assert "é 漢" in printed
    assert not [char for char in printed if char != "\n" and (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)]


def test_printed_text_and_tables_are_safe_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    say("row \x1b[2J")
    print_table(["name", "rows"], [["a\nb", 12], ["longer name", 3]])

    assert capsys.readouterr().out.splitlines() == [
        "row ␛[2J",
        "name         rows",
        "a␤b          12",
        "longer name  3",
    ]


def test_on_a_narrow_terminal_long_columns_stand_below_and_a_pipe_gets_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "24")
    headings, rows = ["id", "what", "rows"], [["1", "held.jsonl of a long name", 12]]
    print_table(headings, rows, below=["what"])
    assert capsys.readouterr().out.splitlines()[1:] == ["1   held.jsonl of a long name  12"]
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table(headings, rows, below=["what"])
    assert capsys.readouterr().out.splitlines() == [
        "id  rows", "  what", "1   12", "  held.jsonl of a long", "    name",
    ]  # fmt: skip


def test_a_file_in_place_of_a_verb_is_one_to_open(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("{}\n")
    opened = run_cli(str(file))
    assert opened.code == ExitCode.WRONG_USE
    assert "The app needs a terminal" in opened.stderr
    assert "No such command" in run_cli(str(tmp_path / "none.jsonl")).stderr
    assert "No such command" in run_cli(str(tmp_path)).stderr


def test_control_bytes_in_an_argument_do_not_reach_the_terminal() -> None:
    for verb, words in (("doctor", "unexpected extra argument"), ("models", "No such command")):
        result = run_cli(verb, "\x1b]52;c;QQ==\x07")
        assert result.code == ExitCode.WRONG_USE
        assert words in result.stderr
        assert "\x1b" not in result.stderr
        assert "\x07" not in result.stderr


@pytest.mark.parametrize("verb", ["jobs", "watch", "events", "checkpoints", "cancel", "pause", "resume"])
@pytest.mark.parametrize("job_id", ["", "\udcff\udcfe", "\x1b[2J"])
def test_a_job_id_that_none_can_have_is_refused_with_a_sentence(verb: str, job_id: str) -> None:
    result = run_cli(verb, job_id)
    assert result.code == ExitCode.WRONG_USE
    assert "There is no job" in result.stderr


def test_a_file_name_in_bytes_that_are_no_text_is_told() -> None:
    result = run_cli("cost", "no-such-\udcff", "--model", "gpt-4o-mini-2024-07-18")
    assert result.code == ExitCode.WRONG_USE
    assert result.stderr.startswith("tunedeck: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("config",)])
def test_output_to_a_full_disk_is_told_in_a_sentence(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            tunedeck_command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == ExitCode.WRONG_USE
    assert ended.stderr.startswith("tunedeck: The output could not be used")


@pytest.mark.skipif(sys.platform == "win32", reason="closes a descriptor by the shell")
@pytest.mark.parametrize("verb", ["doctor", "config", "models"])
def test_a_closed_output_brings_no_traceback(verb: str) -> None:
    command = " ".join(shlex.quote(part) for part in tunedeck_command(verb))
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{command} <&- >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert "Traceback" not in ended.stderr


def test_a_disk_that_refuses_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, stderr = run_verb_that(OSError(30, "Read-only file system", "/some/place"), monkeypatch)
    assert code == ExitCode.WRONG_USE
    assert stderr == "tunedeck: /some/place could not be used: Read-only file system.\n"


def test_an_interrupt_ends_the_program_without_a_last_collection_and_loses_no_output() -> None:
    code = (
        "import atexit, sys, time\n"
        "import tui.cli.main as cli\n"
        "from tui.__main__ import main\n"
        "class Endless:\n"
        "    def __del__(self):\n"
        "        time.sleep(600)\n"
        "kept = Endless()\n"
        "atexit.register(print, 'cleared up')\n"
        "print('as far as it came')\n"
        "cli.run = lambda: 130\n"
        "sys.argv = ['tunedeck', 'watch']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (int(ExitCode.INTERRUPTED), "")
    assert done.stdout.split("\n") == ["as far as it came", "cleared up", ""]


def test_a_fault_of_its_own_is_a_sentence_and_its_traceback_is_kept_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, stdout, stderr = run_verb_that(ZeroDivisionError("what nobody thought of"), monkeypatch)
    assert (code, stdout) == (ExitCode.WRONG_USE, "")
    assert "could not finish this command, by a fault of its own" in stderr
    assert "Traceback" not in stderr
    assert str(paths.faults_file()) in stderr
    assert "test_cli_main.py" in paths.faults_file().read_text()
