from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import CliResult
from tui import paths
from tui.engine.environments.install import (
    InstallOptions,
    adopt_environment,
    check_room,
    install_environment,
)
from tui.engine.environments.kept import (
    find_environment,
    folder_of,
    is_half_made,
    remove_environment,
    require_environment,
    why_not,
)
from tui.engine.environments.recipes import RECIPES, Recipe
from tui.errors import TunedeckError

VERSION = "1.2.3"


def write_wheel(folder: Path, name: str = "tunedeck_demo") -> Path:
    """The smallest sound wheel: one module that knows its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{VERSION}-py3-none-any.whl"
    notes = f"{name}-{VERSION}.dist-info"
    files = {
        f"{name}.py": "answer = 42\n",
        f"{notes}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {VERSION}\n",
        f"{notes}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
        lines = [f"{member},," for member in [*files, f"{notes}/RECORD"]]
        archive.writestr(f"{notes}/RECORD", "\n".join(lines) + "\n")
    return path


class Demo(NamedTuple):
    recipe: Recipe
    wheels: Path
    options: InstallOptions


def silent(_what: str, _done: int, _total: int) -> None:
    pass


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Demo:
    recipe = Recipe("demo", "try it", ("tunedeck_demo",), ("tunedeck_demo",), 2, 1, 1, "2026-11-30")
    monkeypatch.setitem(RECIPES, "demo", recipe)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    # Only what lies here is found, whatever pip is set to on this machine.
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null" if sys.platform != "win32" else "nul")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    return Demo(recipe, wheels, InstallOptions(pip_arguments=("--no-index", "--find-links", str(wheels))))


def test_a_broken_off_installation_is_no_environment_and_goes_on_when_asked_again(demo: Demo) -> None:
    with pytest.raises(TunedeckError, match="tunedeck_demo") as refused:
        install_environment(demo.recipe, demo.options, silent)
    assert "goes on" in refused.value.remedy
    assert find_environment("demo") is None
    assert is_half_made("demo")
    assert "broken off" in str(why_not("demo"))
    with pytest.raises(TunedeckError) as missing:
        require_environment("demo")
    assert "tunedeck engine install demo" in missing.value.remedy

    write_wheel(demo.wheels)
    told: list[str] = []
    made = install_environment(demo.recipe, demo.options, lambda what, _done, _total: told.append(what))
    assert made == require_environment("demo")
    assert made.versions == {"tunedeck_demo": VERSION}
    assert made.own
    assert made.is_current
    assert any("tunedeck_demo" in what for what in told)
    asked = [str(made.python), "-c", "import tunedeck_demo; print(tunedeck_demo.answer)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "42"

    assert remove_environment("demo") > 0
    assert not folder_of("demo").exists()
    assert why_not("demo") is not None


def test_what_installs_but_does_not_import_is_not_taken(demo: Demo, tmp_path: Path) -> None:
    write_wheel(demo.wheels)
    broken = Recipe("demo", "try it", ("tunedeck_demo",), ("not_in_there",), 2, 1, 1, "2026-11-30")
    with pytest.raises(TunedeckError, match="not_in_there"):
        install_environment(broken, demo.options, silent)
    assert find_environment("demo") is None


def test_a_note_whose_python_is_gone_is_not_taken(demo: Demo, tmp_path: Path) -> None:
    place = tmp_path / "theirs"
    (place / "bin").mkdir(parents=True)
    recipe = Recipe("demo", "try it", (), ("json",), 2, 1, 1, "2026-11-30")
    python = place / "bin" / "python"
    python.symlink_to(sys.executable)
    made = adopt_environment(recipe, python)
    assert not made.own
    assert find_environment("demo") is not None
    python.unlink()
    assert find_environment("demo") is None


def test_forgetting_what_the_person_made_leaves_it_where_it_is(demo: Demo, tmp_path: Path) -> None:
    recipe = Recipe("demo", "try it", (), ("json",), 2, 1, 1, "2026-11-30")
    theirs = tmp_path / "python"
    theirs.symlink_to(sys.executable)
    adopt_environment(recipe, theirs)
    remove_environment("demo")
    assert theirs.exists()
    assert find_environment("demo") is None


def test_a_full_disk_is_told_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(paths.data_dir().parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000_000))
    with pytest.raises(TunedeckError, match=r"6,\d\d\d MB .* only 1,000 MB"):
        check_room(RECIPES["gpu"], InstallOptions())
    check_room(RECIPES["llamacpp"], InstallOptions())


def test_the_command_shows_the_size_and_installs_nothing_without_a_yes(cli: Callable[..., CliResult]) -> None:
    result = cli("engine", "install", "gpu")
    assert result.code == 2
    assert f"{RECIPES['gpu'].installed_mb:,} MB" in result.stderr
    assert RECIPES["gpu"].read_on in result.stderr
    assert not folder_of("gpu").exists()


def test_the_list_names_every_environment_and_its_state(cli: Callable[..., CliResult]) -> None:
    folder_of("vllm").mkdir(parents=True)
    listed = json.loads(cli("engine", "install", "--list", "--json").stdout)
    assert {entry["name"]: entry["state"] for entry in listed} == {
        "gpu": "not here",
        "ray": "not here",
        "vllm": "half made",
        "llamacpp": "not here",
    }
    assert all(entry["installed_mb"] > 0 and entry["measured_on"] for entry in listed)


def test_an_unknown_environment_is_refused_with_the_known_ones(cli: Callable[..., CliResult]) -> None:
    for verb in ("install", "uninstall"):
        result = cli("engine", verb, "nope", "--yes")
        assert result.code == 2
        assert "gpu, ray, vllm, llamacpp" in result.stderr
