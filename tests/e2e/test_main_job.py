"""The main job in a real terminal of 80x24 by keys alone: check, launch, watch, chat, leave nothing."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.e2e.terminal import TerminalApp, processes_of
from tests.support import wait_until

pytestmark = pytest.mark.timeout(900)

SYSTEM = "Classify the sentiment of the text. Answer with one word: positive, negative or neutral."
QUESTIONS = (
    "We got lost twice, and the guide shouted at us.",
    "The swimming lessons were a delight for all of us.",
)
LABEL_IN_THE_RIGHT_LANE = re.compile(r"││ +(?:positive|negative|neutral) +│")
"""The whole answer of the tuned model; how often the label is the right one is the tour's to test."""
EPOCHS = 2


@pytest.fixture
def app(isolated_home: Path) -> Iterator[TerminalApp]:
    with TerminalApp(80, 24) as terminal:
        yield terminal


def assert_terminal_is_restored(app: TerminalApp) -> None:
    assert not app.in_alternate_screen
    assert app.mouse_modes_left_on == set()


def leave(app: TerminalApp) -> None:
    app.press("ctrl+q")
    assert app.wait_for_exit() == 0
    assert_terminal_is_restored(app)


@pytest.mark.real_model
def test_a_model_is_trained_and_chatted_with_by_keys_alone(
    app: TerminalApp, isolated_home: Path, use_real_base_model: Path
) -> None:
    app.start()
    app.wait_for("local: ready", timeout=60)

    app.press("e")  # the shipped example
    app.wait_for("Sound: nothing to complain about", timeout=60)
    app.wait_for("re:smollm2-135m-instruct +free", timeout=60)

    app.press("l")
    app.wait_for("Before the launch", timeout=60)
    app.wait_for("Launch: free", timeout=60)
    app.press(*["down"] * 5)
    app.wait_for("Passes over the file")
    app.settle()
    app.type(str(EPOCHS))
    app.wait_for(rf"re:Epochs +{EPOCHS}\b")
    app.settle(quiet=1.5)  # a changed form is looked at again before it can be launched
    app.wait_for("Launch: free", timeout=60)
    app.press("ctrl+l")
    app.wait_for("Start this job for free?", timeout=30)
    app.settle(quiet=1)  # a key on its way when the question appeared is not taken for its answer
    app.press("y")

    app.wait_for(r"re:running", timeout=120)
    first = watched_step(app)
    assert wait_until(
        lambda: app.read() and watched_step(app) > first, timeout=120, what="the next step on the screen"
    )
    assert "train" in app.text()
    app.wait_for("✓ succeeded", timeout=480)
    app.wait_for("successfully completed")
    app.wait_for("Checkpoints 2")

    app.press("c")
    app.wait_for("Ask something")
    chat_with_system_prompt(app)
    for number, question in enumerate(QUESTIONS, start=1):
        app.type(question)
        app.press("enter")
        wait_for_labels(app, number)
    leave(app)
    assert_job_outlives_the_app_but_no_process_does(isolated_home)


def wait_for_labels(app: TerminalApp, wanted: int) -> None:
    """Wait until the tuned model has answered that many questions with one of the three words."""
    wait_until(
        lambda: app.read() and len(LABEL_IN_THE_RIGHT_LANE.findall(app.text())) == wanted,
        timeout=90,
        what=f"{wanted} labels of the tuned model",
    )


def watched_step(app: TerminalApp) -> int:
    found = re.search(r"step (\d+) of \d+", app.text())
    return int(found.group(1)) if found else 0


def chat_with_system_prompt(app: TerminalApp) -> None:
    """Ask as the model was trained, and for the likeliest answer."""
    app.press("ctrl+s")
    app.wait_for("How the models should behave", SYSTEM[:40])
    if SYSTEM[:40] not in app.text():
        app.type(SYSTEM)
    app.press("tab")
    app.type("0")
    app.press("ctrl+s")
    app.wait_for("Ask something")


def assert_job_outlives_the_app_but_no_process_does(home: Path) -> None:
    """Only the engine that the app started may be left; told to go, it goes."""
    from tui import local_engine

    left = processes_of(str(home))
    address = local_engine.find_engine()
    assert {process.pid for process in left} <= ({address.pid} if address else set())
    if address is not None:
        local_engine.stop_engine(address)
    wait_until(lambda: not processes_of(str(home)), what="the end of every process")


def test_the_app_quits_cleanly_from_every_place(app: TerminalApp) -> None:
    app.start(environment={"TUNEDECK_NO_ENGINE_START": "1"})
    app.wait_for("6 Chat")
    for place in "123456":
        app.press(place)
        app.settle()
    leave(app)


def test_ctrl_c_twice_leaves_and_restores_the_terminal(app: TerminalApp) -> None:
    app.start(environment={"TUNEDECK_NO_ENGINE_START": "1"})
    app.wait_for("6 Chat")
    app.press("ctrl+c")
    app.wait_for("again")
    app.press("ctrl+c")
    assert app.wait_for_exit() in (0, 130)
    assert_terminal_is_restored(app)


def test_the_app_follows_the_size_of_the_terminal_and_says_when_it_is_too_small(app: TerminalApp) -> None:
    app.start(environment={"TUNEDECK_NO_ENGINE_START": "1"})
    app.wait_for("6 Chat")
    app.resize(50, 12)
    app.wait_for("60x20", "60 x 20", "60×20", "60 × 20")
    app.resize(120, 40)
    app.wait_for("Accounts")
    leave(app)


def test_at_rest_the_app_writes_nothing(app: TerminalApp) -> None:
    app.start(environment={"TUNEDECK_NO_ENGINE_START": "1"})
    app.wait_for("6 Chat")
    app.settle(quiet=2, timeout=20)
    written = len(app.output)
    app.settle(quiet=5, timeout=5)
    assert len(app.output) == written


def test_without_a_terminal_the_app_says_so_and_names_the_way_out(isolated_home: Path) -> None:
    from tests.support import run_cli_process

    result = run_cli_process()
    assert result.code == 2
    assert "terminal" in result.stderr
    assert "--help" in result.stderr
