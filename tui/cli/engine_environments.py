"""`tunedeck engine install` and `uninstall`: environments of their own for heavy trainers and servers."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click

from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line

_MEGABYTE = 1_000_000
_NO_TERMINAL = "An installation needs a yes, and there is no terminal to ask on."


@click.command()
@click.argument("name", required=False)
@click.option(
    "--list", "listing", is_flag=True, help="List the environments: which are here, and their sizes."
)
@click.option("--cpu", is_flag=True, help="A torch that knows the processor only: a quarter of the size.")
@click.option("--index-url", metavar="URL", help="Package index for pip, instead of the one it is set to.")
@click.option("--extra-index-url", metavar="URL", help="One more package index for pip.")
@click.option(
    "--use",
    "place",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Take an environment that you made yourself: its folder, or its Python. Nothing is installed.",
)
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def install(
    name: str | None,
    listing: bool,
    cpu: bool,
    index_url: str | None,
    extra_index_url: str | None,
    place: Path | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Make the environment NAME (gpu, ray, vllm, llamacpp) with Python's venv and pip.

    Its size is shown first. Broken off, it goes on where it was when the command is given again; until it is
    whole it is not used. Exit code 130 when the answer is no, 2 when it could not be made.
    """
    from tui.engine.environments.install import InstallOptions, check_room, install_environment
    from tui.engine.environments.kept import find_environment, folder_of, is_half_made
    from tui.engine.environments.recipes import recipe_of

    if listing or name is None:
        return _show_all(as_json)
    recipe = recipe_of(name)
    if cpu and recipe.cpu_installed_mb is None:
        raise TunedeckError(f"--cpu makes no difference to {name!r}.", "Leave --cpu out.")
    if place is not None:
        return _adopt(name, place, as_json)
    arguments = [*(("--index-url", index_url) if index_url else ()),
                 *(("--extra-index-url", extra_index_url) if extra_index_url else ())]  # fmt: skip
    options = InstallOptions(cpu=cpu, pip_arguments=tuple(arguments))
    check_room(recipe, options)
    found = find_environment(name)
    narrate(
        f"{name}: to {recipe.purpose}. About {recipe.megabytes(cpu=cpu):,} MB on disk, "
        f"{recipe.packages} packages (measured {recipe.read_on}), in {folder_of(name)}."
    )
    if found is not None:
        narrate("It is here already; pip brings it up to date.")
    elif is_half_made(name):
        narrate("An installation of it was broken off; it goes on with what is there.")
    if not yes and not confirmed(f"Install {name}?", _NO_TERMINAL, "Add --yes."):
        return int(ExitCode.INTERRUPTED)
    line, began = _StepLine(), time.monotonic()
    try:
        made = install_environment(recipe, options, line.tell)
    finally:
        line.finish()
    if as_json:
        print_json({**made.as_json(), "seconds": round(time.monotonic() - began, 1)})
    else:
        say(f"{name} is ready: {_versions(made.versions)}.")
    return int(ExitCode.DONE)


@click.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def uninstall(name: str, yes: bool, as_json: bool) -> int:
    """Delete the environment NAME, whole or half made; one that you made yourself is only forgotten."""
    from tui.engine.environments.kept import find_environment, folder_of, remove_environment

    found = find_environment(name)
    what = "Forget" if found is not None and not found.own else "Delete"
    if not yes and not confirmed(
        f"{what} the environment {name} ({folder_of(name)})?",
        f"Deleting {name} needs a yes, and there is no terminal to ask on.",
        "Add --yes.",
    ):
        return int(ExitCode.INTERRUPTED)
    freed = remove_environment(name)
    if as_json:
        print_json({"name": name, "removed": True, "freed_bytes": freed})
    else:
        say(f"{name} is gone; {freed // _MEGABYTE:,} MB are free again.")
    return int(ExitCode.DONE)


def _adopt(name: str, place: Path, as_json: bool) -> int:
    from tui.engine.environments.install import adopt_environment
    from tui.engine.environments.recipes import recipe_of

    narrate("Looking whether it has what is needed ...")
    made = adopt_environment(recipe_of(name), place.expanduser())
    if as_json:
        print_json(made.as_json())
    else:
        say(f"{name} is {made.python}: {_versions(made.versions)}.")
    return int(ExitCode.DONE)


def _show_all(as_json: bool) -> int:
    from tui.engine.environments.kept import find_environment, folder_of, is_half_made, size_of
    from tui.engine.environments.recipes import RECIPES

    rows, values = [], []
    for name, recipe in RECIPES.items():
        found = find_environment(name)
        folder = folder_of(name)
        state = "half made" if is_half_made(name) else "not here"
        if found is not None:
            state = "here" if found.is_current else "here, for an older tunedeck: install it again"
            state = state if found.own else "yours"
        taken = size_of(folder) if folder.is_dir() else 0
        smaller = f" ({recipe.cpu_installed_mb:,} with --cpu)" if recipe.cpu_installed_mb else ""
        size = f"{taken // _MEGABYTE:,} MB" if taken else f"needs {recipe.installed_mb:,} MB{smaller}"
        rows.append((name, state, size, f"to {recipe.purpose}"))
        values.append({
            "name": name, "state": state, "purpose": recipe.purpose, "bytes": taken,
            "installed_mb": recipe.installed_mb, "cpu_installed_mb": recipe.cpu_installed_mb,
            "measured_on": recipe.read_on, "folder": str(folder),
            "environment": found.as_json() if found else None,
        })  # fmt: skip
    if as_json:
        print_json(values)
    else:
        print_table(("NAME", "STATE", "SIZE", "PURPOSE"), rows, below=("PURPOSE",))
    return int(ExitCode.DONE)


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


class _StepLine:
    """What pip does, redrawn in place on a terminal; elsewhere a line for each new thing."""

    def __init__(self) -> None:
        self._on_terminal = sys.stderr.isatty()
        self._last = ""

    def tell(self, what: str, done: int, total: int) -> None:
        """Show one step, with megabytes where there are any."""
        count = f" {done // _MEGABYTE:,} of {total // _MEGABYTE:,} MB" if total >= _MEGABYTE else ""
        text = safe_line(f"{what}{count}" if self._on_terminal else what)
        if text == self._last:
            return
        self._last = text
        if self._on_terminal:  # a line that wraps can't be drawn over
            text = f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}"
        click.echo(text, err=True, nl=not self._on_terminal)

    def finish(self) -> None:
        """End the line."""
        if self._on_terminal and self._last:
            click.echo("", err=True)
