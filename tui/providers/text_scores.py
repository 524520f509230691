"""How likely a model holds given tokens, by a completions route that echoes its prompt with logprobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tui.providers.paging import read_json
from tui.providers.protocol import ProviderError
from tui.records.evaluations import TextScore

if TYPE_CHECKING:
    from openai import OpenAI


def score_given_tokens(
    client: OpenAI, model: str, tokens: Sequence[int], learned: Sequence[bool]
) -> TextScore:
    """Ask for the logprobs of tokens, and add up those that are marked.

    Args:
        client: Of the account.
        model: That scores.
        tokens: The whole text, as the model's own vocabulary numbers it.
        learned: Which of them count; the first can't, for nothing stands before it.

    Raises:
        ProviderError: The service gives no logprobs, or not one for each token.
    """
    response = client.completions.with_raw_response.create(
        model=model, prompt=list(tokens), echo=True, logprobs=1, max_tokens=0
    )
    choices = read_json(response).get("choices")
    first: Any = choices[0] if isinstance(choices, list) and choices else {}
    logprobs = first.get("logprobs") if isinstance(first, dict) else None
    given = logprobs.get("token_logprobs") if isinstance(logprobs, dict) else None
    likeliest = logprobs.get("top_logprobs") if isinstance(logprobs, dict) else None
    if not isinstance(given, list) or not isinstance(likeliest, list) or len(given) != len(tokens):
        raise ProviderError(
            "The service gave no logprobs of the text.", "Its completions route must echo with logprobs."
        )
    counted = [at for at in range(1, len(tokens)) if learned[at] and isinstance(given[at], int | float)]
    right = sum(_is_likeliest(given[at], likeliest[at]) for at in counted)
    return TextScore(len(counted), float(sum(given[at] for at in counted)), right)


def _is_likeliest(logprob: float, alternatives: Any) -> bool:
    values = alternatives.values() if isinstance(alternatives, dict) else ()
    return logprob >= max((one for one in values if isinstance(one, int | float)), default=logprob)
