"""Who counts a model's tokens on the command line; says so on stderr where that is not the model itself."""

from __future__ import annotations

from tui.cli.output import narrate
from tui.datasets.tokens import encoding_for
from tui.money.base_tokenizer import MODEL_ENCODING, BaseModelTokenizer, load_base_tokenizer
from tui.money.catalog import Catalog


def counter_for(model: str) -> BaseModelTokenizer | None:
    """Return a local model's own tokenizer, or None where tiktoken's vocabulary for `model` counts.

    Raises:
        TunedeckError: The person's own catalog file is wrong.
    """
    known = Catalog.load().find(model)
    if known is not None and known.encoding != MODEL_ENCODING:
        return None
    tokenizer = load_base_tokenizer(model)
    if tokenizer is None:
        why = "is not known here" if known is None else "is not on this machine yet"
        narrate(f"{model} {why}: counted with {encoding_for(model)}.")
    return tokenizer
