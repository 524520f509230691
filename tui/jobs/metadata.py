"""What a person lets a job carry: pairs of a name and a value, as typed and as a service takes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping

from tui.errors import TunedeckError
from tui.records.requests import RUN_ID_KEY

MOST_PAIRS = 15
"""Of the 16 that OpenAI takes (API description, read 2026-11), one holds the run id."""
_LONGEST_NAME, _LONGEST_VALUE = 64, 512


def read_metadata(texts: Iterable[str]) -> dict[str, str]:
    """Return name -> value of texts such as `team=tone`.

    Raises:
        TunedeckError: A text is no pair, too long, one too many, or has a name that is tunedeck's own.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name or not value:
            raise TunedeckError(f"{text!r} is no name and value.", "Write name=value, such as team=tone.")
        if len(name) > _LONGEST_NAME or len(value) > _LONGEST_VALUE:
            raise TunedeckError(
                f"{name[:20]!r} is too long for metadata.",
                f"Up to {_LONGEST_NAME} characters for a name, {_LONGEST_VALUE} for a value.",
            )
        if name == RUN_ID_KEY:
            raise TunedeckError(f"{RUN_ID_KEY} is tunedeck's own.", "Choose another name.")
        found[name] = value
    if len(found) > MOST_PAIRS:
        raise TunedeckError(f"{len(found)} pairs of metadata are too many.", f"Up to {MOST_PAIRS}.")
    return found


def parse_metadata(line: str) -> dict[str, str]:
    """Return the pairs of one line, `team=tone note="two words"`.

    Raises:
        TunedeckError: As `read_metadata`, or a quote is left open.
    """
    try:
        texts = shlex.split(line)
    except ValueError:
        raise TunedeckError("A quote is left open.", "Write name=value, or name='two words'.") from None
    return read_metadata(texts)


def metadata_line(metadata: Mapping[str, str]) -> str:
    """Return the line that `parse_metadata` reads back as the same."""
    return " ".join(shlex.quote(f"{name}={value}") for name, value in metadata.items())
