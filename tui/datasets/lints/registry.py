"""Which lints a check runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tui.datasets.lints.protocol import Lint
from tui.datasets.options import CheckOptions

LINT_SETS = ("none", "fast", "all")


def make_lints(options: CheckOptions) -> list[Lint]:
    """Return fresh lints for one part of a file, in an order that depends on the options alone.

    The rows' own rules of a service and of a grader come first; quality lints follow as `options.lints` says,
    without those whose every rule is switched off.
    """
    lints = list(_required(options))
    for names, make in _chosen(options).items():
        if not set(names) <= set(options.ignored_rules):
            lints.append(make(options))
    return lints


def _required(options: CheckOptions) -> list[Lint]:
    from tui.datasets.lints.grader_rows import GraderRows
    from tui.datasets.lints.service_rows import ServiceRows

    lints: list[Lint] = []
    if ServiceRows.needed(options.provider):
        lints.append(ServiceRows(options.provider))
    if options.grader is not None:
        lints.append(GraderRows(options.grader))
    return lints


def _chosen(options: CheckOptions) -> Mapping[tuple[str, ...], Callable[[CheckOptions], Lint]]:
    """Return rules -> maker of the lint that finds them."""
    if options.lints == "none":
        return {}
    from tui.datasets.lints import makers  # what a check without lints need not load

    return makers.FAST if options.lints == "fast" else {**makers.FAST, **makers.SLOW}
