"""One safe fix per rule, where there is one; where only a person can decide there is none, on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tui.datasets.fixes import function_fixes, line_fixes, message_fixes, pair_fixes, text_fixes, tool_fixes
from tui.datasets.fixes.base import Fix, Fixed
from tui.datasets.fixes.file_fixes import FILE_FIXES, FileFix

__all__ = ["FILE_FIXES", "FIXES", "FileFix", "Fix", "Fixed", "fix_for", "fix_name"]

FIXES: Mapping[str, Fix] = MappingProxyType(
    {
        fix.rule: fix
        for module in (line_fixes, pair_fixes, message_fixes, tool_fixes, function_fixes, text_fixes)
        for fix in module.FIXES
    }
)
"""Rule id -> its fix, in the order in which they are best applied: what is read before what it says."""


def fix_for(rule_id: str) -> Fix | None:
    """Return the safe fix of a rule, or None where there is none."""
    return FIXES.get(rule_id)


def fix_name(rule_id: str) -> str | None:
    """Return what the fix of a rule does, be it a row's or a whole file's; None where there is none."""
    fix = FILE_FIXES.get(rule_id) or FIXES.get(rule_id)
    return None if fix is None else fix.name
