"""A report in words: the verdict, the tokens, one finding explained, the price on each model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from screens.finding_list import SIGNS, Item
from tui.datasets.estimate import FileEstimate
from tui.datasets.report import Report
from tui.datasets.rules import RULES
from tui.money.amounts import unit_price
from tui.money.catalog import Catalog, CatalogModel
from tui.money.catalog_model import MODEL_ENCODING
from tui.money.estimate import TimeEstimate, auto_epochs, estimate_local_time
from tui.money.side_by_side import ModelCost, side_by_side
from tui.records.jobs import Method
from tui.safe_text import safe_line, safe_text
from tui.widgets.key_value import Pair
from tui.widgets.table import Cell
from tui.widgets.tones import Line, Part
from tui.widgets.words import passes, plural

LOCAL = "local"


def method_of(report: Report | FileEstimate) -> Method:
    """Return the method that a file's format is for."""
    methods = {"preference": Method.DPO, "reinforcement": Method.REINFORCEMENT}
    return methods.get(report.format.value, Method.SUPERVISED)


def verdict_line(report: Report) -> list[Part]:
    """Return the verdict as a sentence; it reads without colour."""
    counts = report.counts
    errors, warnings, notes = (counts.get(name, 0) for name in ("error", "warning", "info"))
    rest = [plural(warnings, "warning")] if warnings else []
    rest += [plural(notes, "note")] if notes else []
    if errors:
        others = "".join(f", {words}" for words in rest)
        return [
            (f"✗ {plural(errors, 'error')}{others}", "bad"),
            (": the service would refuse this file.", ""),
        ]
    if rest:
        return [("✓ Sound", "good"), (f", with {' and '.join(rest)}: it can be trained on.", "")]
    return [("✓ Sound", "good"), (": nothing to complain about; it can be trained on.", "")]


def token_pairs(report: Report) -> list[Pair]:
    """Return the tokens: what is cut off, all and of what, trained, per example, the longest.

    A small terminal shows the first six or so, hence the order.
    """
    tokens = report.tokens
    if not tokens.examples:
        return [("None", "no line holds an example")]
    per = tokens.per_example
    pairs: list[Pair] = []
    if tokens.over_limit and tokens.limit:
        pairs.append(("Cut off", (f"{tokens.over_limit:,} at {tokens.limit:,}", "warning")))
        pairs.append(("", (f"{tokens.lost_tokens:,} lost", "warning")))
    pairs += [
        ("All", f"{tokens.total:>10,}"),
        *_by_role(report),
        ("Trained", f"{tokens.trained:>10,}{_share(tokens.trained, tokens.total)}"),
        ("Per example", f"{per.median:,.0f}, at most {per.max:,}"),
    ]
    if tokens.limit and not tokens.over_limit:
        pairs.append(("Cut off", ("none", "good")))
    pairs += [
        ("Longest" if index == 0 else "", f"line {line:,}: {count:,}")
        for index, (line, count) in enumerate(tokens.longest[:3])
    ]
    return [*pairs, ("Counted by", (tokens.encoding, "muted"))]


def _by_role(report: Report) -> list[Pair]:
    roles = report.tokens.by_role.items()
    return [(f"  {safe_line(role, 12)}", (f"{count:>10,}", "muted")) for role, count in roles if count]


def _share(part: int, whole: int) -> str:
    return f"  {part / whole:.0%}" if whole else ""


def explain(item: Item | None) -> list[Line]:
    """Return what the rule under the cursor says, why, in whose words, and where it was read."""
    if item is None:
        return [[("Nothing was found. Every rule that applies to this format was checked.", "muted")]]
    rule = RULES.get(item.group.rule)
    finding = item.finding or item.group.findings[0]
    sign, tone = SIGNS[item.group.severity]
    lines: list[Line] = [[(sign, tone), (f"  {item.group.summary}", "strong")]]
    if item.finding is not None:
        where = ", column " + f"{finding.column:,}" if finding.column is not None else ""
        path = f"  {safe_line(finding.path, 80)}" if finding.path else ""
        place = f"Line {finding.line:,}{where}" if finding.line is not None else "The file"
        lines.append([(f"{place}{path}  ", "accent"), (safe_line(finding.message, 400), "")])
        if finding.text:
            lines.append([(safe_line(finding.text, 160), "muted")])
    if rule is not None:
        lines.append([(rule.explanation, "")])
    if finding.service_text:
        lines.append([("The service says: ", "muted"), (f"“{safe_text(finding.service_text)}”", "")])
    if rule is not None:
        lines.append([(f"{rule.source}, read {rule.source_date}", "muted")])
    return lines


def tokens_by_vocabulary(
    model: CatalogModel,
    report: Report,
    models: Sequence[CatalogModel],
    report_of: Callable[[CatalogModel], Report],
) -> Iterator[tuple[dict[str, int], bool]]:
    """Yield the tokens of an epoch by vocabulary as they become known, and whether these are all.

    A local model's rows are laid out by its template, which takes longest: they come last.

    Args:
        model: What `report` was made for.
        report: The report that is there already.
        models: Every model that could take the file.
        report_of: Makes the report for another model; asked once for each other vocabulary.
    """
    first_of = {other.vocabulary: other for other in reversed(models)}
    others = sorted(
        set(first_of) - {model.vocabulary}, key=lambda name: first_of[name].encoding == MODEL_ENCODING
    )
    known = {model.vocabulary: report.tokens.per_epoch} if model.vocabulary in first_of else {}
    yield dict(known), not others
    for number, vocabulary in enumerate(others, start=1):
        known[vocabulary] = report_of(first_of[vocabulary]).tokens.per_epoch
        yield dict(known), number == len(others)


def prices(report: Report, catalog: Catalog, tokens: Mapping[str, int]) -> list[ModelCost]:
    """Return what the file would cost on each model of each service, those that can be launched here first.

    Args:
        report: Of the file, for any model.
        catalog: Where the models come from.
        tokens: Tokens of an epoch by the catalog's encodings.
    """
    return side_by_side(catalog, tokens, examples=max(1, report.rows), method=method_of(report))


def local_time(report: Report, tokens: int, rates: Sequence[float]) -> TimeEstimate:
    """Return how long the local engine would take for `tokens` of an epoch."""
    epochs = auto_epochs(max(1, report.rows), LOCAL).epochs
    return estimate_local_time(tokens, epochs or 1, rates)


def price_cells(cost: ModelCost, time: TimeEstimate) -> list[Cell]:
    """Return one model's price as a line, with the calculation."""
    if cost.provider == LOCAL:
        return [(cost.model, "strong"), ("free", "good"), f"{time.text} here"]
    name = cost.model if cost.provider == "openai" else f"{cost.provider}: {cost.model}"
    how = f"{cost.tokens_per_epoch:,} tok × {passes(cost.epochs)}"
    if cost.price_per_million is not None:
        ends = dict.fromkeys((cost.price_per_million, cost.highest_price_per_million))
        how += f" × {' to '.join(unit_price(price, cost.currency) for price in ends)}/M"
    return [(name, "strong"), cost.amount_text(), how]


def price_note(cost: ModelCost, time: TimeEstimate) -> list[Part]:
    """Return where a price comes from and how old it is."""
    if cost.provider == LOCAL:
        return [(f"Epochs: {cost.epochs_source}. Time: {time.source}.", "muted")]
    read = f" Price read on {cost.price_read_on}." if cost.total is not None else ""
    parts: list[Part] = [(f"Epochs: {cost.epochs_source}.{read}", "muted")]
    if cost.is_stale and cost.total is not None:
        parts.append((f" That is {cost.price_age_days} days ago.", "warning"))
    if cost.training_ends:
        parts.append((f" New jobs end on {cost.training_ends}.", "warning"))
    if not cost.is_launchable:
        parts.append((" To compare: no job starts there from here.", "muted"))
    elif cost.is_counted_otherwise:
        parts.append((" The model's own vocabulary is not here, so that is rough.", "muted"))
    return parts
