"""Reads catalog files: strictly, key by key, with file and line in every complaint."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.money.catalog_model import CatalogModel, PriceTier, ProviderEntry
from tui.records.jobs import Method

_DATES = (
    "training_ends", "training_may_end", "base_retired", "shutdown_date", "price_read_on", "read_on",
)  # fmt: skip
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*[\"']?([A-Za-z0-9_.-]+)[\"']?\s*=")
_WORDS: Mapping[str, str] = {
    "str": "text in quotes", "str | None": "text in quotes", "bool": "true or false",
    "bool | None": "true or false", "int | None": "a whole number",
    "Decimal": 'text such as "5.00"', "Decimal | None": 'text such as "5.00"',
    "tuple[str, ...]": "a list of texts", "tuple[Method, ...]": f"a list of {', '.join(Method)}",
    "tuple[PriceTier, ...]": "tables with name, training_factor, hosting_price_per_hour",
}  # fmt: skip
"""Type of a key -> what to write."""


@dataclass(slots=True)
class CatalogFile:
    """One file: its tables as written, and the line of each key."""

    place: str
    tables: Mapping[str, Any]
    lines: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(table, key) -> line; a model's table is `models.N`, its first line has the key ""."""

    def at(self, table: str, key: str = "") -> str:
        """Return "FILE, line N" of a key, or of its table."""
        line = self.lines.get((table, key)) or self.lines.get((table, ""))
        return f"{self.place}, line {line}" if line else self.place

    @property
    def models(self) -> list[dict[str, Any]]:
        """The [[models]] as written."""
        entries: list[dict[str, Any]] = self.tables.get("models", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise TunedeckError(
                f"{self.at('', 'models')}: models is not a list.", "Begin each with [[models]]."
            )
        return entries

    @property
    def providers(self) -> dict[str, dict[str, Any]]:
        """The [providers.NAME] as written."""
        entries: dict[str, dict[str, Any]] = self.tables.get("providers", {})
        if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
            raise TunedeckError(
                f"{self.at('providers')}: providers is not a table.", "Begin each with [providers.NAME]."
            )
        return entries


def shipped_file() -> CatalogFile:
    """Return the catalog that ships with the program; its lines are not needed."""
    text = resources.files("tui.data").joinpath("catalog.toml").read_text("utf-8")
    return CatalogFile("the shipped catalog", tomllib.loads(text))


def read_catalog_file(path: Path) -> CatalogFile:
    """Return a person's file.

    Raises:
        TunedeckError: It can't be read, or is not TOML; the message names the line.
    """
    try:
        text = path.read_text("utf-8")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        words = error.strerror or error if isinstance(error, OSError) else error
        raise TunedeckError(
            f"The catalog file {path} can't be read: {words}.", "Repair it, or move it away."
        ) from None
    return CatalogFile(str(path), tables, _lines_of(text))


def _lines_of(text: str) -> dict[tuple[str, str], int]:
    """Return where keys stand; a text of several lines may mislead it, no more."""
    found: dict[tuple[str, str], int] = {}
    table, seen = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            name = header[2].replace('"', "").replace(" ", "")
            if name == "models" and header[1] == "[[":
                name, seen = f"models.{seen}", seen + 1
            table = re.sub(r"^models\.(?!\d)", f"models.{max(seen - 1, 0)}.", name)
            found.setdefault((table, ""), number)
        elif key := _KEY.match(line):
            found.setdefault((table, key[1]), number)
    return found


def model_from_tables(written: Mapping[str, Any], place: Callable[[str], str]) -> CatalogModel:
    """Return a checked model.

    Args:
        written: Every key of it, from all files that name it.
        place: Key -> "FILE, line N" where it was written.

    Raises:
        TunedeckError: A key does not exist, or a value is wrong.
    """
    return CatalogModel(**_checked(CatalogModel, written, place))


def provider_from_tables(written: Mapping[str, Any], place: Callable[[str], str]) -> ProviderEntry:
    """Return a checked service; `model_defaults` is not part of it.

    Raises:
        TunedeckError: A key does not exist, or a value is wrong.
    """
    plain = {key: value for key, value in written.items() if key != "model_defaults"}
    return ProviderEntry(**_checked(ProviderEntry, plain, place, extra=("model_defaults",)))


def refuse_unknown(place: Callable[[str], str], written: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse keys that do not exist.

    Raises:
        TunedeckError: One doesn't; the remedy names the nearest.
    """
    valid = list(known)
    for key in written:
        if key not in valid:
            nearest = difflib.get_close_matches(key, valid, n=1, cutoff=0.4)
            guess = f"Did you mean {nearest[0]!r}?" if nearest else f"Valid keys: {', '.join(valid)}."
            raise TunedeckError(f"{place(key)}: there is no key {key!r}.", guess)


def _checked(
    kind: type[CatalogModel | ProviderEntry | PriceTier],
    written: Mapping[str, Any],
    place: Callable[[str], str],
    extra: Iterable[str] = (),
) -> dict[str, Any]:
    types = {entry.name: str(entry.type) for entry in fields(kind)}
    refuse_unknown(place, written, [*types, *extra])
    return {key: _value(key, value, types[key], place) for key, value in written.items()}


def _value(key: str, value: Any, kind: str, place: Callable[[str], str]) -> Any:
    try:
        if key in _DATES:
            return date.fromisoformat(str(value)).isoformat()
        return _READERS[kind](value, lambda _: place(key))
    except (InvalidOperation, ValueError, TypeError):
        wanted = 'a day such as "2027-01-14"' if key in _DATES else _WORDS[kind]
        raise TunedeckError(f"{place(key)}: {key} is wrong: {value!r}.", f"Write {wanted}.") from None


def _text(value: Any, _place: Callable[[str], str]) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _flag(value: Any, _place: Callable[[str], str]) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _whole(value: Any, _place: Callable[[str], str]) -> int:
    if type(value) is not int or value < 0:
        raise TypeError
    return value


def _money(value: Any, _place: Callable[[str], str]) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError
    amount = Decimal(str(value))
    if not amount.is_finite() or amount < 0:
        raise ValueError
    return amount


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _tier(value: Any, place: Callable[[str], str]) -> PriceTier:
    if not isinstance(value, dict) or "name" not in value:
        raise TypeError
    return PriceTier(**_checked(PriceTier, value, place))


_READERS: Mapping[str, Callable[[Any, Callable[[str], str]], Any]] = {
    "str": _text, "str | None": _text, "bool": _flag, "bool | None": _flag, "int | None": _whole,
    "Decimal": _money, "Decimal | None": _money,
    "tuple[str, ...]": lambda value, place: tuple(_text(one, place) for one in _list(value)),
    "tuple[Method, ...]": lambda value, place: tuple(Method(one) for one in _list(value)),
    "tuple[PriceTier, ...]": lambda value, place: tuple(_tier(one, place) for one in _list(value)),
}  # fmt: skip
"""Type of a key, as its dataclass writes it -> reader that raises on anything else."""
