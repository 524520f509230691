"""`tunedeck check`: what is wrong with a dataset, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from tui.cli.check_output import OUTPUTS, print_reports
from tui.cli.counter import counter_for, limit_for
from tui.cli.format_option import chosen_format, format_option
from tui.cli.output import json_option, narrate
from tui.cli.slow_progress import SlowProgress
from tui.datasets.cached_check import check_known
from tui.datasets.check import CheckOptions
from tui.datasets.lints.registry import LINT_SETS
from tui.datasets.options import DEFAULT_MODEL, USUAL_LINTS
from tui.datasets.report import Report, Severity
from tui.datasets.rules import RULES
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import ExitCode, TunedeckError

_SEVERITIES = [severity.value for severity in Severity]
"""From the worst on."""


@click.command("check")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose tokens and limits.")
@click.option(
    "--provider",
    type=click.Choice(list(SERVICES)),
    default=DEFAULT_SERVICE,
    show_default=True,
    help="Whose rules: how bad a finding is differs by service.",
)
@format_option
@click.option("--validation", is_flag=True, help="It is a validation file: one example is enough.")
@click.option("--training", type=click.Path(path_type=Path), help="Compare with this training file.")
@click.option(
    "--grader", type=click.Path(path_type=Path), help="Compare reinforcement rows with this grader (JSON)."
)
@click.option(
    "--lints",
    type=click.Choice(LINT_SETS),
    default=USUAL_LINTS,
    show_default=True,
    help="Quality lints; all adds near duplicates and personal data, which take longer.",
)
@click.option(
    "--token-limit", type=click.IntRange(min=1), help="Most tokens of an example; else the model's."
)
@click.option("--no-tokens", is_flag=True, help="Don't count tokens (faster).")
@click.option("--ignore", multiple=True, metavar="RULE", help="Switch a rule off; may be repeated.")
@click.option("--all", "show_all", is_flag=True, help="Show every finding kept, not 10 of each rule.")
@click.option("--details", is_flag=True, help="With --json: hash, limits, roles and percentiles too.")
@click.option(
    "--output", type=click.Choice(OUTPUTS), help="What to print; github is for annotations in a workflow."
)
@click.option(
    "--fail-on",
    type=click.Choice(_SEVERITIES),
    default="error",
    show_default=True,
    help="Exit with 1 on findings as bad as this or worse.",
)
@click.option("--baseline", type=click.Path(path_type=Path), help="Leave out the findings that stand here.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), help="Write what is found as known; exits with 0."
)
@click.option("--fresh", is_flag=True, help="Read the files again even where their reports are kept.")
@json_option
def command(
    files: tuple[Path, ...],
    training: Path | None,
    show_all: bool,
    details: bool,
    output: str | None,
    fail_on: str,
    baseline: Path | None,
    write_baseline: Path | None,
    fresh: bool,
    as_json: bool,
    **asked: Any,
) -> int:
    """Find what is wrong with datasets, line by line.

    A baseline knows a finding again by its rule and the content of its row, so rows may move.

    Exit codes: 0 nothing found that --fail-on names; 1 something was; 2 a file can't be read, or wrong use.
    """
    _refuse_unknown_rules(asked["ignore"])
    known = _known(baseline)
    options = _options(training=training, **asked)
    checked = []
    for file in files:
        with SlowProgress("Checking") as progress:
            report = check_known(file, options, fresh=fresh, on_progress=progress.update)
        checked.append((file, report))
    if write_baseline is not None:
        return _write(write_baseline, checked)
    if known is not None:
        from tui.datasets.baseline import KnownFindings, without_known

        nothing = KnownFindings({}, {})
        checked = [
            (file, without_known(report, file, known.get(file.as_posix(), nothing)))
            for file, report in checked
        ]
    shape = output or ("json" if as_json else "text")
    print_reports(shape, checked, details=details, show_all=show_all, with_tokens=options.count_tokens)
    return int(ExitCode.BAD if _fails([report for _, report in checked], fail_on) else ExitCode.DONE)


def _options(
    *,
    model: str,
    provider: str,
    format_name: str | None,
    validation: bool,
    training: Path | None,
    grader: Path | None,
    lints: str,
    token_limit: int | None,
    no_tokens: bool,
    ignore: tuple[str, ...],
) -> CheckOptions:
    from tui.datasets.graders import read_grader

    reader = None if no_tokens else counter_for(model)
    return CheckOptions(
        model=model,
        provider=provider,
        format=chosen_format(format_name),
        minimum_examples=1 if validation else SERVICES[provider].minimum_examples,
        token_limit=token_limit or limit_for(model, reader),
        count_tokens=not no_tokens,
        tokenizer=reader,
        ignored_rules=frozenset(ignore),
        validation=validation,
        training_file=training,
        lints=lints,
        grader=None if grader is None else read_grader(grader),
    )


def _known(baseline: Path | None) -> Any:
    if baseline is None:
        return None
    from tui.datasets.baseline import read_baseline

    return read_baseline(baseline)


def _write(path: Path, checked: Sequence[tuple[Path, Report]]) -> int:
    from tui.datasets.baseline import write_baseline

    write_baseline(path, {file.as_posix(): (file, report) for file, report in checked})
    total = sum(sum(report.counts.values()) for _, report in checked)
    narrate(f"{total:,} findings of {len(checked):,} file(s) are known from now on: {path}")
    return int(ExitCode.DONE)


def _fails(reports: Sequence[Report], fail_on: str) -> bool:
    bad = _SEVERITIES[: _SEVERITIES.index(fail_on) + 1]
    return any(report.counts.get(severity, 0) for report in reports for severity in bad)


def _refuse_unknown_rules(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in RULES:
            raise unknown_rule(name)


def unknown_rule(name: str) -> TunedeckError:
    """Return the error for a rule that does not exist, with the nearest that does."""
    import difflib

    nearest = difflib.get_close_matches(name, RULES, 1)
    hint = f"Did you mean {nearest[0]}?" if nearest else f"Rules: {', '.join(RULES)}"
    return TunedeckError(f'There is no rule "{name}".', hint)
