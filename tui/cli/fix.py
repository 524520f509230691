"""`tunedeck fix`: the safe fixes of the rules, with a diff before."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option, narrate, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.atomic import new_file, refuse_existing
from tui.datasets.files import refuse_no_file
from tui.datasets.fixes import FILE_FIXES, FIXES, fix_name
from tui.datasets.fixes.fix_file import FixResult, RowChange, fix_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.rules import RULES, severities_at
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line

_SHOWN_CHANGES = 20
_SHOWN_CHARACTERS = 500


@click.command("fix")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Fix this rule; may be repeated.")
@click.option(
    "--all", "all_rules", is_flag=True, help="Fix every rule of the format that has a fix (default)."
)
@click.option("--provider", type=click.Choice(list(SERVICES)), default=DEFAULT_SERVICE, show_default=True)
@format_option
@click.option("--dry-run", "--diff", "dry_run", is_flag=True, help="Show every change; write nothing.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="New file; else NAME.fixed.jsonl.")
@click.option("--in-place", is_flag=True, help="Replace the file itself.")
@click.option("--force", is_flag=True, help="Overwrite the new file if it exists.")
@json_option
def command(
    file: Path,
    rules: tuple[str, ...],
    all_rules: bool,
    provider: str,
    format_name: str | None,
    dry_run: bool,
    output: Path | None,
    in_place: bool,
    force: bool,
    as_json: bool,
) -> int:
    """Fix what can be fixed safely and write a new file; rows that are right keep their bytes.

    A file in UTF-16, with the lines of an old Mac, or of one JSON list becomes JSON lines first.

    Without --rule every rule with a safe fix is applied, quality lints and repeated rows aside.

    Where there is nothing to fix, nothing is written, but to a file that --output names.

    Exit codes: 0 written, or nothing to fix; 1 with --dry-run, there is something to fix; 2 wrong use or
    unreadable.
    """
    if (in_place and output) or (rules and all_rules):
        raise TunedeckError(
            "Two options say the opposite.", "Choose --in-place or --output, --rule or --all."
        )
    chosen = _chosen(rules, provider)
    refuse_no_file(file)
    target = file if in_place else output or file.with_name(f"{file.stem}.fixed.jsonl")
    if not in_place and not dry_run:
        refuse_existing(target, overwrite=force)
        if target.exists() and target.samefile(file):
            raise TunedeckError(f"{target} is the file itself.", "Use --in-place.")
    dataset_format = chosen_format(format_name) or DatasetFormat.UNKNOWN
    shown = _Diff(None if dry_run else _SHOWN_CHANGES, quiet=as_json)
    with SlowProgress("Fixing") as progress:
        if dry_run:
            result = fix_file(
                file,
                chosen,
                dataset_format=dataset_format,
                on_change=shown.show,
                on_progress=progress.update,
            )
        else:
            with suppress(_NothingToFix), new_file(target, overwrite=force or in_place, like=file) as stream:
                result = fix_file(
                    file,
                    chosen,
                    stream,
                    dataset_format=dataset_format,
                    on_change=shown.show,
                    on_progress=progress.update,
                )
                if not result.changes and output is None:
                    raise _NothingToFix  # the file that was begun goes away
    is_written = not dry_run and (result.changes or output is not None)
    _print(result, target if is_written else None, shown, as_json=as_json, dry_run=dry_run)
    return int(ExitCode.BAD if dry_run and result.changes else ExitCode.DONE)


class _NothingToFix(Exception):
    """The new file would be a copy of the old one, and nobody asked for one."""


def _chosen(rules: tuple[str, ...], provider: str) -> frozenset[str]:
    there_are = f"Rules with a fix: {', '.join((*FILE_FIXES, *FIXES))}"
    for rule in rules:
        if rule not in RULES:
            raise TunedeckError(f'There is no rule "{rule}".', there_are)
        if fix_name(rule) is None or rule == "train-overlap":
            raise TunedeckError(f"{rule} has no fix that is safe without a person.", there_are)
    if rules:
        return frozenset(rules)
    known = severities_at(provider)
    of_rows = (
        rule
        for rule, fix in FIXES.items()
        if rule in known and not RULES[rule].lints and not fix.needs_finding
    )
    return frozenset((*FILE_FIXES, *of_rows))


class _Diff:
    """Prints changes as a unified diff, as far as there is room."""

    def __init__(self, most: int | None, *, quiet: bool) -> None:
        self._most = most
        self._quiet = quiet
        self.hidden = 0

    def show(self, change: RowChange) -> None:
        if self._quiet:
            return
        if self._most is not None and self._most <= 0:
            self.hidden += 1
            return
        self._most = None if self._most is None else self._most - 1
        say(f"@@ -{change.line} +{change.line},{len(change.after)} @@ {', '.join(change.rules)}")
        say(f"-{_shown(change.before)}")
        for row in change.after:
            say(f"+{_shown(row)}")


def _shown(line: bytes) -> str:
    return safe_line(line[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "replace"), _SHOWN_CHARACTERS)


def _print(result: FixResult, target: Path | None, shown: _Diff, *, as_json: bool, dry_run: bool) -> None:
    if as_json:
        print_json({**result.as_json(), "output": None if target is None else str(target)})
        return
    if shown.hidden:
        narrate(f"{shown.hidden:,} more changes; --diff shows all of them and writes nothing.")
    for rule in result.whole_file:
        say(f"{FILE_FIXES[rule].name} ({rule}): the whole file")
    for rule, rows in result.by_rule.most_common():
        say(f"{FIXES[rule].name} ({rule}): {rows:,} row(s)")
    if not result.changes:
        written = "" if dry_run or target is not None else " Nothing was written."
        say(f"Nothing to fix in {result.rows:,} rows.{written}")
        if target is None:
            return
    done = "would be" if dry_run else "were"
    say(f"{result.changed:,} of {result.rows:,} rows {done} changed, {result.removed:,} removed.")
    if target is not None:
        say(f"Written to {target}.")
