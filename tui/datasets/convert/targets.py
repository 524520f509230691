"""Where rows can go: shapes of files, and what each provider takes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tui.datasets.convert.mapping import RowKind
from tui.errors import TunedeckError


class TargetShape(StrEnum):
    """A form of rows to write."""

    CHAT = "chat"
    PREFERENCE = "preference"
    REINFORCEMENT = "reinforcement"
    COMPLETION = "completion"
    ALPACA = "alpaca"
    SHAREGPT = "sharegpt"
    TRL = "trl"
    TRL_COMPLETION = "trl-completion"
    VERTEX = "vertex"
    COLUMNS = "columns"


SHAPE_WORDS: Mapping[TargetShape, str] = {
    TargetShape.CHAT: "{messages, tools?}: supervised fine-tuning, OpenAI's form",
    TargetShape.PREFERENCE: "{input, preferred_output, non_preferred_output}: DPO, OpenAI's form",
    TargetShape.REINFORCEMENT: "{messages without the answer, own keys}: RFT, OpenAI's form",
    TargetShape.COMPLETION: "{prompt, completion}: text",
    TargetShape.ALPACA: "{instruction, input, output, system, history}: LLaMA-Factory, Axolotl",
    TargetShape.SHAREGPT: "{conversations, system, tools}: LLaMA-Factory, Axolotl, ms-swift",
    TargetShape.TRL: "{messages, tools} or {prompt, chosen, rejected}: TRL",
    TargetShape.TRL_COMPLETION: "{prompt, completion}: TRL, one row for each answer that is learned",
    TargetShape.VERTEX: "{systemInstruction, contents}: Gemini on Vertex",
    TargetShape.COLUMNS: "{system, user, assistant}: a plain table of single questions",
}
_OPENAI_SHAPES = (TargetShape.CHAT, TargetShape.PREFERENCE, TargetShape.REINFORCEMENT, TargetShape.COMPLETION)


@dataclass(frozen=True, slots=True)
class TargetRules:
    """What a provider takes, as far as a conversion can do something about it."""

    name: str
    label: str
    shapes: tuple[TargetShape, ...]
    minimum_rows: int = 1
    byte_order_mark: bool = False
    legacy_functions: bool = False
    """functions and function_call are taken; else they become tools."""
    parallel_flag: bool = False
    names: bool = True
    reasoning: bool = False
    one_system: bool = False
    """A system message may only be the first."""
    alternate: bool = False
    """The same role twice in a row is refused."""
    image_detail: bool = True
    images: bool = True
    short_call_ids: bool = False
    """The ids of calls are nine letters and digits."""
    source: str = ""
    source_date: str = "2026-11-25"


PROVIDERS: Mapping[str, TargetRules] = {
    rules.name: rules
    for rules in (
        TargetRules(
            "openai", "OpenAI", _OPENAI_SHAPES, minimum_rows=10, legacy_functions=True, parallel_flag=True,
            source="OpenAI API specification (2025-05-20), fine-tuning guide",
        ),
        TargetRules(
            "azure", "Azure OpenAI", _OPENAI_SHAPES[:3], minimum_rows=10, byte_order_mark=True,
            legacy_functions=True, parallel_flag=True,
            source="MicrosoftDocs/azure-ai-docs, fine-tuning: UTF-8 with a byte order mark",
        ),
        TargetRules(
            "together", "Together AI", (TargetShape.CHAT, TargetShape.PREFERENCE, TargetShape.COMPLETION),
            reasoning=True, one_system=True, alternate=True,
            source="together 3.1.1, lib/constants.py; together-python, utils/files.py",
        ),
        TargetRules(
            "fireworks", "Fireworks AI", (TargetShape.CHAT, TargetShape.PREFERENCE), minimum_rows=3,
            names=False, one_system=True,
            source="docs.fireworks.ai, fine-tuning: at least 3 examples, three roles",
        ),
        TargetRules(
            "nebius", "Nebius Token Factory", (TargetShape.CHAT, TargetShape.COMPLETION),
            source="Nebius Token Factory docs and cookbook; no form but these is published",
        ),
        TargetRules(
            "crusoe", "Crusoe Intelligence Foundry", (TargetShape.CHAT,),
            source="docs.crusoecloud.com/serverless-fine-tuning; no form but this is published",
        ),
        TargetRules(
            "mistral", "Mistral's open trainers", (TargetShape.CHAT,), short_call_ids=True,
            source="Mistral's error text (langchain-ai/langchain#24668)",
        ),
        TargetRules(
            "local", "the local engine", (TargetShape.CHAT, TargetShape.PREFERENCE), minimum_rows=10,
            legacy_functions=True, parallel_flag=True, images=False,
            source="this program: the engine checks files as OpenAI does",
        ),
        TargetRules(
            "vertex", "Vertex AI", (TargetShape.VERTEX,),
            source="Google, Prepare supervised fine-tuning data for Gemini models",
        ),
    )
}  # fmt: skip
"""Provider -> its rules."""
ANYWHERE = TargetRules(
    "", "any service of OpenAI's form", tuple(TargetShape), legacy_functions=True, parallel_flag=True
)  # fmt: skip
"""Rules when no provider is named: OpenAI's, without its minimum."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be written, for whom."""

    shape: TargetShape
    rules: TargetRules = ANYWHERE


def find_target(shape: str | None, provider: str | None, kind: RowKind) -> Target:
    """Return the target that was asked for, or the one that fits the rows.

    Args:
        shape: Name of a shape; None, or "openai" for OpenAI's form of these rows.
        provider: Name of a provider; None for nobody in particular.
        kind: What the rows are good for.

    Raises:
        TunedeckError: There is no such provider or shape, or they don't go together.
    """
    if provider is not None and provider not in PROVIDERS:
        raise TunedeckError(f'There is no provider "{provider}".', f"Providers: {', '.join(PROVIDERS)}")
    rules = PROVIDERS[provider] if provider else ANYWHERE
    if shape in (None, "openai"):
        found = TargetShape.VERTEX if rules.name == "vertex" else TargetShape(kind.value)
    else:
        try:
            found = TargetShape(shape)
        except ValueError:
            known = ", ".join(("openai", *TargetShape))
            raise TunedeckError(f'There is no shape "{shape}".', f"Shapes: {known}") from None
    if found not in rules.shapes:
        takes = ", ".join(rules.shapes)
        raise TunedeckError(f"{rules.label} takes no {found.value} rows.", f"It takes: {takes}")
    refuse_kind(found, kind)
    return Target(found, rules)


def refuse_kind(shape: TargetShape, kind: RowKind) -> None:
    """Refuse to make rows of answers that are not there.

    Raises:
        TunedeckError: Preference rows of a file without two answers, or a grader's rows of such a file.
    """
    if shape is TargetShape.PREFERENCE and kind is not RowKind.PREFERENCE:
        raise TunedeckError(
            "Preference rows need a preferred and a rejected answer, and the mapping has not both.",
            "Give one column the role chosen and another the role rejected (--map COLUMN=chosen).",
        )
    if shape is TargetShape.REINFORCEMENT and kind is RowKind.PREFERENCE:
        raise TunedeckError(
            "Reinforcement rows can't be made of preferences.",
            "Write chat or preference instead (--to chat).",
        )
