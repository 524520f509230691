"""The training examples that are nearest to a question: by words, or by vectors of a service or a library.

An example with the words of the question itself is left out: it would be the answer, and nobody has it for
tomorrow's questions.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.ports import EvalServices
from tui.evals.requests import Examples
from tui.providers.embeddings import MOST_AT_ONCE
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatMessage
from tui.store.text_index import TextIndex

if TYPE_CHECKING:
    import numpy

BY_WORDS = "words"
_SYSTEM_ROLES = ("system", "developer")
_WORD = re.compile(r"\w+")
_LONGEST_TEXT = 8_000
"""Characters of a question that are embedded; embedding models read some 8,000 tokens at most."""
Vectors = dict[bytes, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Nearness:
    """How nearest is meant."""

    by: str = BY_WORDS
    """`words`, or a service's embedding model, or the name or folder of a library's."""
    lane: Lane | None = None
    """Account and model that embed; None for words and for a library on this machine."""

    @property
    def words(self) -> str:
        """It for people."""
        if self.lane is not None:
            return f"embeddings of {self.lane.model}"
        return "the words they share (BM25)" if self.by == BY_WORDS else f"model2vec vectors of {self.by}"


def nearest_examples(
    services: EvalServices, cases: Sequence[Case], training: Sequence[Case], most: int, how: Nearness
) -> tuple[Examples, int]:
    """Return for each case the nearest training examples, the very nearest last, beside its question.

    Args:
        services: The store keeps vectors; with a service's, all of them have to be there.
        cases: Held-out rows.
        training: Rows with a right answer.
        most: Examples for each.
        how: What is near.

    Returns:
        The examples, and how many training rows were left out as a question's own words.

    Raises:
        TunedeckError: A library is missing, or vectors are.
    """
    answered = [one for one in training if one.expected and one.question.strip()]
    order = (
        _by_words(cases, answered, most)
        if how.by == BY_WORDS
        else _by_vectors(services, cases, answered, how)
    )
    found: dict[str, tuple[ChatMessage, ...]] = {}
    left_out = 0
    for case, places in zip(cases, order, strict=True):
        own = _key(case.question)
        near: list[Case] = []
        for place in places:
            if _key(answered[place].question) == own:
                left_out += 1
                continue
            near.append(answered[place])
            if len(near) == most:
                break
        found[case.id] = tuple(message for one in reversed(near) for message in _shown(one))
    return Examples(found), left_out


def _shown(case: Case) -> tuple[ChatMessage, ...]:
    asked = tuple(one for one in case.messages if one.role not in _SYSTEM_ROLES)
    return (*asked, ChatMessage("assistant", case.expected[0]))


def _key(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _by_words(cases: Sequence[Case], training: Sequence[Case], most: int) -> list[list[int]]:
    index = TextIndex()
    try:
        index.add((number, one.question) for number, one in enumerate(training, 1))
        # A few more than wanted: those with the question's own words are left out.
        return [[number - 1 for number in index.nearest(one.question, most + 8)] for one in cases]
    finally:
        index.close()


def _by_vectors(
    services: EvalServices, cases: Sequence[Case], training: Sequence[Case], how: Nearness
) -> list[list[int]]:
    import numpy

    texts = texts_of(cases, training)
    if how.lane is None:
        known: Mapping[bytes, Any] = library_vectors(how.by, texts)
    else:
        known = services.store.embeddings(how.lane.account, how.lane.model, list(texts))
    if len(known) < len(texts):
        raise TunedeckError(
            f"{len(texts) - len(known):,} of {len(texts):,} texts are not embedded yet.", "Embed them first."
        )
    theirs = _matrix([known[digest_of(one.question)] for one in training])
    ours = _matrix([known[digest_of(one.question)] for one in cases])
    likeness = ours @ theirs.T
    return [numpy.argsort(-row, kind="stable").tolist() for row in likeness]


def _matrix(vectors: Sequence[Sequence[float]]) -> numpy.ndarray[Any, Any]:
    import numpy

    lengths = {len(one) for one in vectors}
    if len(lengths) > 1:
        raise TunedeckError("The vectors are not of one length.", "Embed the texts anew with one model.")
    matrix = numpy.array(vectors, numpy.float32)
    norms = numpy.linalg.norm(matrix, axis=1, keepdims=True)
    result: numpy.ndarray[Any, Any] = matrix / numpy.where(norms > 0, norms, 1)
    return result


def digest_of(text: str) -> bytes:
    """Return by what the vector of a text is found again."""
    return sha256(text[:_LONGEST_TEXT].encode("utf-8", "surrogatepass")).digest()


def texts_of(*parts: Sequence[Case]) -> dict[bytes, str]:
    """Return the questions of rows, each once, by their digests."""
    return {
        digest_of(one.question): one.question[:_LONGEST_TEXT]
        for part in parts
        for one in part
        if one.question.strip()
    }


def missing_texts(services: EvalServices, lane: Lane, texts: Mapping[bytes, str]) -> dict[bytes, str]:
    """Return the texts that have no vector of this model yet."""
    known = services.store.embeddings(lane.account, lane.model, list(texts))
    return {digest: text for digest, text in texts.items() if digest not in known}


def embed_missing(
    services: EvalServices,
    lane: Lane,
    texts: Mapping[bytes, str],
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Ask a service for the vectors that are missing, and keep each part as it comes; returns how many.

    Raises:
        ProviderError: The service has no embeddings, or refuses.
    """
    missing = list(missing_texts(services, lane, texts).items())
    provider = services.provider(lane.account)
    for start in range(0, len(missing), MOST_AT_ONCE):
        some = missing[start : start + MOST_AT_ONCE]
        try:
            vectors = provider.embed(lane.model, [text for _, text in some])
        except ProviderError as error:
            if error.status == 404:
                raise TunedeckError(
                    f"{lane.account} has no embeddings by {lane.model}.",
                    "Name a model that embeds, or look for the nearest by words.",
                ) from None
            raise
        kept: Vectors = {digest: vector for (digest, _), vector in zip(some, vectors, strict=True)}
        services.store.save_embeddings(lane.account, lane.model, kept)
        on_progress(start + len(some), len(missing))
    return len(missing)


def library_vectors(name: str, texts: Mapping[bytes, str]) -> dict[bytes, array[float]]:
    """Return vectors that are made on this machine, by static word vectors that need no accelerator.

    Args:
        name: Folder of a model2vec model, or its name at the model hub.
        texts: By their digests.

    Raises:
        TunedeckError: The library is not installed, or the model can't be read.
    """
    try:
        from model2vec import StaticModel
    except ImportError:
        raise TunedeckError(
            "Vectors on this machine need model2vec.", "pip install 'tunedeck[nearest]', or use words."
        ) from None
    try:
        model = StaticModel.from_pretrained(name)
        vectors = model.encode(list(texts.values()))
    except Exception as error:  # the library raises whatever its file formats and the hub raise
        raise TunedeckError(
            f"The vectors of {name} can't be read: {type(error).__name__}: {error}",
            "Name the folder of a model2vec model.",
        ) from None
    return {digest: array("f", vector.tolist()) for digest, vector in zip(texts, vectors, strict=True)}
