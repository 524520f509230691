"""`tunedeck doctor`: tests this installation and each account, and says what to do about what it finds."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata

import click

from tui import __version__, paths
from tui.cli.output import json_option, print_json, say
from tui.errors import ExitCode, TunedeckError
from tui.services import Services

_OLDEST_PYTHON = (3, 11)
_SMALLEST_WIDTH, _SMALLEST_HEIGHT = 60, 20
_NEEDED_BYTES = 2_000_000_000
"""A prepared base model takes 0.6 GB, its download 0.1 GB, each job some 0.1 GB."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one test."""

    name: str
    level: str
    """ok, warn or fail."""
    text: str
    remedy: str = ""


@click.command()
@click.option("--offline", is_flag=True, help="Ask no service.")
@json_option
def command(offline: bool, as_json: bool) -> int:
    """Test Python, terminal, disk, data, engine and every account; exit code 1 when something fails."""
    findings = list(_tests(offline))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            remedy = f" {finding.remedy}" if finding.remedy else ""
            say(f"{finding.level.upper():<4}  {finding.name}: {finding.text}{remedy}")
    failed = any(finding.level == "fail" for finding in findings)
    return int(ExitCode.BAD if failed else ExitCode.DONE)


def _tests(offline: bool) -> Iterator[Finding]:
    for test in (_python, _terminal, _disk, _vocabularies):
        yield _guarded(test.__name__.strip("_"), test)
    try:
        services = Services.open()
    except TunedeckError as error:
        yield Finding("settings and store", "fail", error.message, error.remedy)
        return
    with services:
        yield Finding("settings and store", "ok", f"{paths.settings_file()}, {paths.store_file()}")
        for notice in services.notices:
            yield Finding("store", "warn", notice)
        yield _guarded("base model", lambda: _base_model(services))
        yield _guarded("engine", _engine)
        yield _guarded("places", _places)
        yield _guarded("chat", _chat)
        yield _guarded("notifications", lambda: _notifications(services))
        for account in services.accounts():
            yield from _account(services, account.name, offline)


def _guarded(name: str, test: Callable[[], Finding]) -> Finding:
    try:
        return test()
    except TunedeckError as error:
        return Finding(name, "fail", error.message, error.remedy)


def _python() -> Finding:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("textual", "openai", "numpy"))
    text = f"tunedeck {__version__}, Python {platform.python_version()} on {platform.system()}; {versions}"
    if sys.version_info < _OLDEST_PYTHON:
        return Finding("python", "fail", text, "Python 3.11 or newer is needed.")
    return Finding("python", "ok", text)


def _terminal() -> Finding:
    size = shutil.get_terminal_size()
    names = [os.environ.get(name, "") for name in ("TERM", "COLORTERM", "TERM_PROGRAM")]
    if sys.stdout is None:
        return Finding("terminal", "ok", "the output is closed")
    text = f"{size.columns}x{size.lines}, {sys.stdout.encoding}, {' '.join(filter(None, names)) or 'no TERM'}"
    if not sys.stdout.isatty():
        return Finding("terminal", "ok", f"{text}; the output is not a terminal")
    if "utf" not in (sys.stdout.encoding or "").lower():
        return Finding("terminal", "warn", text, "Set a UTF-8 locale, or `tunedeck config set ascii true`.")
    if size.columns < _SMALLEST_WIDTH or size.lines < _SMALLEST_HEIGHT:
        return Finding("terminal", "warn", text, f"At least {_SMALLEST_WIDTH}x{_SMALLEST_HEIGHT} is needed.")
    return Finding("terminal", "ok", text)


def _disk() -> Finding:
    folder = paths.make_private(paths.data_dir())
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:,.1f} GB free at {folder}"
    if not os.access(folder, os.W_OK):
        return Finding(
            "disk", "fail", f"{folder} can't be written.", "Fix its permissions or set TUNEDECK_HOME."
        )
    if free < _NEEDED_BYTES:
        return Finding("disk", "warn", text, "A base model and a few jobs need about 2 GB.")
    return Finding("disk", "ok", text)


def _vocabularies() -> Finding:
    from tui.datasets.tokens import encoder

    sizes = [f"{name} {encoder(name).n_vocab:,} tokens" for name in ("o200k_base", "cl100k_base")]
    return Finding("vocabularies", "ok", "; ".join(sizes))


def _base_model(services: Services) -> Finding:
    from tui.money.base_tokenizer import load_base_tokenizer

    local = next(model for model in services.catalog.models if model.provider == "local")
    if load_base_tokenizer(local.id) is None:
        return Finding("base model", "warn", f"{local.id} is not prepared in {paths.base_models_dir()}.",
                       "The engine fetches it at its first start.")  # fmt: skip
    return Finding("base model", "ok", f"{local.id} in {paths.base_models_dir()}")


def _engine() -> Finding:
    from tui.local_engine import engine_status, find_engine

    address = find_engine()
    if address is None:
        return Finding("engine", "ok", "not running; it is started when it is needed")
    status = engine_status(address)
    text = (
        f"version {status.version}, process {status.pid} at {address.root_url}; base model "
        f"{status.base_model.state}; {status.running_jobs} jobs running, {status.queued_jobs} queued"
    )
    if status.base_model.state == "failed":
        return Finding("engine", "fail", f"{text}: {status.base_model.error}", "Run `tunedeck engine fetch`.")
    return Finding("engine", "ok", text)


def _places() -> Finding:
    from tui.engine.executors.choose import known_executors

    reasons = {one.name: one.why_not() for one in known_executors().values()}
    usable = ", ".join(name for name, reason in reasons.items() if reason is None)
    others = "; ".join(f"{name}: {_first_words(reason)}" for name, reason in reasons.items() if reason)
    return Finding("places", "ok", f"jobs can run on {usable}; not on {others}" if others else usable)


def _first_words(reason: str) -> str:
    """Return what is missing, without what to do about it."""
    return reason.split(". ")[0].split(": ")[0].rstrip(".")


def _chat() -> Finding:
    from tui.engine.serving.packed_products import packed_unavailable

    reason = packed_unavailable()
    if reason is None:
        return Finding("chat", "ok", "quantised base models are served from packed weights")
    text = f"base models are served from float32 weights, at half the speed: {reason}"
    return Finding("chat", "warn", text, "On a common system: pip install --force-reinstall wasmtime")


def _notifications(services: Services) -> Finding:
    from tui.cli.noticing import terminal_here
    from tui.jobs.notices.channels import NO_TERMINAL, channels_here
    from tui.jobs.notices.rules import notify_rules
    from tui.records.notices import NoticeEvent

    rules = notify_rules()
    used = {name for event in NoticeEvent for name in rules.channels_of(event)}
    channels = channels_here(rules, services.settings, has_terminal=terminal_here() is not None)
    text = "; ".join(f"{one.name}{'' if one.name in used else ' (unused)'}: {one.words}" for one in channels)
    # Without a terminal, as in a pipe, bell and terminal can't work; that says nothing about the app.
    broken = [one.name for one in channels if one.name in used and not one.works and one.words != NO_TERMINAL]
    if broken:
        return Finding("notifications", "warn", text, f"{', '.join(broken)}: in a rule, but silent here.")
    return Finding("notifications", "ok", text)


def _account(services: Services, name: str, offline: bool) -> Iterator[Finding]:
    from tui.jobs.account_check import check_account

    for line in check_account(services, name, ask=not offline):
        title = f"account {name}" if line.what == "key" else f"account {name}, {line.what}"
        yield Finding(title, line.level, line.text, line.remedy)
