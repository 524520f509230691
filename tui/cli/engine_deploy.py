"""`tunedeck engine deploy`: an engine on another machine, over the system's ssh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli.output import ProgressLine, confirmed, json_option, narrate, print_json, say
from tui.errors import ExitCode

if TYPE_CHECKING:
    from tui.remote.deploy import DeployPlan

_MEGABYTE = 10**6


@click.command()
@click.argument("target", metavar="USER@HOST")
@click.option("--name", help="Name of its account; the host's when left out.")
@click.option("--dir", "folder", default=None, help="Folder there; .tunedeck-engine in the home folder.")
@click.option("--python", help="Python there, a path or a name; looked for when left out.")
@click.option("--ssh-port", type=click.IntRange(1, 65535), help="Port of its ssh server.")
@click.option(
    "--ssh-config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another ssh configuration file than yours.",
)
@click.option(
    "--wheelhouse",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of wheels to install from, for a machine without a package index.",
)
@click.option(
    "--idle-exit",
    type=click.IntRange(min=0),
    default=3600,
    show_default=True,
    help="The engine there leaves after SECONDS without a job or a request; 0 stays. It is started again.",
)
@click.option("--no-fetch", is_flag=True, help="Don't let the engine there fetch a base model.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def deploy(
    target: str,
    name: str | None,
    folder: str | None,
    python: str | None,
    ssh_port: int | None,
    ssh_config: Path | None,
    wheelhouse: Path | None,
    idle_exit: int,
    no_fetch: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Install an engine on another machine, start it there and add it as an account.

    The system's ssh does the work, with your configuration and agent; it must get in without asking
    (`ssh USER@HOST true` has to work). The engine listens on that machine's loopback alone and is reached
    through a tunnel; its jobs go on when this machine sleeps. Nothing is installed before you have seen what.
    A deployment that broke off is gone on with by the same command.
    """
    from tui.remote.deploy import Wishes, plan_deploy
    from tui.remote.destination import destination
    from tui.remote.survey import USUAL_FOLDER

    config = str(ssh_config.absolute()) if ssh_config is not None else None
    machine = destination(target, ssh_port, config)
    wishes = Wishes(name, folder or USUAL_FOLDER, python, wheelhouse, idle_exit, not no_fetch)
    narrate(f"Looking at {machine.target}…")
    return deploy_planned(plan_deploy(machine, wishes), wheelhouse, yes=yes, as_json=as_json)


def deploy_planned(plan: DeployPlan, wheelhouse: Path | None, *, yes: bool, as_json: bool) -> int:
    """Show a plan, ask, and carry it out."""
    from tui.remote.deploy import carry_out

    for line in plan_lines(plan):
        narrate(line)
    if not yes and not confirmed(
        f"Install on {plan.record.target}?",
        f"Installing on {plan.record.target} needs a yes.",
        "Add --yes.",
    ):
        return int(ExitCode.INTERRUPTED)
    steps = _Steps()
    try:
        address = carry_out(plan, wheelhouse, steps.tell)
    finally:
        steps.finish()
    if as_json:
        print_json({**plan_object(plan), "base_url": address.url, "tunnel": "open"})
        return int(ExitCode.DONE)
    name = plan.record.name
    say(f"The engine on {plan.record.target} is ready as the account {name}, at {address.url}")
    narrate(f"Train there with `tunedeck launch FILE --account {name}`, or choose it in the app.")
    return int(ExitCode.DONE)


def plan_lines(plan: DeployPlan) -> list[str]:
    """Return what was found and what would be done, in sentences."""
    found, record = plan.found, plan.record
    memory = f", {found.memory_bytes // 10**9} GB of memory" if found.memory_bytes else ""
    free = f", {found.free_bytes // 10**9:,} GB free" if found.free_bytes is not None else ""
    gpus = "; ".join(found.gpus) or "none that nvidia-smi knows"
    lines = [
        f"Found: {found.system}, {found.processors} processors{memory}{free}. GPU: {gpus}.",
        f"Python {plan.python.words} ({plan.python.path}).",
    ]
    if plan.is_there:
        lines.append(f"This very version is installed there already, in {record.folder}.")
    else:
        lines.append(
            f"To do: copy {plan.wheel_bytes / _MEGABYTE:.0f} MB, install about "
            f"{plan.installed_bytes // _MEGABYTE} MB of packages (measured here) into {record.folder}."
        )
    if record.fetches and not found.installations:
        lines.append("The engine there then fetches the base model: 93 MB, 860 MB of disk while it unpacks.")
    lines.append(
        f"It listens on loopback there; an account {record.name} reaches it through an ssh tunnel. "
        "Nothing outside that folder is changed there."
    )
    return lines


def plan_object(plan: DeployPlan) -> dict[str, object]:
    """Return a plan for programs."""
    found = plan.found
    return {
        "account": plan.record.name, "target": plan.record.target, "folder": plan.record.folder,
        "python": plan.python.words, "python_path": plan.python.path, "system": found.system,
        "processors": found.processors, "memory_bytes": found.memory_bytes, "free_bytes": found.free_bytes,
        "gpus": list(found.gpus), "copied_bytes": plan.wheel_bytes, "installed_bytes": plan.installed_bytes,
        "was_installed": plan.is_there,
    }  # fmt: skip


class _Steps:
    """Steps on stderr: a percentage where there is one, else the line itself."""

    def __init__(self) -> None:
        self._line: ProgressLine | None = None
        self._label = ""

    def tell(self, what: str, done: int, total: int) -> None:
        """Show a step."""
        if total == 0:
            self.finish()
            narrate(f"  {what}")
            return
        if what != self._label:
            self.finish()
            self._label, self._line = what, ProgressLine(what)
        assert self._line is not None
        self._line.update(done, total)

    def finish(self) -> None:
        """End a line that is being redrawn."""
        if self._line is not None:
            self._line.finish()
        self._line, self._label = None, ""
