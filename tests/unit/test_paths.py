from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tui import paths

PLACES: list[Callable[[], Path]] = [
    paths.data_dir,
    paths.config_dir,
    paths.cache_dir,
    paths.settings_file,
    paths.store_file,
    paths.faults_file,
    paths.engine_dir,
    paths.base_models_dir,
]


@pytest.mark.parametrize("place", PLACES)
def test_one_variable_moves_everything(place: Callable[[], Path], isolated_home: Path) -> None:
    assert isolated_home in place().parents


@pytest.mark.parametrize("place", PLACES)
def test_without_it_the_system_decides(place: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(paths.HOME_VARIABLE)
    assert place().is_absolute()
    assert "tunedeck" in str(place())


def test_base_models_can_be_shared_between_homes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path))
    assert paths.base_models_dir() == tmp_path


def test_a_tilde_means_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(paths.HOME_VARIABLE, "~/deck")
    assert paths.data_dir() == Path.home() / "deck" / "data"


def test_asking_for_a_place_creates_nothing(isolated_home: Path) -> None:
    for place in PLACES:
        place()
    assert list(isolated_home.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owner bits")
def test_a_private_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = paths.make_private(tmp_path / "one" / "two")
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
