"""What single services ask of a conversation beyond OpenAI's rules: turns, ids of calls."""

from __future__ import annotations

import re
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import LintRow, RowLint
from tui.datasets.locate import JsonPath
from tui.datasets.services import SERVICES


class ServiceRows(RowLint):
    """The rules of one service, row by row; made only where the service has such rules.

    Args:
        service: A key of SERVICES.
    """

    def __init__(self, service: str) -> None:
        facts = SERVICES[service]
        self._alternate = facts.roles_alternate
        self._system_first = facts.system_first
        self._splits = facts.splits_at_carriage_return
        self._call_id = re.compile(facts.tool_call_id) if facts.tool_call_id else None
        self._label = facts.label

    @staticmethod
    def needed(service: str) -> bool:
        """Return whether a service has rules of this kind."""
        facts = SERVICES[service]
        return (
            facts.splits_at_carriage_return
            or facts.roles_alternate
            or facts.system_first
            or facts.tool_call_id is not None
        )

    def row(self, row: LintRow) -> None:
        """Look at the bytes and the messages of a row."""
        if self._splits and b"\r" in row.raw.strip():
            message = f"A carriage return stands inside the line; {self._label} takes the row for two."
            row.findings.add("carriage-return-inside", message)
        holder: object = row.value.get("input") if row.format is DatasetFormat.PREFERENCE else row.value
        messages = holder.get("messages") if isinstance(holder, dict) else None
        if not isinstance(messages, list):
            return
        path: JsonPath = ("input", "messages") if row.format is DatasetFormat.PREFERENCE else ("messages",)
        previous = None
        for index, message in enumerate(messages):
            if not isinstance(message, dict):
                previous = None
                continue
            role = message.get("role")
            if self._alternate and role == previous and isinstance(role, str):
                row.findings.add(
                    "roles-alternate",
                    f"messages[{index}] is a second {role} message in a row.",
                    (*path, index, "role"),
                    text=role,
                )
            if self._system_first and role == "system" and index:
                row.findings.add(
                    "system-not-first", f"messages[{index}] is a system message.", (*path, index, "role")
                )
            if self._call_id is not None:
                self._check_ids(row, message, (*path, index))
            previous = role

    def _check_ids(self, row: LintRow, message: dict[str, Any], path: JsonPath) -> None:
        calls = message.get("tool_calls")
        ids = [
            ((*path, "tool_calls", index, "id"), call.get("id"))
            for index, call in enumerate(calls if isinstance(calls, list) else [])
            if isinstance(call, dict)
        ]
        if "tool_call_id" in message:
            ids.append(((*path, "tool_call_id"), message["tool_call_id"]))
        for where, call_id in ids:
            if isinstance(call_id, str) and self._call_id and not self._call_id.fullmatch(call_id):
                row.findings.add(
                    "tool-call-id-form",
                    f"{self._label} does not take this id of a call.",
                    where,
                    text=call_id,
                )
