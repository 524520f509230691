"""Credentials and personal data, found by patterns and quoted masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from tui.datasets.lints.protocol import LintRow, RowLint

_SHOWN = 4
_MOST_PER_ROW = 20


@dataclass(frozen=True, slots=True)
class _Kind:
    label: str
    pattern: str
    hints: tuple[bytes, ...]
    """Bytes of which one stands in the line wherever the pattern matches; for personal data in the line's
    shape, where 0 is any digit and A any capital."""
    proof: Callable[[str], bool] | None = None
    tail: str = ""
    """What the end of each match matches; it begins with fixed text, which is looked for at memory speed."""


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


SECRETS: tuple[_Kind, ...] = (
    _Kind("an AWS key id", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", (b"AKIA", b"ASIA")),
    _Kind(
        "a key of OpenAI, Anthropic or the like",
        r"\bsk-[A-Za-z0-9_-]{20,200}",
        (b"sk-",),
        _has_digit,
        tail=r"sk-[A-Za-z0-9_-]{20}",
    ),
    _Kind(
        "a GitHub token",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"),
    ),
    _Kind("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}", (b"glpat-",)),
    _Kind("a Slack token", r"\bxox[abeprs]-[A-Za-z0-9-]{10,}", (b"xox",)),
    _Kind("a Google key", r"\bAIza[0-9A-Za-z_-]{35}", (b"AIza",)),
    _Kind("a Stripe key", r"\b[sr]k_live_[0-9A-Za-z]{16,}", (b"k_live_",)),
    _Kind("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}", (b"hf_",)),
    _Kind("an npm token", r"\bnpm_[A-Za-z0-9]{36}", (b"npm_",)),
    _Kind("a package index token", r"\bpypi-AgE[A-Za-z0-9_-]{40,}", (b"pypi-AgE",)),
    _Kind("a SendGrid key", r"\bSG\.[A-Za-z0-9_-]{16,100}\.[A-Za-z0-9_-]{16,100}", (b"SG.",)),
    _Kind(
        "a JSON web token",
        r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{10,900}+\.eyJ[A-Za-z0-9_-]{10,900}+\.[A-Za-z0-9_-]{10,900}",
        (b"eyJ",),
    ),
    _Kind("a private key", r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY", (b"-----BEGIN",)),
    _Kind(
        "a password in an address",
        r"[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"']{1,64}:[^\s:/@\"']{3,64}@",
        (b"://", rb":\/\/"),  # some writers of JSON escape every slash
        tail=r"://[^\s:/@\"']{1,64}:[^\s:/@\"']{3,64}@",
    ),
)


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if len(set(digits)) < 3:
        return False
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return (
        15 <= len(plain) <= 34
        and int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1
    )


PERSONAL: tuple[_Kind, ...] = (
    _Kind(
        "an e-mail address",
        # Begins where no letter stands before, so that a megabyte of letters is tried once.
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}+@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,12}\b",
        (b"@",),
    ),
    _Kind(
        "a telephone number",
        r"\+[1-9][0-9]{0,2}[ .-]?(?:\(0?[0-9]{1,4}\)[ .-]?)?[0-9]{2,4}(?:[ .-]?[0-9]{2,4}){2,4}\b",
        (b"+0", rb"\u000A", rb"\u000b"),  # what .NET writes for a plus sign, in shape
    ),
    _Kind(
        "the number of a card",
        r"\b[3-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3,4}\b",
        (b"00000000", b"0000 0000", b"0000-0000"),
        _luhn,
    ),
    _Kind(
        "the number of a bank account",
        r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b",
        (b"AA00",),
        _iban,
    ),
    _Kind("a US social security number", r"\b[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}\b", (b"000-00-0000",)),
)


def masked(text: str) -> str:
    """Return the ends of a secret with the rest starred, so that it can be found and not read."""
    if len(text) <= 3 * _SHOWN:
        return text[:2] + "*" * (len(text) - 2)
    return f"{text[:_SHOWN]}{'*' * min(12, len(text) - 2 * _SHOWN)}{text[-2:]}"


class Patterns(RowLint):
    """Texts that match patterns of one rule.

    Args:
        rule: The rule that a match breaks.
        kinds: What to look for.
    """

    def __init__(self, rule: str, kinds: tuple[_Kind, ...]) -> None:
        self._rule = rule
        self._kinds = kinds

    def row(self, row: LintRow) -> None:
        """Look at the line's bytes for all hints at once, and at its texts where one stands."""
        line = row.raw.translate(_SHAPE) if self._rule == "personal-data" else row.raw
        if not _hint_finder(self._rule)(line):
            return
        for kind in self._kinds:
            if any(hint in line for hint in kind.hints):
                self._look_for(kind, row)

    def _look_for(self, kind: _Kind, row: LintRow) -> None:
        pattern, tail = re.compile(kind.pattern), re.compile(kind.tail)
        found = 0
        for said in row.text.said:
            if tail.search(said.text) is None:
                continue
            for match in pattern.finditer(said.text):
                if kind.proof is not None and not kind.proof(match[0]):
                    continue
                found += 1
                if found > _MOST_PER_ROW:
                    break
                row.findings.add(
                    self._rule,
                    f"The text holds {kind.label}.",
                    said.path,
                    text=masked(match[0]),
                    needle=match[0],
                )


_SHAPE = bytes(
    48 if chr(code).isdigit() else 65 if chr(code).isupper() else code for code in range(128)
) + bytes(range(128, 256))


@cache
def _hint_finder(rule: str) -> Callable[[bytes], object]:
    """Return what is true for a line in which a hint of the rule stands; gigabytes a second."""
    hints = [hint for kind in KINDS[rule] for hint in kind.hints]
    try:
        from ahocorasick_rs import BytesAhoCorasick, MatchKind
    except ImportError:  # a system that it has no wheel for; a tenth of the speed
        return lambda line: any(hint in line for hint in hints)
    # Another kind of match would do without the vector search, at a fifth of the speed.
    finder = BytesAhoCorasick(hints, matchkind=MatchKind.LeftmostFirst)
    return finder.find_matches_as_indexes


KINDS: Mapping[str, tuple[_Kind, ...]] = {"secret": SECRETS, "personal-data": PERSONAL}
"""Rule -> what it looks for."""
