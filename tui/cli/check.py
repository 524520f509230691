"""`tunedeck check`: what is wrong with a dataset, line by line."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click

from tui.cli.counter import counter_for
from tui.cli.output import json_option, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import DEFAULT_MODEL
from tui.datasets.report import Finding, Report, Severity
from tui.datasets.rules import RULES
from tui.errors import ExitCode, TunedeckError

_SHOWN_PER_RULE = 10
FORMATS = [known.value for known in DatasetFormat if known is not DatasetFormat.UNKNOWN]


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", default=DEFAULT_MODEL, show_default=True, help="Whose tokens and limits.")
@click.option(
    "--format", "format_name", type=click.Choice(FORMATS), help="Format of the rows; else found out."
)
@click.option("--validation", is_flag=True, help="It is a validation file: one example is enough.")
@click.option("--training", type=click.Path(path_type=Path), help="Compare with this training file.")
@click.option(
    "--token-limit", type=click.IntRange(min=1), help="Most tokens of an example; else the model's."
)
@click.option("--no-tokens", is_flag=True, help="Don't count tokens (faster).")
@click.option("--ignore", multiple=True, metavar="RULE", help="Switch a rule off; may be repeated.")
@click.option("--all", "show_all", is_flag=True, help="Show every finding kept, not 10 of each rule.")
@click.option("--details", is_flag=True, help="With --json: hash, limits, roles and percentiles too.")
@json_option
def command(
    file: Path,
    model: str,
    format_name: str | None,
    validation: bool,
    training: Path | None,
    token_limit: int | None,
    no_tokens: bool,
    ignore: tuple[str, ...],
    show_all: bool,
    details: bool,
    as_json: bool,
) -> int:
    """Find what is wrong with a dataset, line by line.

    Exit codes: 0 the service takes the file; 1 it has errors; 2 it can't be read.
    """
    _refuse_unknown_rules(ignore)
    options = CheckOptions(
        model=model,
        format=DatasetFormat(format_name) if format_name else None,
        minimum_examples=1 if validation else 10,
        token_limit=token_limit,
        count_tokens=not no_tokens,
        tokenizer=None if no_tokens else counter_for(model),
        ignored_rules=frozenset(ignore),
        validation=validation,
        training_file=training,
    )
    with SlowProgress("Checking") as progress:
        report = check_file(file, options, on_progress=progress.update)
    if as_json:
        print_json(report.as_record() if details else report.as_json())
    else:
        _print_report(report, None if show_all else _SHOWN_PER_RULE, with_tokens=not no_tokens)
    return int(ExitCode.DONE if report.valid else ExitCode.BAD)


def _refuse_unknown_rules(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in RULES:
            import difflib

            nearest = difflib.get_close_matches(name, RULES, 1)
            hint = f"Did you mean {nearest[0]}?" if nearest else f"Rules: {', '.join(RULES)}"
            raise TunedeckError(f'There is no rule "{name}".', hint)


def _print_report(report: Report, shown: int | None, *, with_tokens: bool) -> None:
    say(f"{report.file}: {report.format}, {report.rows:,} examples, {report.bytes:,} bytes")
    if with_tokens:
        _print_tokens(report)
    by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_rule[finding.rule].append(finding)
    for severity in Severity:
        for rule in RULES:
            if rule in by_rule and RULES[rule].severity is severity:
                _print_rule(rule, by_rule[rule], report.findings_truncated.get(rule, 0), shown)
    say("")
    say(_verdict(report))


def _print_tokens(report: Report) -> None:
    tokens = report.tokens
    say(f"Tokens ({tokens.encoding}): {tokens.total:,} in all, {tokens.trained:,} trained,")
    say(f"  {tokens.per_epoch:,} per epoch; an example has {tokens.per_example.median:,.0f} (median)")
    if tokens.longest:
        line, count = tokens.longest[0]
        say(f"  longest: line {line:,} with {count:,}")


def _print_rule(name: str, findings: list[Finding], truncated: int, shown: int | None) -> None:
    rule = RULES[name]
    say("")
    say(f"{rule.severity.upper()} {name}: {rule.summary} ({len(findings) + truncated:,})")
    say(f"  {rule.explanation}")
    for finding in findings[:shown]:
        _print_finding(finding)
    more = len(findings[:shown]) - len(findings) - truncated
    if more:
        hint = "" if shown is None else "; --all shows more"
        say(f"  and {-more:,} more{hint}")


def _print_finding(finding: Finding) -> None:
    where = [f"line {finding.line}"] if finding.line else []
    if finding.column:
        where.append(f"column {finding.column}")
    if finding.path and finding.path != "$":
        where.append(finding.path)
    say(f"  {', '.join(where)}: {finding.message}" if where else f"  {finding.message}")
    if finding.text:
        say(f"      {finding.text}")
    if finding.service_text:
        say(f"      service: {finding.service_text}")


def _verdict(report: Report) -> str:
    parts = [f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in report.counts.items() if count]
    found = ", ".join(parts).replace("infos", "notes").replace("info", "note") or "nothing found"
    return f"{'Valid' if report.valid else 'Not valid'}: {found}."
