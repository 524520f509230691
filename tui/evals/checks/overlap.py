"""ROUGE and BLEU: how much of the expected text an answer shares; by their reference libraries, an extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import NOTHING_EXPECTED, Check, Grade
from tui.evals.checks.spec import CheckSpec

_LONGEST = 50_000
"""Characters of an answer that are compared: the longest common subsequence costs their product."""
_VARIANTS = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def _missing(library: str) -> TunedeckError:
    return TunedeckError(
        f"The package {library} is not installed.", "Install tunedeck[overlap] for ROUGE and BLEU."
    )


class Rouge(Check):
    """ROUGE F-measure against the expected answer, the best of several; Google's rouge-score, no stemming."""

    main = "variant"
    known: ClassVar[Mapping[str, Any]] = {"variant": str, "stem": bool}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        self._variant = self.option("variant", "rougeL")
        if self._variant not in _VARIANTS:
            raise TunedeckError(
                f'The check rouge: "{self._variant}".', f"It is one of {', '.join(_VARIANTS)}."
            )
        try:
            from rouge_score.rouge_scorer import RougeScorer  # an extra, and 1 s of imports
        except ImportError:
            raise _missing("rouge-score") from None
        self._scorer = RougeScorer([self._variant], use_stemmer=self.option("stem", False))

    def grade(self, case: Case, given: Given) -> Grade:
        """Score."""
        if not case.expected:
            return NOTHING_EXPECTED
        scores = [self._scorer.score(one[:_LONGEST], given.text[:_LONGEST]) for one in case.expected]
        return Grade(float(max(score[self._variant].fmeasure for score in scores)))


class Bleu(Check):
    """Sentence BLEU of sacrebleu against the expected answers, 0 to 1 (its scale divided by 100).

    The mean over rows is not corpus BLEU, which can't be paired row by row.
    """

    known: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        try:
            from sacrebleu.metrics.bleu import BLEU  # an extra
        except ImportError:
            raise _missing("sacrebleu") from None
        self._bleu = BLEU(effective_order=True)

    def grade(self, case: Case, given: Given) -> Grade:
        """Score."""
        if not case.expected:
            return NOTHING_EXPECTED
        references = [one[:_LONGEST] for one in case.expected]
        return Grade(
            min(1.0, float(self._bleu.sentence_score(given.text[:_LONGEST], references).score) / 100)
        )
