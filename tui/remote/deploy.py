"""Bringing an engine to another machine: look, say what would be done, do it, connect; and undo it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tui import __version__
from tui.errors import TunedeckError
from tui.remote import account, connection, far_engine, records
from tui.remote.destination import Destination, account_name
from tui.remote.install import Tell, clean_up, delete_everything, install
from tui.remote.own_wheel import OwnWheel, build_wheel, installed_bytes
from tui.remote.records import RemoteEngine, forget_record, keep_record
from tui.remote.ssh import Ssh, close_shared
from tui.remote.survey import USUAL_FOLDER, FoundPython, Survey, survey, usable_python
from tui.remote.tunnel import close_tunnel

BASE_MODEL_BYTES = 860_000_000
"""Of disk while the base model is unpacked there, as `tunedeck engine fetch` says (measured 2026-11)."""
ROOM_FOR_JOBS = 200_000_000
"""A job takes some 0.1 GB (measured 2026-11)."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person chose."""

    name: str | None = None
    folder: str = USUAL_FOLDER
    python: str | None = None
    wheelhouse: Path | None = None
    idle_exit_seconds: int = 3600
    fetches: bool = True


@dataclass(frozen=True, slots=True)
class DeployPlan:
    """What was found, and what would be done."""

    record: RemoteEngine
    found: Survey
    python: FoundPython
    wheel_bytes: int
    installed_bytes: int
    needed_bytes: int
    """Room that must be free there; without what is there already."""
    is_there: bool
    """The very same code is installed already."""


def plan_deploy(target: Destination, wishes: Wishes) -> DeployPlan:
    """Look at the other machine and say what would be installed; nothing is changed there.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: It has no fitting Python, no room, or a folder of somebody else's there.
    """
    name = wishes.name or account_name(target)
    account.check_name(name)
    known = records.read_record(name)
    if known is not None and known.target != target.target:
        raise TunedeckError(
            f"The name {name} belongs to the engine at {known.target}.", "Give another one with --name."
        )
    found = survey(Ssh(target), wishes.folder, wishes.python)
    python = usable_python(found, target.target)
    if found.is_foreign:
        raise TunedeckError(
            f"{found.folder} on {target.target} holds something that is not tunedeck's.",
            "Give another folder with --dir.",
        )
    if not found.is_writable:
        raise TunedeckError(
            f"{found.folder} on {target.target} can't be written.", "Give another one with --dir."
        )
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
    size = installed_bytes()
    is_there = wheel.key in found.installations
    needed = (0 if is_there else size + wheel.bytes) + ROOM_FOR_JOBS
    if wishes.fetches and not found.installations:
        needed += BASE_MODEL_BYTES
    if found.free_bytes is not None and found.free_bytes < needed:
        raise TunedeckError(
            f"{target.target} has {found.free_bytes // 10**6:,} MB free at {found.folder}; "
            f"{needed // 10**6:,} MB are needed.",
            "Free some room there, or give a folder on another disk with --dir.",
        )
    record = RemoteEngine(
        name, target.target, found.folder, python.path, ssh_port=target.port, ssh_config=target.config,
        installation=known.installation if known else "", version=known.version if known else "",
        idle_exit_seconds=wishes.idle_exit_seconds, fetches=wishes.fetches,
        local_port=known.local_port if known else 0,
    )  # fmt: skip
    return DeployPlan(record, found, python, wheel.bytes, size, needed, is_there)


def carry_out(plan: DeployPlan, wheelhouse: Path | None, tell: Tell) -> connection.RemoteAddress:
    """Install, start the engine there, open the tunnel and register the account; a repeat goes on.

    An engine of an older installation is stopped first; its job is saved and goes on with the new code.

    Raises:
        SshError: The machine was not reached, or was lost on the way.
        TunedeckError: A step failed; the same command goes on from there.
    """
    ssh = Ssh(plan.record.destination)
    with tempfile.TemporaryDirectory() as folder:
        wheel: OwnWheel = build_wheel(Path(folder))
        installation = install(ssh, plan.record, wheel, wheelhouse=wheelhouse, tell=tell)
    if plan.record.installation not in ("", installation):
        tell("Stopping the engine of the older version", 0, 0)
        _stop_older(ssh, plan.record)
    record = replace(plan.record, installation=installation, version=__version__, is_wanted=True)
    keep_record(record)
    tell("Starting the engine", 0, 0)
    connection.forget(record.name)
    address = connection.connect(record.name, by_hand=True)
    account.declare(record, address.url)
    clean_up(ssh, record)
    return address


def upgrade_plan(name: str, wheelhouse: Path | None) -> DeployPlan:
    """Return the plan that brings an engine to this program's version.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: There is no such engine, or there is no room.
    """
    record = records.known_record(name)
    return plan_deploy(
        record.destination,
        Wishes(
            name, record.folder, record.python, wheelhouse, record.idle_exit_seconds, record.fetches
        ),
    )  # fmt: skip


def stop(name: str) -> bool:
    """Stop an engine there, its running job saved, and close the tunnel; False when none ran.

    Raises:
        SshError: The machine was not reached.
        TunedeckError: There is no such engine, or it did not stop in time.
    """
    record = records.known_record(name)
    stopped = far_engine.stop_engine(Ssh(record.destination), record)
    connection.disconnect(name)
    return stopped


def remove(name: str, *, keep_there: bool, tell: Callable[[str], None]) -> None:
    """Forget an engine here, and delete it there with its jobs and models.

    Args:
        name: Its account.
        keep_there: Leave the other machine as it is: nothing is asked of it.
        tell: Told what is done.

    Raises:
        SshError: The machine was not reached; nothing is forgotten then.
        TunedeckError: There is no such engine, or its folder is not ours.
    """
    record = records.known_record(name)
    if not keep_there:
        ssh = Ssh(record.destination)
        if record.installation:
            tell("Stopping the engine")
            _stop_older(ssh, record)
        tell(f"Deleting {record.folder}")
        delete_everything(ssh, record)
    close_tunnel(name)
    close_shared(record.destination)
    account.drop(name)
    forget_record(name)
    connection.forget(name)


def _stop_older(ssh: Ssh, record: RemoteEngine) -> None:
    """Stop an engine, unless its installation is broken and so can't say whether one runs."""
    from tui.remote.ssh_failures import SshError

    try:
        far_engine.stop_engine(ssh, record)
    except SshError:
        raise
    except TunedeckError:
        ssh.run(_KILL.format(file=f"{record.home}/data/engine/server.json".replace("'", "'\\''")))


_KILL = """
pid=$(sed -n 's/.*"pid": *\\([0-9][0-9]*\\).*/\\1/p' '{file}' 2>/dev/null)
case "$(ps -o args= -p "${{pid:-0}}" 2>/dev/null)" in *tui.engine*) kill "$pid" ;; esac
true
"""
