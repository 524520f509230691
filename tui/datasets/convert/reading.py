"""A record and a mapping make an example; what the mapping has no use for is listed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tui.datasets.convert.cell_values import Binary, text_of
from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.mapping import ColumnMapping, Role, RowKind, SourceShape
from tui.datasets.convert.turns import parsed_json, read_turns, turns_in_text, weight_of
from tui.datasets.convert.two_answers import read_answers
from tui.datasets.convert.vertex import system_text
from tui.datasets.quoting import quoted

_TRUE = frozenset({"true", "1", "1.0", "yes", "good"})


def read_example(value: Mapping[str, Any], mapping: ColumnMapping, losses: LossList) -> Example:
    """Return what a record holds.

    Raises:
        RowProblem: It lacks what a row needs, or holds what no row can.
    """
    cells = _Cells(value, mapping)
    for name in cells.unused():
        losses.note("column", name)
    _refuse_bad_label(cells)
    example = Example(_before_answer(cells, losses))
    example.own = cells.kept()
    _read_tools(cells, example)
    if mapping.columns(Role.CHOSEN):
        for role in (Role.CHOSEN, Role.REJECTED):
            if cells.one(role) is None:
                cells.refuse_missing(role)
        chosen, rejected = cells.one(Role.CHOSEN), cells.one(Role.REJECTED)
        names = (cells.name(Role.CHOSEN), cells.name(Role.REJECTED))
        read_answers(example, chosen, rejected, names, losses)
        return example
    example.messages += _answer(cells, losses)
    _weigh(cells, example)
    if not example.messages:
        raise RowProblem("the row holds no message")
    return example


class _Cells:
    """The cells of one record by their role; empty ones are as good as absent."""

    def __init__(self, value: Mapping[str, Any], mapping: ColumnMapping) -> None:
        self._value = value
        self._mapping = mapping

    def all(self, role: Role) -> list[tuple[str, Any]]:
        """Return (column, cell) of a role's cells that hold something."""
        return [
            (column, cell)
            for column in self._mapping.columns(role)
            if not _is_empty(cell := self._value.get(column))
        ]

    def one(self, role: Role) -> Any:
        """Return the cell of a role, None when there is none."""
        found = self.all(role)
        return found[0][1] if found else None

    def name(self, role: Role) -> str:
        """Return the column of a role."""
        return next(iter(self._mapping.columns(role)), role.value)

    def refuse_missing(self, role: Role) -> None:
        """Refuse a row whose cell of a role is missing or empty, where the file has such a column."""
        if self._mapping.columns(role):
            what = "empty" if self.name(role) in self._value else "missing"
            raise RowProblem(f'"{self.name(role)}" is {what}')

    @property
    def is_vertex(self) -> bool:
        """True for rows whose system message has parts."""
        return self._mapping.shape is SourceShape.VERTEX

    @property
    def keeps_keys(self) -> bool:
        """True for rows of a grader, which may have no answer."""
        return self._mapping.kind is RowKind.REINFORCEMENT

    def texts(self, role: Role) -> list[str]:
        """Return the texts of a role's cells."""
        return [_text(cell, column) for column, cell in self.all(role)]

    def unused(self) -> list[str]:
        """Return the columns that hold something and go nowhere."""
        return [
            column
            for column, cell in self._value.items()
            if self._mapping.role_of(column) is Role.DROP and not _is_empty(cell)
        ]

    def kept(self) -> dict[str, Any]:
        """Return the cells that stay under their names."""
        kept = {}
        for column, cell in self._value.items():
            if self._mapping.role_of(column) is Role.KEEP:
                if isinstance(cell, Binary):
                    raise RowProblem(f'"{column}" holds {cell!r}')
                kept[column] = cell
        return kept


def _is_empty(cell: object) -> bool:
    return cell is None or cell == "" or (isinstance(cell, list | dict) and not cell)


def _text(cell: object, column: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool | int | float):
        return text_of(cell)
    raise RowProblem(
        f'"{column}" must be text and is {quoted(cell, 40) if not isinstance(cell, Binary) else cell!r}'
    )


def _refuse_bad_label(cells: _Cells) -> None:
    label = cells.one(Role.LABEL)
    if label is not None and str(label).strip().lower() not in _TRUE:
        raise RowProblem(
            f'"{cells.name(Role.LABEL)}" says {quoted(label, 20)}: this is an example of a bad answer'
        )


def _before_answer(cells: _Cells, losses: LossList) -> list[Message]:
    messages = [{"role": "system", "content": text} for text in _system_texts(cells)]
    messages += _history(cells)
    for column, cell in cells.all(Role.MESSAGES):
        messages += read_turns(cell, column, losses)
    for column, cell in cells.all(Role.PROMPT):
        messages += _spoken(cell, column, "user", losses)
    question = [*cells.texts(Role.USER), *cells.texts(Role.INPUT)]
    if question:
        messages.append({"role": "user", "content": "\n".join(question)})
    else:
        cells.refuse_missing(Role.USER)
    return messages


def _system_texts(cells: _Cells) -> list[str]:
    texts = []
    for column, cell in cells.all(Role.SYSTEM):
        if cells.is_vertex and isinstance(cell, str):
            cell = parsed_json(cell) or cell  # as a table holds it
        text = system_text(cell) if isinstance(cell, dict | list) else _text(cell, column)
        if text is None:
            raise RowProblem(f'"{column}" holds no text: {quoted(cell, 40)}')
        texts.append(text)
    return texts


def _history(cells: _Cells) -> list[Message]:
    messages: list[Message] = []
    for column, cell in cells.all(Role.HISTORY):
        pairs = parsed_json(cell) if isinstance(cell, str) else cell
        if not isinstance(pairs, list):
            raise RowProblem(f'"{column}" is no list of question-answer pairs: {quoted(cell, 40)}')
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2:
                raise RowProblem(f'"{column}" holds no pair: {quoted(pair, 40)}')
            messages.append({"role": "user", "content": _text(pair[0] or "", column)})
            messages.append({"role": "assistant", "content": _text(pair[1] or "", column)})
    return messages


def _spoken(cell: object, column: str, role: str, losses: LossList) -> list[Message]:
    """Return text as one message of a role, and turns as they are."""
    if isinstance(cell, str) and (turns := turns_in_text(cell)) is not None:
        return read_turns(turns, column, losses)
    if isinstance(cell, list | dict):
        if isinstance(cell, dict) and "messages" in cell:
            for key in cell.keys() - {"messages", "tools", "functions", "parallel_tool_calls"}:
                losses.note("key", f"{column}.{key}")
        return read_turns(cell, column, losses)
    return [{"role": role, "content": _text(cell, column)}]


def _answer(cells: _Cells, losses: LossList) -> list[Message]:
    for role in (Role.ASSISTANT, Role.COMPLETION):
        for column, cell in cells.all(role):
            return _spoken(cell, column, "assistant", losses)
        if not cells.keeps_keys:
            cells.refuse_missing(role)
    return []


def _read_tools(cells: _Cells, example: Example) -> None:
    source = cells.one(Role.PROMPT)
    inner = source if isinstance(source, dict) else {}
    for column, cell in [*cells.all(Role.TOOLS), ("tools", inner.get("tools"))]:
        if not _is_empty(cell):
            example.tools += _tool_list(cell, column)
    for column, cell in [*cells.all(Role.FUNCTIONS), ("functions", inner.get("functions"))]:
        if not _is_empty(cell):
            example.functions += _list_of(cell, column)
    parallel = inner.get("parallel_tool_calls")
    parallel = cells.one(Role.PARALLEL) if parallel is None else parallel
    if parallel is not None:
        example.parallel_tool_calls = bool(weight_of(parallel))


def _list_of(cell: object, column: str) -> list[Any]:
    value = parsed_json(cell) if isinstance(cell, str) else cell
    if not isinstance(value, list):
        raise RowProblem(f'"{column}" is no list of definitions: {quoted(cell, 40)}')
    return value


def _tool_list(cell: object, column: str) -> list[Any]:
    tools: list[Any] = []
    for tool in _list_of(cell, column):
        tool = parsed_json(tool) if isinstance(tool, str) else tool
        if not isinstance(tool, dict):
            raise RowProblem(f'"{column}" holds no tool definition: {quoted(tool, 40)}')
        declarations = tool.get("functionDeclarations", tool.get("function_declarations"))
        bare = declarations if isinstance(declarations, list) else [tool]
        for entry in bare:
            wrapped = isinstance(entry, dict) and "function" in entry
            tools.append(entry if wrapped else {"type": "function", "function": entry})
    return tools


def _weigh(cells: _Cells, example: Example) -> None:
    weight = cells.one(Role.WEIGHT)
    if weight is None:
        return
    answers = [message for message in example.messages if message["role"] == "assistant"]
    if answers:
        answers[-1]["weight"] = weight_of(weight)
