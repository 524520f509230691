from __future__ import annotations

from pathlib import Path

import pytest

from tui import paths
from tui.config import Settings, load_settings, save_setting, setting_keys, settings_with_sources
from tui.errors import TunedeckError


def write_settings(text: str) -> Path:
    path = paths.settings_file()
    paths.make_private(path.parent)
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert load_settings() == Settings()


def test_the_environment_is_nearer_than_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_settings('theme = "tunedeck-light"\nmouse = false\npoll_seconds = 30\n')
    monkeypatch.setenv("TUNEDECK_THEME", "ansi")
    found = settings_with_sources()
    assert found["theme"] == ("ansi", "TUNEDECK_THEME")
    assert found["mouse"] == (False, str(path))
    assert found["poll_seconds"] == (30.0, str(path))
    assert found["ascii"] == (False, "default")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('mouse = true\nthem = "x"\n', ["line 2", "'them'", "Did you mean 'theme'?"]),
        ('\n\nmouse = "yes"\n', ["line 3", "mouse must be true or false"]),
        ("poll_seconds = 0\n", ["line 1", "between 5 and 600"]),
        ("theme = \n", ["not valid TOML", "line 1"]),
        ("[theme]\nx = 1\n", ["line 1", "theme must be text in quotes"]),
        ('openai_api_key = "sk-123"\n', ["secret", "OPENAI_API_KEY"]),
    ],
)
def test_a_wrong_file_is_told_with_line_key_and_remedy(text: str, words: list[str]) -> None:
    path = write_settings(text)
    with pytest.raises(TunedeckError) as caught:
        load_settings()
    for word in [str(path), *words]:
        assert word in str(caught.value)
    assert "sk-123" not in str(caught.value)


def test_a_wrong_variable_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_MOUSE", "perhaps")
    with pytest.raises(TunedeckError, match="TUNEDECK_MOUSE"):
        load_settings()


def test_saving_keeps_comments_order_and_other_settings() -> None:
    path = write_settings("# my choice\nmouse = false  # the terminal selects\n")
    save_setting("ascii", True)
    save_setting("mouse", "on")
    text = path.read_text("utf-8")
    assert "# my choice" in text
    assert "# the terminal selects" in text
    assert load_settings().mouse is True
    assert load_settings().ascii is True
    assert path.stat().st_mode & 0o077 == 0 or path.drive


def test_nothing_wrong_is_ever_written() -> None:
    for key, value in (("nonsense", 1), ("mouse", "perhaps"), ("poll_seconds", 1.0), ("theme", 5)):
        with pytest.raises(TunedeckError):
            save_setting(key, value)
    assert not paths.settings_file().exists()


def test_no_setting_could_hold_a_key() -> None:
    assert not [key for key in setting_keys() if "key" in key or "token" in key or "secret" in key]


def test_a_setting_with_choices_takes_no_other_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_LINTS", "all")
    assert load_settings().lints == "all"
    monkeypatch.setenv("TUNEDECK_LINTS", "some")
    with pytest.raises(TunedeckError, match="one of none, fast, all, not 'some'"):
        load_settings()
