from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tui.engine.bundle import REQUIREMENTS, bundle_folder, bundled_modules, outside_imports

BROUGHT_BY_TRL = {"torch", "transformers", "peft", "trl", "datasets"}
NEVER_NEEDED = {"gguf"}  # only to add a base model; the worker opens what is on the shelf


def test_the_bundle_holds_the_worker_and_nothing_of_the_interface() -> None:
    modules = bundled_modules()
    assert "tui.engine.trl.run" in modules
    assert "tui.engine.worker.run_job" in modules
    assert "tui.engine.export.hugging_face" in modules  # imported inside a function
    parts = {name.split(".")[1] for name in modules if "." in name}
    assert parts <= {"engine", "datasets", "errors", "atomic", "file_lock"}
    assert not any(name.startswith(("tui.engine.server", "tui.engine.serving")) for name in modules)


def test_the_environment_is_asked_for_everything_that_the_bundle_imports() -> None:
    outside = outside_imports() - set(sys.stdlib_module_names) - BROUGHT_BY_TRL - NEVER_NEEDED
    asked = {requirement.partition(">")[0] for requirement in REQUIREMENTS}
    assert outside == asked


def test_a_bundle_is_made_once_and_imports_without_us_on_the_path(tmp_path: Path) -> None:
    folder = bundle_folder(tmp_path)
    assert bundle_folder(tmp_path) == folder
    assert [entry.name for entry in tmp_path.iterdir()] == [folder.name]
    found = subprocess.run(
        [sys.executable, "-S", "-c", "import tui.errors, tui.engine.bundle as b; print(tui.__file__)"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'tui.engine.bundle'" in found.stderr  # of ours, only what is in the bundle
    found = subprocess.run(
        [sys.executable, "-S", "-c", "import tui.engine.trl.team, tui.errors; print(tui.__file__)"],
        env={**os.environ, "PYTHONPATH": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()) == folder / "tui" / "__init__.py"
