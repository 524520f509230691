"""`tunedeck engine`: run the local engine and look after it and its base models."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui import paths
from tui.cli.engine_deploy import deploy
from tui.cli.engine_environments import install, uninstall
from tui.cli.engine_executors import command as executors
from tui.cli.engine_remote import remote
from tui.cli.output import ProgressLine, json_option, narrate, print_json, print_table, say
from tui.config import load_settings
from tui.errors import ExitCode, TunedeckError
from tui.local_engine import USUAL_PORT

if TYPE_CHECKING:
    from tui.local_engine import EngineStatus

_MEGABYTE = 1024 * 1024


@click.group("engine", invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Run and look after the local engine; alone, the same as `engine run`."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(run)


@command.command()
@click.option(
    "--root", type=click.Path(file_okay=False, path_type=Path), help="Folder of its files and jobs."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. With --allow-remote it may be one that other machines reach: whoever does "
    "and has the token can read the engine's files, train and chat; the connection is not encrypted.",
)
@click.option("--port", type=click.IntRange(0, 65535), help=f"Port; {USUAL_PORT}, or a free one if taken.")
@click.option(
    "--allow-remote", is_flag=True, help="Let other machines reach it; --host says what that means."
)
@click.option("--idle-exit", type=click.IntRange(min=0), default=0, help="Leave after SECONDS without work.")
@click.option("--no-fetch", is_flag=True, help="Don't fetch a base model when there is none.")
@click.option(
    "--at-once",
    type=click.IntRange(1, 16),
    help="Jobs that may train here at a time; they share the cores. The settings' engine_jobs_at_once.",
)
@click.option(
    "--prefer-llamacpp/--no-prefer-llamacpp",
    default=None,
    help="Let llama.cpp answer with the embedded engine's models too, where it is installed: faster, from "
    "weights of 8 bits. Left out, the setting engine_prefers_llamacpp decides.",
)
@json_option
def run(
    root: Path | None,
    host: str,
    port: int | None,
    allow_remote: bool,
    idle_exit: int,
    no_fetch: bool,
    at_once: int | None,
    prefer_llamacpp: bool | None,
    as_json: bool,
) -> int:
    """Run the engine here until Ctrl+C; a running job is saved and goes on at the next start.

    With --json, one line {"url", "pid", "folder"} is printed as soon as it listens.
    """
    from tui.engine.base_models.fetch import fetch_default_model
    from tui.engine.server.engine import EngineOptions
    from tui.engine.server.run import run_engine

    if prefer_llamacpp is None:
        prefer_llamacpp = load_settings().engine_prefers_llamacpp
    fetch = not (no_fetch or os.environ.get("TUNEDECK_NO_FETCH"))
    options = EngineOptions(
        root=root or paths.engine_dir(),
        base_models=paths.base_models_dir(),
        host=host,
        port=port or 0,
        preferred_port=USUAL_PORT if port is None else 0,
        allow_remote=allow_remote,
        idle_exit_seconds=idle_exit,
        fetch=fetch,
        at_once=at_once or load_settings().engine_jobs_at_once,
        prefers_llamacpp=prefer_llamacpp,
    )
    if allow_remote:
        narrate(
            "Other machines can reach this engine. Whoever has its token can read its files, train and chat; "
            "the connection is not encrypted: use it in a network you trust, or through an SSH tunnel."
        )

    def announce(url: str) -> None:
        narrate(f"The engine listens on {url}/v1 (Ctrl+C stops it).")
        narrate(
            f"Clients need this base URL and the token of `tunedeck engine token`. Folder: {options.root}"
        )
        if as_json:
            print_json(
                {"url": f"{url}/v1", "pid": os.getpid(), "folder": str(options.root.absolute())}, indent=None
            )

    run_engine(options, fetch_default_model if fetch else None, on_ready=announce)
    return int(ExitCode.DONE)


@command.command()
@click.option(
    "--idle-exit",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Leave after SECONDS without work; 0 stays.",
)
@json_option
def start(idle_exit: int, as_json: bool) -> int:
    """Start the engine in the background, unless it runs already."""
    from tui.local_engine import engine_status, ensure_engine

    address = ensure_engine(idle_exit_seconds=idle_exit)
    _show_status(engine_status(address), address.url, as_json)
    return int(ExitCode.DONE)


@command.command()
@json_option
def stop(as_json: bool) -> int:
    """Stop the engine; a running job is saved and goes on at the next start."""
    from tui.local_engine import find_engine, stop_engine

    address = find_engine()
    if address is not None:
        stop_engine(address, timeout=30)
    if as_json:
        print_json({"stopped": address is not None})
    else:
        say("The engine has stopped." if address else "No engine was running.")
    return int(ExitCode.DONE)


@command.command()
@json_option
def status(as_json: bool) -> int:
    """Say whether the engine runs, and how far its base model and jobs are; exit code 1 when it does not."""
    from tui.local_engine import engine_status, find_engine

    address = find_engine()
    if address is None:
        if as_json:
            print_json({"running": False})
        else:
            say(
                "No engine is running. The app starts one when it needs it; `tunedeck engine start` does too."
            )
        return int(ExitCode.BAD)
    _show_status(engine_status(address), address.url, as_json)
    return int(ExitCode.DONE)


def _show_status(status: EngineStatus, url: str, as_json: bool) -> None:
    if as_json:
        print_json({"running": True, "url": url, **status.raw})
        return
    base = status.base_model
    say(f"Engine {status.version} runs at {url} (process {status.pid}).")
    say(f"Base model {base.name}: {_base_model_words(base.state, base.done_bytes, base.total_bytes)}")
    if base.error:
        say(base.error)
    elif base.folder:
        say(f"Kept in {base.folder}")
    say(f"Jobs: {status.running_jobs} running, {status.queued_jobs} queued.")
    for name, weights in status.weights.items():
        say(f"Weights of {name}: {weights}.")
    for child in status.raw.get("children") or ():
        say(f"{child['what']} runs as process {child['pid']}.")
    say(f"Memory: {status.memory_bytes // _MEGABYTE} MB.")


def _base_model_words(state: str, done: int, total: int) -> str:
    if state == "downloading" and total:
        return f"downloading, {done // _MEGABYTE} of {total // _MEGABYTE} MB"
    return {"absent": "not here; `tunedeck engine fetch` gets it"}.get(state, state)


@command.command()
@json_option
def token(as_json: bool) -> int:
    """Print the bearer token that clients of this engine send as their API key."""
    from tui.engine.folder import EngineFolder

    folder = EngineFolder(paths.engine_dir())
    folder.prepare_root()
    if as_json:
        print_json({"token": folder.token()})
    else:
        say(folder.token())
    return int(ExitCode.DONE)


@command.command()
@json_option
def fetch(as_json: bool) -> int:
    """Fetch the default base model (93 MB; 860 MB of disk while unpacking, 650 MB after)."""
    from tui.engine.base_models.fetch import fetch_default_model
    from tui.engine.base_models.source import SMOLLM2

    lines = {"downloading": ProgressLine("Downloading"), "preparing": ProgressLine("Unpacking")}

    def tell(state: str, done: int, total: int) -> None:
        for name, line in lines.items():
            if name == state:
                line.update(done, total)

    began = time.monotonic()
    try:
        folder = fetch_default_model(paths.base_models_dir(), tell)
    finally:
        for line in lines.values():
            line.finish()
    if as_json:
        print_json(
            {"name": SMOLLM2.name, "folder": str(folder), "seconds": round(time.monotonic() - began, 1)}
        )
    else:
        say(f"{SMOLLM2.name} is ready, kept in {folder}")
    return int(ExitCode.DONE)


@command.command()
@click.argument("source")
@click.option("--name", help="Its model id from now on.")
@click.option(
    "--as-it-is",
    is_flag=True,
    help="Keep a model folder for TRL and vLLM, or a .gguf file for llama.cpp, though the embedded engine "
    "could read it: right for models of more than about a billion weights.",
)
@json_option
def add(source: str, name: str | None, as_it_is: bool, as_json: bool) -> int:
    """Add a base model: a wheel, a .gguf file, a Hugging Face folder, or owner/name on the model hub.

    A folder that the embedded engine can't read (Qwen3, gpt-oss, Gemma ...) is kept as it is: TRL trains it
    (`tunedeck engine install gpu`) and vLLM answers with it (`install vllm`). So is a .gguf file: llama.cpp
    answers with it (`install llamacpp`), and nothing here trains it.
    """
    from tui.engine.base_models.add import add_model

    line = ProgressLine("Preparing")
    try:
        model = add_model(
            source, paths.base_models_dir(), name=name, on_progress=line.update, as_it_is=as_it_is
        )
    finally:
        line.finish()
    if as_json:
        print_json(model.as_json())
    else:
        say(f"{model.name} is ready, kept in {model.folder}")
        if model.trained_by == ("trl",):
            say("It is trained by TRL and answers with vLLM: the embedded engine can't read it.")
        elif not model.trained_by:
            say("It answers with llama.cpp (`tunedeck engine install llamacpp`), and can't be tuned here.")
    return int(ExitCode.DONE)


@command.command("list")
@json_option
def list_models(as_json: bool) -> int:
    """List the base models on this machine."""
    from tui.engine.base_models.add import kept_models

    models = kept_models(paths.base_models_dir())
    if as_json:
        print_json([model.as_json() for model in models])
    elif models:
        rows = [
            (model.name, f"{model.bytes // _MEGABYTE} MB", ", ".join(model.trained_by) or "-",
             model.answered_by, model.folder)
            for model in models
        ]  # fmt: skip
        print_table(("MODEL", "SIZE", "TRAINED BY", "ANSWERS WITH", "FOLDER"), rows)
    else:
        say("No base model is here yet. `tunedeck engine fetch` gets the default one.")
    return int(ExitCode.DONE)


@command.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
def remove(name: str, yes: bool, as_json: bool) -> int:
    """Delete a base model from this machine; models tuned from it can't answer without it."""
    from tui.engine.base_models.add import remove_model

    if not yes and not sys.stdin.isatty():
        raise TunedeckError(f"Deleting {name} needs a yes.", "Add --yes.")
    if not yes and not click.confirm(f"Delete the base model {name} from this machine?", err=True):
        return int(ExitCode.INTERRUPTED)
    remove_model(paths.base_models_dir(), name)
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        say(f"{name} is deleted.")
    return int(ExitCode.DONE)


command.add_command(executors)
command.add_command(install)
command.add_command(uninstall)
command.add_command(deploy)
command.add_command(remote)
