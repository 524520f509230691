"""How `tunedeck check` prints reports: for people, as JSON, SARIF, or annotations of GitHub Actions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tui import __version__
from tui.cli.output import print_json, say
from tui.datasets.report import Finding, Report, Severity
from tui.datasets.rules import RULES

OUTPUTS = ("text", "json", "sarif", "github")
_SHOWN_PER_RULE = 10


def print_reports(
    output: str,
    checked: Sequence[tuple[Path, Report]],
    *,
    details: bool,
    show_all: bool,
    with_tokens: bool,
) -> None:
    """Print reports in one of OUTPUTS.

    Args:
        output: Which.
        checked: The files and their reports; JSON is one object for one file and a list for several.
        details: JSON with everything.
        show_all: Text with every finding kept.
        with_tokens: Text with tokens.
    """
    reports = [report for _, report in checked]
    if output == "json":
        values = [report.as_record() if details else report.as_json() for report in reports]
        print_json(values[0] if len(values) == 1 else values)
    elif output == "sarif":
        from tui.datasets.baseline import fingerprints
        from tui.datasets.sarif import sarif_log

        marks = [fingerprints(file, report.findings) for file, report in checked]
        print_json(sarif_log(reports, __version__, marks))
    elif output == "github":
        from tui.datasets.annotations import github_annotations

        for report in reports:
            for line in github_annotations(report):
                say(line)
    else:
        for path, report in checked:
            _print_report(report, None if show_all else _SHOWN_PER_RULE, with_tokens=with_tokens)
            _print_hint(path, report)


def _print_hint(path: Path, report: Report) -> None:
    from tui.datasets.convert.hint import other_shape

    if shape := other_shape(path, report):
        say(f"It looks like other data: {shape}. `tunedeck convert` makes a dataset of it.")


def _print_report(report: Report, shown: int | None, *, with_tokens: bool) -> None:
    examples = f"{report.rows:,} example{'' if report.rows == 1 else 's'}"
    say(f"{report.file}: {report.format}, {examples}, {report.bytes:,} bytes")
    if with_tokens:
        _print_tokens(report)
    by_rule: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        by_rule[finding.rule].append(finding)
    for severity in Severity:
        for rule in RULES:
            if rule in by_rule and by_rule[rule][0].severity is severity:
                _print_rule(rule, by_rule[rule], report.findings_truncated.get(rule, 0), shown)
    say("")
    say(_verdict(report))


def _print_tokens(report: Report) -> None:
    tokens = report.tokens
    if not tokens.examples:
        say("Tokens: none counted, for no line holds an example.")
        return
    say(f"Tokens ({tokens.encoding}): {tokens.total:,} in all, {tokens.trained:,} trained,")
    say(f"  {tokens.per_epoch:,} per epoch; an example has {tokens.per_example.median:,.0f} (median)")
    if tokens.longest:
        line, count = tokens.longest[0]
        say(f"  longest: line {line:,} with {count:,}")


def _print_rule(name: str, findings: list[Finding], truncated: int, shown: int | None) -> None:
    rule = RULES[name]
    say("")
    say(f"{findings[0].severity.upper()} {name}: {rule.summary} ({len(findings) + truncated:,})")
    say(f"  {rule.explanation}")
    for finding in findings[:shown]:
        _print_finding(finding)
    more = len(findings) + truncated - len(findings[:shown])
    if more:
        hint = "" if shown is None else "; --all shows more"
        say(f"  and {more:,} more{hint}")


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
