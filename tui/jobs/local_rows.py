"""How a local base model reads rows: the one thing that the core and the local engine share but HTTP.

A row's tokens are counted and drawn with the engine's own template and mask, without starting the engine.
"""

from __future__ import annotations

from tui.datasets.token_ids import TiktokenReader, TokenReader, Vocabulary
from tui.datasets.tokens import encoding_for
from tui.errors import TunedeckError
from tui.money.base_tokenizer import load_base_tokenizer, tokenizer_file
from tui.money.catalog import CatalogModel
from tui.money.catalog_model import MODEL_ENCODING


def local_reader(model_id: str) -> Vocabulary | None:
    """Return how a local base or tuned model reads rows, or None while the base model is not there.

    A folder that holds the tokenizer alone counts texts, with the framing of `tui.datasets.row_tokens`.
    """
    path = tokenizer_file(model_id)
    if not path.is_file():
        return None
    from tui.engine.llama.row_layout import load_row_layout  # numpy and Jinja, only for local models

    try:
        return load_row_layout(path.parent)
    except TunedeckError:
        return load_base_tokenizer(model_id)


def reader_of(model: CatalogModel) -> Vocabulary | None:
    """Return who counts for a model instead of tiktoken's vocabulary; None where that counts."""
    return local_reader(model.id) if model.encoding == MODEL_ENCODING else None


def vocabulary_of(model: CatalogModel) -> TokenReader:
    """Return how a model reads rows, for drawing them token by token."""
    return reader_of(model) or TiktokenReader(encoding_for(model.id))


def row_limit(model: CatalogModel, reader: TokenReader | None) -> int | None:
    """Return the most tokens of an example: the catalog's, or less where a local model reads less."""
    context = getattr(reader, "context", None)
    limits = [limit for limit in (model.training_example_limit, context) if limit is not None]
    return min(limits, default=None)
