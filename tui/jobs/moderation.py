"""Which rows of a dataset a service's moderation flags: asked on request only, nothing twice.

What is answered is kept under digests of the texts, so a round that was stopped, failed or killed goes on
where it was, and a row that changed is all that is asked about again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.moderated import Judged, JudgedRow, judged_rows
from tui.datasets.report import Finding, Report, Severity
from tui.jobs.moderation_asking import MOST_CHARACTERS, MOST_INPUTS, ModerationAsker, ModerationStopped
from tui.jobs.moderation_plan import ModerationPlan, Progress, row_chunks
from tui.jobs.ports import JobServices
from tui.records.moderation import MODERATION_MODEL
from tui.store.store import Store

_RULES = ("moderation-flag", "moderation-unjudged")


@dataclass(frozen=True, slots=True)
class ModerationResult:
    """What a round found."""

    plan: ModerationPlan
    asked: int
    complete: bool
    """False when it was stopped: some texts have no answer yet."""
    flagged_rows: int
    categories: dict[str, int]
    """Category -> rows flagged in it."""
    unjudged_rows: int
    counts: dict[str, int]
    """Severity -> findings."""
    findings: tuple[Finding, ...]
    findings_truncated: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "account": self.plan.account.name,
            "model": MODERATION_MODEL,
            "rows": self.plan.rows,
            "texts": self.plan.texts,
            "images": self.plan.images,
            "asked": self.asked,
            "complete": self.complete,
            "flagged_rows": self.flagged_rows,
            "categories": self.categories,
            "unjudged_rows": self.unjudged_rows,
            "findings": [asdict(finding) for finding in self.findings],
            "findings_truncated": self.findings_truncated,
        }


def moderate_file(
    services: JobServices,
    path: Path,
    plan: ModerationPlan,
    *,
    images: bool = False,
    on_progress: Progress | None = None,
    on_wait: Callable[[float], None] = lambda _: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
) -> ModerationResult:
    """Ask about everything that has no answer yet, then say which rows are flagged.

    Args:
        services: Providers and store.
        path: The file that was planned for.
        plan: From `plan_moderation`, seen and agreed to by a person.
        images: Whether images are sent.
        on_progress: Called with (inputs answered, inputs to ask about).
        on_wait: Called with seconds when the service makes us wait.
        cancelled: Asked often; True ends the asking, and the result is of what is known.
        first_wait: Seconds before the first repetition of a request that failed.

    Raises:
        ProviderError: The service refuses; what it answered before is kept.
        TunedeckError: The file can't be read.
    """
    store, name = services.store, plan.account.name
    asker = ModerationAsker(
        services.provider(name), store, cancelled=cancelled, on_wait=on_wait, first_wait=first_wait
    )
    complete = True
    try:
        pending: set[bytes] = set()
        rows = row_chunks(judged_rows(path, images=images), cancelled)
        for batch in _batches(_unanswered(store, name, rows, pending)):
            asker.ask(batch)
            pending.difference_update({part.digest for part in batch} - asker.refused)
            if on_progress:
                done = asker.asked + len(asker.refused)
                on_progress(done, max(plan.unknown, done))
    except ModerationStopped:
        complete = False
    return _judge(store, path, plan, asker, images=images, complete=complete)


def _unanswered(
    store: Store, account: str, rows: Iterator[Sequence[JudgedRow]], pending: set[bytes]
) -> Iterator[Judged]:
    """Yield what the store has no answer for, and note it as pending until it has."""
    for chunk in rows:
        parts = {part.digest: part for row in chunk for part in row.parts}
        known = store.moderations(account, MODERATION_MODEL, list(parts))
        for digest, part in parts.items():
            if digest not in known and digest not in pending:
                pending.add(digest)
                yield part


def _batches(parts: Iterator[Judged]) -> Iterator[list[Judged]]:
    batch: list[Judged] = []
    characters = 0
    for part in parts:
        if part.is_image:
            yield [part]
            continue
        if batch and (len(batch) == MOST_INPUTS or characters + len(part.text) > MOST_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(part)
        characters += len(part.text)
    if batch:
        yield batch


def _judge(
    store: Store, path: Path, plan: ModerationPlan, asker: ModerationAsker, *, images: bool, complete: bool
) -> ModerationResult:
    collector = FindingCollector()
    row_findings = RowFindings(collector)
    categories: Counter[str] = Counter()
    flagged_rows = unjudged_rows = 0
    for chunk in row_chunks(judged_rows(path, images=images), lambda: False):
        digests = {part.digest for row in chunk for part in row.parts}
        known = store.moderations(plan.account.name, MODERATION_MODEL, list(digests))
        for row in chunk:
            row_findings.start(row.line, row.example, row.raw)
            found = _report(row_findings, row, known)
            categories.update(found)
            flagged_rows += bool(found)
            unjudged_rows += _report_unjudged(row_findings, row, asker.refused)
    return ModerationResult(
        plan=plan,
        asked=asker.asked,
        complete=complete,
        flagged_rows=flagged_rows,
        categories=dict(categories.most_common()),
        unjudged_rows=unjudged_rows,
        counts=collector.counts,
        findings=collector.sorted(),
        findings_truncated=collector.truncated,
    )


def _report(findings: RowFindings, row: JudgedRow, known: dict[bytes, tuple[str, ...]]) -> set[str]:
    found: set[str] = set()
    for part in row.parts:
        categories = known.get(part.digest, ())
        if categories:
            found.update(categories)
            what = "The image" if part.is_image else "The text"
            words = f"{what} is flagged for {', '.join(categories)}."
            findings.add("moderation-flag", words, part.path, text=part.text[:200])
    return found


def _report_unjudged(findings: RowFindings, row: JudgedRow, refused: set[bytes]) -> bool:
    parts = [part for part in row.parts if part.digest in refused]
    for part in parts:
        findings.add(
            "moderation-unjudged", "The service would not judge this.", part.path, text=part.text[:200]
        )
    return bool(parts)


def with_moderation(report: Report, result: ModerationResult) -> Report:
    """Return a report with the findings of a round in place of those of an earlier one."""
    kept = [finding for finding in report.findings if finding.rule not in _RULES]
    counts = Counter(report.counts)
    earlier = Counter(finding.severity.value for finding in report.findings if finding.rule in _RULES)
    earlier.update(
        {
            severity.value: report.findings_truncated.get(rule, 0)
            for rule, severity in zip(_RULES, (Severity.WARNING, Severity.INFO), strict=True)
        }
    )
    counts.subtract(earlier)
    counts.update(result.counts)
    truncated = {rule: more for rule, more in report.findings_truncated.items() if rule not in _RULES}
    findings = sorted([*kept, *result.findings], key=lambda finding: finding.line or 0)
    return replace(
        report,
        counts=dict(counts),
        findings=tuple(findings),
        findings_truncated={**truncated, **result.findings_truncated},
    )
