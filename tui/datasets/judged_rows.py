"""Findings of a large file turned into those of its rows as they are shown, with the changes to them.

What is found in one row alone is known of every row: of the untouched ones from the report of the file, of
the others from that of a small file. Which rows stand twice and which answers contradict each other is found
anew over all rows, in time that grows with their number. Other rules that compare rows (how long, how many
languages, which system messages) tell of the file as it was checked, and nothing of changed rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tui.datasets.compared_rows import COMPARING_RULES, DUPLICATE, ComparedRows
from tui.datasets.facet_flags import Has
from tui.datasets.facets import REPORT_SEVERITIES, Facets
from tui.datasets.findings import KEPT_PER_RULE
from tui.datasets.options import CheckOptions
from tui.datasets.report import Finding, Report
from tui.datasets.rules import severities_at
from tui.datasets.shown_rows import ShownRows

_NO_SYSTEM = "missing-system"
_OF_WHOLE_FILES = frozenset(
    {
        "missing-system", "system-variants", "many-systems", "class-imbalance", "language-mix",
        "length-outlier", "near-duplicate",
    }
)  # fmt: skip
"""Rules that say nothing of a few rows that were taken out of a file."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is known of some rows: those of a file, or those that changed."""

    report: Report
    compared: ComparedRows
    flags: Any
    """`Facets.flags`."""


def judge_shown(
    shown: ShownRows, of_file: Judged, of_changed: Judged | None, options: CheckOptions
) -> dict[int, list[Finding]]:
    """Return the findings of rows that are not what the file's own report says, by who they are.

    Those are the edited and new ones, also those without a finding, and untouched ones of which a rule that
    is judged anew may say something else. No finding names a line.

    Args:
        shown: The rows.
        of_file: What was found in the file.
        of_changed: What was found in the small file of `shown`.
        options: What both were checked for.
    """
    found: dict[int, list[Finding]] = {who: [] for who in shown.changed}
    for finding in of_changed.report.findings if of_changed else ():
        if finding.line is not None and finding.rule not in COMPARING_RULES | _OF_WHOLE_FILES:
            found[shown.changed[finding.line - 1]].append(replace(finding, line=None))
    _add_missing_systems(found, shown, of_file.report, of_changed)
    anew = _compared_anew(shown, of_file.compared, of_changed.compared if of_changed else None, options)
    by_line: dict[int, list[Finding]] = {}
    for finding in of_file.report.findings:
        if finding.line is not None:
            by_line.setdefault(finding.line, []).append(finding)
    before = {line for line, some in by_line.items() if any(one.rule in COMPARING_RULES for one in some)}
    for who in (before | anew.keys()) - found.keys():
        if not shown.number_of(who):
            continue  # deleted
        kept = (one for one in by_line.get(who, ()) if one.rule not in COMPARING_RULES)
        found[who] = [replace(one, line=None) for one in kept]
    for who, some in anew.items():
        found[who] += some
    return found


def mark_judged(facets: Facets, shown: ShownRows, judged: Mapping[int, list[Finding]]) -> None:
    """Correct the facets of errors and warnings by what `judge_shown` returned.

    Args:
        facets: Of the rows shown, from the file's own report and the small file's.
        shown: The rows.
        judged: Who they are -> their findings.
    """
    numbers = {who: shown.number_of(who) for who in judged}
    for name, severity in REPORT_SEVERITIES:
        if facets.knows(name):
            rows = {*facets.lines(name).tolist()} - {*numbers.values()}
            bad = {
                numbers[who] for who, some in judged.items() if any(one.severity == severity for one in some)
            }
            facets.add_lines(name, (rows | bad) - {0}, is_partial=facets.is_partial(name))


def _compared_anew(
    shown: ShownRows, of_file: ComparedRows, of_changed: ComparedRows | None, options: CheckOptions
) -> Mapping[int, list[Finding]]:
    """Return what rules that compare rows find in the rows as they are shown; the first of each rule."""
    now = ComparedRows(
        *(
            shown.values(getattr(of_file, name), getattr(of_changed, name) if of_changed else None)
            for name in ("rows", "questions", "answers")
        )
    )
    severities = severities_at(options.provider)
    wanted = severities.keys() & (COMPARING_RULES if options.lints != "none" else {DUPLICATE})
    wanted -= options.ignored_rules
    counts: Counter[str] = Counter()
    found: dict[int, list[Finding]] = {}
    for one in now.repeated():
        if one.rule in wanted and counts[one.rule] < KEPT_PER_RULE:
            counts[one.rule] += 1
            finding = Finding(one.rule, severities[one.rule], None, one.message, path="$", column=1)
            found.setdefault(int(shown.who[one.row - 1]), []).append(finding)
    return found


def _add_missing_systems(
    found: dict[int, list[Finding]], shown: ShownRows, report: Report, of_changed: Judged | None
) -> None:
    """Say of changed rows without a system message what the file's report says of others."""
    said = next((one for one in report.findings if one.rule == _NO_SYSTEM), None)
    if said is None or of_changed is None:
        return
    has_one_or_no_messages = Has.SYSTEM | Has.DEVELOPER | Has.UNREADABLE | Has.BLANK
    for who, flags in zip(shown.changed, of_changed.flags.tolist(), strict=False):
        if not flags & has_one_or_no_messages:
            found[who].append(replace(said, line=None))
