from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tui import paths
from tui.chosen_keys import load_chosen_keys
from tui.config import Settings, load_settings
from tui.errors import TunedeckError

Cli = Callable[..., CliResult]


def write_settings(text: str) -> Path:
    path = paths.settings_file()
    paths.make_private(path.parent)
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        '[keys]\n"job.zoom" = "Z"\n"job.chart" = ["c", "ctrl+v"]\n',
        '[keys]\njob.zoom = "Z"\njob.chart = ["c", "ctrl+v"]\n',
        '[keys.job]\nzoom = "Z"\nchart = ["c", " ctrl+v "]\n',
    ],
)
def test_the_table_may_be_written_in_every_way_that_toml_has(text: str) -> None:
    path = write_settings("mouse = true\n\n" + text)
    chosen = load_chosen_keys()
    assert {one.action_id: one.keys for one in chosen} == {"job.zoom": ("Z",), "job.chart": ("c", "ctrl+v")}
    assert [one.place for one in chosen] == [f"{path}, line 4", f"{path}, line 5"]


def test_the_table_of_keys_is_no_setting() -> None:
    assert load_chosen_keys() == []
    write_settings('[keys]\njob.zoom = "Z"\n')
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('keys = "Z"\n', ["must be a table"]),
        ("[keys]\njob.zoom = 5\n", ["line 2", "job.zoom must be a key or a list of keys"]),
        ("[keys]\njob.zoom = []\n", ["line 2", "must be a key"]),
    ],
)
def test_a_wrong_table_is_told_with_its_line(text: str, words: list[str]) -> None:
    path = write_settings(text)
    with pytest.raises(TunedeckError) as caught:
        load_chosen_keys()
    for word in [str(path), *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('job.zom = "Z"', ["line 2", "'job.zom'", "Did you mean 'job.zoom'?"]),
        ('job.zoom = "zz"', ["there is no key 'zz'", "question_mark"]),
        ('job.zoom = "hyper+z"', ["there is no key"]),
        ('job.zoom = "ctrl+m"', ["for ctrl+m terminals send enter"]),
        ('job.zoom = "v"', ["v is the key of job.chart already: Switch the chart", "move job.chart too"]),
        ('job.zoom = "?"', ["? is the key of app.help already"]),
        ('app.help = "z"', ["is the key of"]),
    ],
)
def test_config_check_refuses_what_could_not_be_followed(cli: Cli, line: str, words: list[str]) -> None:
    write_settings(f"[keys]\n{line}\n")
    result = cli("config", "check")
    assert result.code == 2
    for word in words:
        assert word in result.stderr


def test_two_actions_may_change_their_keys_for_each_other(cli: Cli) -> None:
    write_settings('[keys]\njob.zoom = "v"\njob.chart = "z"\n')
    assert cli("config", "check").code == 0
    listed = cli("config", "keys", "--json").json()
    assert listed["job.zoom"]["keys"] == ["v"]
    assert listed["job.zoom"]["moved"]
    assert not listed["job.cancel"]["moved"]
    assert "job.chart" in cli("config", "keys").stdout
