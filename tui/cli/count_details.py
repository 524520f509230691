"""What `tunedeck count` says beyond the sums: spread, limit, stated errors, what finished jobs suggest."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tui.cli.output import print_table, say
from tui.datasets.count_errors import stated_errors
from tui.datasets.counting import CountResult
from tui.datasets.histogram_text import PERCENTILES, histogram_lines, percentiles_json
from tui.errors import TunedeckError
from tui.money.calibration import Calibration

_ROWS_SHOWN = 10


def calibration_of(result: CountResult) -> Calibration | None:
    """Return what finished jobs suggest for this count; None without any, or without a store to ask."""
    from tui.jobs.calibration import calibration_for  # the store is opened only by those who count files
    from tui.services import Services

    try:
        with Services.open() as services:
            known = services.catalog.find(result.model)
            if known is None:
                return None
            return calibration_for(services, known.provider, known.id, result.report.format.value)
    except TunedeckError:
        return None  # a damaged store or settings must not keep anybody from counting


def details_json(result: CountResult, calibration: Calibration | None) -> dict[str, Any]:
    """Return the stable shape with all that is known beside it."""
    tokens = result.report.tokens
    spread = tokens.spread
    return {
        **result.as_json(),
        "sha256": result.report.sha256,
        "format": result.report.format.value,
        "by_role": dict(tokens.by_role),
        "percentiles": percentiles_json(spread.rows),
        "percentiles_by_role": {role: percentiles_json(each) for role, each in spread.roles.items()},
        "histogram": spread.rows.as_json(),
        "limit": tokens.limit,
        "over_limit": {
            "rows": tokens.over_limit,
            "lost_tokens": tokens.lost_tokens,
            "lines": [list(pair) for pair in spread.beyond],
        },
        "per_epoch": tokens.per_epoch,
        "longest": [list(pair) for pair in tokens.longest],
        "stated_errors": [asdict(error) for error in stated_errors(tokens)],
        "calibration": calibration.as_json(tokens.per_epoch) if calibration else None,
    }


def print_spread(result: CountResult) -> None:
    """Print the truncation line and the histogram."""
    tokens = result.report.tokens
    if tokens.limit is not None:
        cut = "no example is longer"
        if tokens.over_limit:
            cut = f"{tokens.over_limit:,} longer ones lose {tokens.lost_tokens:,} tokens at their ends"
        say(f"Limit per example: {tokens.limit:,}; {cut}")
    if tokens.spread.rows.count > 1:
        say("Examples by tokens:")
        for line in histogram_lines(tokens.spread.rows, limit=tokens.limit):
            say(f"  {line}")


def print_details(result: CountResult) -> None:
    """Print percentiles by role, rows beyond the limit, and the parts of the count that are not certain."""
    spread = result.report.tokens.spread
    say("")
    named = [("all", spread.rows), *spread.roles.items()]
    heads = [f"{share:.0%}".replace("%", " %") for share in PERCENTILES]
    print_table(
        ["TOKENS OF", "ROWS", "LEAST", *heads, "MOST", "SUM"],
        [
            [
                name,
                f"{found.count:,}",
                f"{found.least:,}",
                *(f"{found.percentile(share):,.0f}" for share in PERCENTILES),
                f"{found.most:,}",
                f"{found.total:,}",
            ]
            for name, found in named
        ],
    )
    if spread.beyond:
        say("")
        say("Cut by the limit:")
        for line, count in spread.beyond[:_ROWS_SHOWN]:
            say(f"  line {line:,}: {count:,} tokens")
        more = result.report.tokens.over_limit - _ROWS_SHOWN
        if more > 0:
            say(f"  and {more:,} more; --json lists them")
    for error in stated_errors(result.report.tokens):
        say(f"{error.part}: counted {error.counted:,}, truly {error.least:,} to {error.most:,}. {error.why}")
