"""The form of the screen that makes new files of rows, without its looks: fields, and the plan they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.reshape.keys import Key
    from tui.datasets.reshape.plan import Plan
    from tui.datasets.reshape.row_table import RowTable
    from tui.datasets.reshape.split import Amount
    from tui.datasets.reshape.tracker import Tracker
    from tui.money.catalog import Catalog

Choices = tuple[tuple[str, str], ...]
"""(key, label) of each value that a field can have."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of the form."""

    name: str
    label: str
    default: str
    hint: str
    choices: Choices = ()
    """Empty for a field to type in."""
    only_with: tuple[str, str] | None = None
    """Shown while another field has a value."""


OPERATIONS: Choices = (
    ("split", "split: training and validation"),
    ("dedupe", "dedupe: one of rows that say the same"),
    ("cut", "cut: rows that fit a model's limit"),
    ("sample", "sample: some rows by chance"),
    ("shuffle", "shuffle: all rows in another order"),
    ("delete", "delete: leave out rows of a choice"),
    ("merge", "merge: several files into one"),
)
_SEED = Field("seed", "Seed", "42", "The same file and seed give the same rows again.")
_MIX = Field(
    "mix", "Keep the mix of", "", "Each new file gets the same share of each value.",
    (("", "nothing"), ("answer", "last answers, such as labels"), ("value", "an expression")),
)  # fmt: skip
_MIX_OF = Field(
    "mix_of", "  expression", "", "JMESPath, asked of each row: tools   messages[0].content",
    only_with=("mix", "value"),
)  # fmt: skip
_FACETS: Choices = (
    ("", "any row"),
    ("errors", "rows with errors"),
    ("warnings", "rows with warnings"),
    ("too-long", "rows above the limit"),
    ("duplicate", "rows that stand before"),
    ("unreadable", "rows that are no JSON"),
    ("untrained", "rows that teach nothing"),
    ("images", "rows with images"),
    ("tools", "rows with tools"),
)
FIELDS: Mapping[str, tuple[Field, ...]] = {
    "split": (
        Field("validation", "Validation", "10%", "Rows put aside to validate with: 10%, 0.1 or 200."),
        Field("test", "Test", "", "Rows for a third file, to test with; empty for none."),
        _MIX,
        _MIX_OF,
        Field(
            "together", "Never part", "same", "What must not be in two files, or the validation leaks.",
            (
                ("same", "identical rows"),
                ("near", "nearly identical rows"),
                ("system", "rows with one system prompt"),
                ("none", "nothing: the validation may leak"),
            ),
        ),
        Field("group", "Nor rows with one", "", "JMESPath: rows that give the same value stay together."),
        _SEED,
    ),
    "dedupe": (
        Field(
            "by", "The same are", "exact", "Whatever goes is listed with the line that stays for it.",
            (
                ("exact", "the same bytes"),
                ("json", "the same JSON"),
                ("prompt", "the same prompt"),
                ("near", "nearly the same words"),
            ),
        ),
        Field(
            "keep", "What stays", "first", "The longest of one prompt is the one with the longest answer.",
            (("first", "the first"), ("last", "the last"), ("longest", "the longest")),
        ),
    ),
    "cut": (
        Field("model", "Model", "", "Whose tokens and limit."),
        Field("limit", "Limit", "", "Most tokens of a row; empty takes the model's."),
        Field(
            "how", "How", "middle", "Whole exchanges go; system messages and the last exchange stay.",
            (
                ("middle", "exchanges in the middle go"),
                ("oldest", "the oldest exchanges go"),
                ("split", "one row becomes several"),
            ),
        ),
    ),
    "sample": (
        Field("rows", "How many", "10%", "10%, 0.1 or 200."),
        _MIX,
        _MIX_OF,
        _SEED,
    ),
    "shuffle": (_SEED,),
    "delete": (
        Field(
            "what", "What goes", "", "Both lines below must hold for a row.",
            (("", "the rows that fit"), ("keep", "all others")),
        ),
        Field("facet", "Facet", "", "What a row has.", _FACETS),
        Field("where", "Where", "", "JMESPath that holds for a row: length(messages) > `4`"),
    ),
    "merge": (
        Field("others", "Other files", "", "Enter adds a file; backspace takes the last one away."),
        Field(
            "provenance", "Also write", "", "Services refuse unknown keys, so it is a file of its own.",
            (("", "nothing"), ("sources", "the file and line of each row")),
        ),
    ),
}  # fmt: skip
"""Operation -> its fields, in the order of the form."""


@dataclass(slots=True)
class ReshapeForm:
    """Every field as it stands; a fresh one is complete but for what only a person can say."""

    path: Path
    operation: str = "split"
    values: dict[str, str] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    """For a merge: the files behind the first one."""

    def value(self, name: str) -> str:
        """Return what stands in a field."""
        known = {one.name: one.default for one in FIELDS[self.operation]}
        return self.values.get(name, known.get(name, ""))

    def fields(self) -> list[Field]:
        """Return the fields that count now."""
        return [
            one
            for one in FIELDS[self.operation]
            if one.only_with is None or self.value(one.only_with[0]) == one.only_with[1]
        ]

    def missing(self) -> str:
        """Return what has to be said before there can be a plan; empty when nothing has."""
        if self.operation == "merge" and not self.others:
            return "Add a file to merge with: enter on Other files."
        if self.operation == "delete" and not self.value("facet") and not self.value("where").strip():
            return "Say which rows: a facet, an expression, or both."
        if self.value("mix") == "value" and not self.value("mix_of").strip():
            return "Write the expression whose mix is kept."
        return ""

    def paths(self) -> list[Path]:
        """Return the files that are read."""
        return [self.path, *(self.others if self.operation == "merge" else ())]

    def others_label(self) -> str:
        """Name the files of a merge behind the first one."""
        if not self.others:
            return "none yet"
        return (
            f"{plural(len(self.others), 'file')}: {', '.join(safe_line(one.name, 80) for one in self.others)}"
        )

    def planner(self, catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        """Return what makes the plan of these fields, to be called in a worker.

        Raises:
            TunedeckError: A field makes no sense.
        """
        wish = getattr(self, f"_{self.operation}")
        made: Callable[[Sequence[RowTable], Tracker], Plan] = wish(catalog)
        return made

    def _split(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.split import SplitWish, Together, plan_split

        wish = SplitWish(
            self._amount("validation"),
            self._amount("test") if self.value("test").strip() else None,
            self._seed(),
            self._mix(),
            self.value("group").strip(),
            Together(self.value("together")),
        )
        return lambda tables, tracker: plan_split(tables[0], wish, tracker)

    def _dedupe(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.dedupe import DedupeWish, Keep, Sameness, plan_dedupe

        wish = DedupeWish(Sameness(self.value("by")), Keep(self.value("keep")))
        return lambda tables, tracker: plan_dedupe(tables[0], wish, tracker)

    def _sample(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.sample import SampleWish, plan_sample

        wish = SampleWish(self._amount("rows"), self._seed(), self._mix())
        return lambda tables, tracker: plan_sample(tables[0], wish, tracker)

    def _shuffle(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.sample import plan_shuffle

        seed = self._seed()
        return lambda tables, _: plan_shuffle(tables[0], seed)

    def _delete(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.delete import plan_delete
        from tui.datasets.row_choice import RowWish

        facets = (self.value("facet"),) if self.value("facet") else ()
        wish = RowWish(facets=facets, where=self.value("where").strip())
        keep = self.value("what") == "keep"
        return lambda tables, tracker: plan_delete(tables[0], wish, tracker, keep=keep)

    def _merge(self, _catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.merge import plan_merge

        provenance = self.value("provenance") == "sources"
        return lambda tables, tracker: plan_merge(tables, tracker, provenance=provenance)

    def _cut(self, catalog: Catalog) -> Callable[[Sequence[RowTable], Tracker], Plan]:
        from tui.datasets.reshape.cut import CutWish, plan_cut
        from tui.datasets.reshape.turns import CutHow

        model, how, limit = self.value("model"), CutHow(self.value("how")), self._limit()

        def plan(tables: Sequence[RowTable], tracker: Tracker) -> Plan:
            from tui.jobs.local_rows import reader_of, row_limit

            known = catalog.find(model)
            reader = reader_of(known) if known is not None else None
            most = limit if limit is not None else row_limit(known, reader) if known is not None else None
            if most is None:
                raise TunedeckError(f"No limit is known for {model}.", "Write one.")
            return plan_cut(tables[0], CutWish(model, most, how, reader), tracker)

        return plan

    def _limit(self) -> int | None:
        text = self.value("limit").strip().replace(",", "")
        if text and (not text.isdecimal() or not int(text)):
            raise TunedeckError(f'"{text}" is no number of tokens.', "Write one such as 65536, or nothing.")
        return int(text) if text else None

    def _seed(self) -> int:
        text = self.value("seed").strip()
        if not text.isdecimal() or int(text) >= 1 << 64:
            raise TunedeckError(f'"{text}" is no seed.', "Write a whole number from 0, such as 42.")
        return int(text)

    def _amount(self, name: str) -> Amount:
        from tui.datasets.reshape.split import Amount

        return Amount.parse(self.value(name))

    def _mix(self) -> Key | None:
        from tui.datasets.reshape.keys import Key, KeyKind

        if self.value("mix") == "answer":
            return Key(KeyKind.ANSWER)
        return Key(KeyKind.VALUE, self.value("mix_of").strip()) if self.value("mix") == "value" else None
