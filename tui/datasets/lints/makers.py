"""Each quality lint with the rules it finds, by set: the fast ones take seconds for a gigabyte in all."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tui.datasets.lints.answers import Contradictions, Labels, Refusals
from tui.datasets.lints.characters import Characters
from tui.datasets.lints.images import Images
from tui.datasets.lints.lengths import Lengths
from tui.datasets.lints.near_duplicates import NearDuplicates
from tui.datasets.lints.protocol import Lint
from tui.datasets.lints.scripts import Scripts
from tui.datasets.lints.secrets import KINDS, Patterns
from tui.datasets.lints.systems import SystemMessages
from tui.datasets.lints.tool_schemas import ToolSchemas
from tui.datasets.options import CheckOptions

Makers = Mapping[tuple[str, ...], Callable[[CheckOptions], Lint]]
"""Rules -> what finds them."""

FAST: Makers = {
    ("contradictory-answers",): lambda _: Contradictions(),
    ("refusal-in-answer",): lambda _: Refusals(),
    ("system-variants", "many-systems"): lambda _: SystemMessages(),
    ("class-imbalance",): lambda _: Labels(),
    ("language-mix", "answer-script"): lambda _: Scripts(),
    ("length-outlier",): lambda _: Lengths(),
    (
        "look-alike",
        "invisible-characters",
        "control-characters",
        "replacement-character",
    ): lambda options: Characters(frozenset(options.ignored_rules)),
    ("secret",): lambda _: Patterns("secret", KINDS["secret"]),
    ("tool-arguments-schema", "tool-schema-invalid"): lambda _: ToolSchemas(),
    ("image-content",): lambda _: Images(),
}
SLOW: Makers = {
    ("near-duplicate", "near-train-overlap"): lambda options: NearDuplicates(options.training_file),
    ("personal-data",): lambda _: Patterns("personal-data", KINDS["personal-data"]),
}
