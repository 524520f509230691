"""`tunedeck moderate`: which rows a service's moderation flags, before a job is sunk by them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tui.cli.output import ProgressLine, json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.errors import ExitCode, TunedeckError
from tui.jobs.moderation import ModerationResult, moderate_file
from tui.jobs.moderation_plan import ModerationPlan, plan_moderation, privacy_notice
from tui.records.moderation import MODERATION_MODEL
from tui.services import Services

_SHOWN = 50


@click.command("moderate")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--account", help="Whose moderation is asked; else the first account that has one.")
@click.option("--images", is_flag=True, help="Send images too.")
@click.option("--yes", is_flag=True, help="Send without being asked.")
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send nothing.")
@json_option
def command(file: Path, account: str | None, images: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Ask a service's free moderation which rows of FILE it flags, and for what.

    OpenAI screens a file when a job starts and fails the job when too much is flagged, without naming a line.
    Texts leave this machine, after a notice and a yes. Every answer is kept under a digest of its text: a
    round that was interrupted goes on where it was, and nothing is sent twice.

    Exit codes: 0 nothing is flagged; 1 something is; 2 wrong use, unreadable or refused; 130 interrupted.
    """
    with Services.open() as services:
        with SlowProgress("Reading") as reading:
            plan = plan_moderation(services, file, account, images=images, on_progress=reading.update)
        notice = privacy_notice(plan, images=images)
        if dry_run:
            _print_plan(plan, notice, as_json=as_json)
            return int(ExitCode.DONE)
        if plan.unknown and not yes and not _confirmed(notice):
            narrate("Nothing was sent.")
            return int(ExitCode.INTERRUPTED)
        line = ProgressLine("Asking")
        result = moderate_file(
            services,
            file,
            plan,
            images=images,
            on_progress=line.update,
            on_wait=lambda seconds: narrate(f"Waiting {seconds:.0f} s for the service."),
        )
        line.finish()
    _print(file, result, as_json=as_json)
    return int(ExitCode.BAD if result.flagged_rows else ExitCode.DONE)


def _confirmed(notice: str) -> bool:
    if not sys.stdin.isatty():
        raise TunedeckError(
            f"Texts would be sent, and there is no terminal to ask on. {notice}", "Add --yes to agree."
        )
    narrate(notice)
    return click.confirm("Send them?", default=False, err=True)


def _print_plan(plan: ModerationPlan, notice: str, *, as_json: bool) -> None:
    if not as_json:
        say(notice)
        return
    print_json(
        {
            "account": plan.account.name,
            "model": MODERATION_MODEL,
            "rows": plan.rows,
            "texts": plan.texts,
            "unknown_texts": plan.unknown_texts,
            "unknown_characters": plan.unknown_characters,
            "images": plan.images,
            "unknown_images": plan.unknown_images,
            "minutes": {"large_account": plan.minutes[0], "new_account": plan.minutes[1]},
        }
    )


def _print(file: Path, result: ModerationResult, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": str(file), **result.as_json()})
        return
    for finding in result.findings[:_SHOWN]:
        say(f"{file}:{finding.line}:{finding.column or 1}: {finding.message}  {finding.path}")
    if len(result.findings) > _SHOWN:
        narrate(f"{len(result.findings) - _SHOWN:,} more; --json prints all that are kept.")
    for category, rows in result.categories.items():
        say(f"{category}: {rows:,} row(s)")
    share = f" ({100 * result.flagged_rows / result.plan.rows:.1f} %)" if result.flagged_rows else ""
    say(
        f"{result.flagged_rows:,} of {result.plan.rows:,} rows are flagged{share}; "
        f"{result.asked:,} texts were asked about."
    )
    if result.unjudged_rows:
        say(f"{result.unjudged_rows:,} row(s) hold something that the service would not judge.")
