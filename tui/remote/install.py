"""The installation there: a folder, a wheel, a virtual environment; what is half done is gone on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tui.errors import TunedeckError
from tui.remote.own_wheel import OwnWheel
from tui.remote.records import RemoteEngine
from tui.remote.ssh import Ssh, quoted
from tui.remote.ssh_failures import SshError
from tui.remote.survey import MARKER

COPY_SECONDS, PIP_SECONDS = 600.0, 3600.0

Tell = Callable[[str, int, int], None]
"""Told what is done now, and how much of how much; 0 of 0 where nobody can say."""

_PREPARE = """
umask 077
mkdir -p {folder}/wheels/{key} {folder}/venvs {folder}/home || exit 1
: > {folder}/{marker}
for file in {folder}/wheels/{key}/*.whl; do
  [ -e "$file" ] && echo "$(wc -c < "$file") $(basename "$file")"
done
true
"""
_INSTALL = """
umask 077
venv={folder}/venvs/{key}
if [ -e "$venv/installed" ] && "$venv/bin/python" -m tui --version >/dev/null 2>&1; then
  echo "there already"
  exit 0
fi
rm -f "$venv/installed"
# Made anew where its Python does not start: what it was made of is gone, or it was cut off in the middle.
if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
  {python} -m venv --clear "$venv" || exit 1
fi
PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 "$venv/bin/python" -m pip install --progress-bar off \\
  {offline} {wheel} 2>&1 || exit 1
"$venv/bin/python" -m tui --version || exit 1
: > "$venv/installed"
"""
_CLEAN = """
for old in {folder}/venvs/* {folder}/wheels/*; do
  [ "$(basename "$old")" = {key} ] || [ "$(basename "$old")" = extra ] || rm -rf "$old"
done
true
"""


def install(ssh: Ssh, record: RemoteEngine, wheel: OwnWheel, *, wheelhouse: Path | None, tell: Tell) -> str:
    """Put the wheel there and install it; steps that were done before are not done again.

    Args:
        ssh: The machine.
        record: Its folder and Python.
        wheel: The running code.
        wheelhouse: Folder of wheels of everything it needs, for a machine without a package index.
        tell: Told how far it is.

    Returns:
        Name of the installation.

    Raises:
        SshError: The machine was not reached, or was lost; a repeat goes on.
        TunedeckError: It could not be installed; pip's last words are in the message.
    """
    folder, key = quoted(record.folder), quoted(wheel.key)
    there = _sizes(ssh.run(_PREPARE.format(folder=folder, key=key, marker=MARKER)))
    place = f"{record.folder}/wheels/{wheel.key}"
    for path in [wheel.path, *_wheels_in(wheelhouse)]:
        if there.get(path.name) != path.stat().st_size:
            ssh.send(path, f"{place}/{path.name}", lambda done, total, name=path.name: tell(  # type: ignore[misc]
                f"Copying {name}", done, total))  # fmt: skip
    offline = f"--no-index --find-links {quoted(place)}" if wheelhouse is not None else ""
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(line)
        if line.startswith("Collecting "):
            tell(line, 0, 0)
        elif line.startswith("Installing collected packages:"):
            tell(f"Installing {line.count(',') + 1} packages", 0, 0)

    script = _INSTALL.format(
        folder=folder, key=key, python=quoted(record.python), offline=offline,
        wheel=quoted(f"{place}/{wheel.path.name}"),
    )  # fmt: skip
    try:
        ssh.run(script, timeout=PIP_SECONDS, on_line=hear)
    except SshError:
        raise
    except TunedeckError as error:
        raise _explained(error, said, ssh.target.target) from None
    return wheel.key


def clean_up(ssh: Ssh, record: RemoteEngine) -> None:
    """Delete installations there that are not in use any more.

    Raises:
        TunedeckError: The machine was not reached.
    """
    ssh.run(
        _CLEAN.format(folder=quoted(record.folder), key=quoted(record.installation)), timeout=COPY_SECONDS
    )


def delete_everything(ssh: Ssh, record: RemoteEngine) -> None:
    """Delete our folder there with the engine's files, jobs and models.

    Raises:
        TunedeckError: The machine was not reached, or the folder is not marked as ours.
    """
    folder = quoted(record.folder)
    ssh.run(
        f"[ -e {folder} ] || exit 0\n"
        f"[ -e {folder}/{MARKER} ] || {{ echo 'the folder is not marked as tunedeck\\047s' >&2; exit 1; }}\n"
        f"rm -rf {folder}",
        timeout=COPY_SECONDS,
    )  # fmt: skip


def _wheels_in(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    found = sorted(folder.glob("*.whl"))
    if not found:
        raise TunedeckError(
            f"{folder} holds no wheels.",
            "Fill it where tunedeck is installed, on the same system: `pip freeze --exclude tunedeck` into a "
            "file, then `pip download -r FILE -d FOLDER --only-binary :all:`.",
        )
    return [path for path in found if not path.name.startswith("tunedeck-")]


def _sizes(printed: str) -> dict[str, int]:
    found = (line.strip().partition(" ")[::2] for line in printed.splitlines())
    return {name.strip(): int(size) for size, name in found if size.isdigit()}


def _explained(error: TunedeckError, said: list[str], target: str) -> TunedeckError:
    """Return pip's failure with what to do about it."""
    text = "\n".join(said)
    last = next((line for line in reversed(said) if line.startswith("ERROR:")), error.message)
    remedy = "Repeat the same command once that is mended: it goes on where it stopped."
    if "No space left" in text:
        return TunedeckError(
            f"The disk of {target} is full.", f"Free some room there, or give --dir. {remedy}"
        )
    if "No matching distribution" in text or "NewConnectionError" in text or "Retrying (" in text:
        return TunedeckError(
            f"pip on {target} does not get the packages: {last}",
            "It asks the index that pip is configured for there. Without one, bring the packages along: "
            "--wheelhouse FOLDER.",
        )
    return TunedeckError(f"The installation on {target} failed: {last}", remedy)
