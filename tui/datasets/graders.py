"""Graders of reinforcement jobs: what is wrong with one, and which keys of a row its templates need.

Shapes and names: types/graders of openai 3.52.0 and OpenAI's guide to graders, read 2026-11-21.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from tui.datasets.locate import JsonPath, path_text
from tui.errors import TunedeckError

OPERATIONS = frozenset({"eq", "ne", "like", "ilike"})
METRICS = frozenset(
    ["cosine", "fuzzy_match", "bleu", "gleu", "meteor", "rouge_l", *(f"rouge_{n}" for n in range(1, 6))]
)
SAMPLE_NAMES = frozenset({"output_text", "output_json", "output_tools", "output_audio", "choices"})
FUNCTIONS = frozenset({"min", "max", "abs", "floor", "ceil", "exp", "sqrt", "log"})
"""What `calculate_output` may call."""
_ROLES = frozenset({"user", "assistant", "system", "developer"})
_TEMPLATE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_REFERENCE = re.compile(r"\s*(item|sample)((?:\.\w+|\[\s*(?:\d+|'[^']*'|\"[^\"]*\")\s*\])+)\s*\Z")
_STEP = re.compile(r"\.(\w+)|\[\s*(?:(\d+)|'([^']*)'|\"([^\"]*)\")\s*\]")
_NAME_IN_FORMULA = re.compile(r"([A-Za-z_]\w*)\s*(\()?")
_MOST_DEPTH = 16


@dataclass(frozen=True, slots=True)
class GraderProblem:
    """What is wrong with a grader itself."""

    path: str
    """JSON path in the grader."""
    message: str


@dataclass(frozen=True, slots=True)
class ItemReference:
    """A key of the row that a template or a program reads."""

    steps: JsonPath
    """From the top of the row."""
    where: str
    """JSON path in the grader."""

    @property
    def text(self) -> str:
        """The reference as a template writes it."""
        return "item" + path_text(self.steps)[1:]

    def missing_in(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row lacks what is read; inside text nothing is looked for."""
        value: Any = row
        for step in self.steps:
            if isinstance(value, dict) and isinstance(step, str):
                if step not in value:
                    return True
                value = value[step]
            elif isinstance(value, list) and isinstance(step, int):
                if step >= len(value):
                    return True
                value = value[step]
            else:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Grader:
    """A grader as far as a file of rows is concerned."""

    kind: str
    problems: tuple[GraderProblem, ...]
    references: tuple[ItemReference, ...]


def read_grader(path: Path) -> Grader:
    """Read what a grader in a JSON file needs and what is wrong with it.

    Raises:
        TunedeckError: The file can't be read, or is no JSON object.
    """
    return parse_grader(read_grader_value(path))


def read_grader_value(path: Path) -> dict[str, Any]:
    """Return the grader in a JSON file, which may also hold it as "grader" or inside a job's method.

    Raises:
        TunedeckError: The file can't be read, or is no JSON object.
    """
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "Check the path.") from None
    except (ValueError, RecursionError) as error:
        raise TunedeckError(f"{path} is no JSON: {error}.", "A grader is one JSON object.") from None
    value = _unwrapped(value)
    if not isinstance(value, dict):
        raise TunedeckError(f"{path} holds no grader.", 'A grader is a JSON object with a "type".')
    return value


def _unwrapped(value: Any) -> Any:
    """Return the grader inside a job request, a method or {"grader": ...}."""
    for key in ("method", "reinforcement", "grader"):
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
    return value


def parse_grader(value: Mapping[str, Any]) -> Grader:
    """Return what a grader needs and what is wrong with it; never raises."""
    reader = _Reader()
    reader.grader(value, (), inner=False)
    return Grader(str(value.get("type", "")), tuple(reader.problems), tuple(reader.references))


class _Reader:
    """One walk over a grader."""

    def __init__(self) -> None:
        self.problems: list[GraderProblem] = []
        self.references: list[ItemReference] = []
        self._kinds: Mapping[str, Callable[[Mapping[str, Any], JsonPath], None]] = {
            "string_check": self._string_check,
            "text_similarity": self._text_similarity,
            "python": self._python,
            "score_model": self._score_model,
            "label_model": self._label_model,
            "multi": self._multi,
        }

    def grader(self, value: object, path: JsonPath, *, inner: bool) -> None:
        """Look at a grader; `inner`: it is part of a multi grader."""
        if not isinstance(value, dict) or len(path) > _MOST_DEPTH:
            self._problem(path, "is no grader: an object is needed")
            return
        kind = value.get("type")
        if not isinstance(kind, str) or kind not in self._kinds:
            self._problem((*path, "type"), f"must be one of {', '.join(sorted(self._kinds))}")
            return
        if kind == "label_model" and not inner:
            self._problem((*path, "type"), "label_model is taken inside a multi grader only")
        if kind == "multi" and inner:
            self._problem((*path, "type"), "a multi grader can't be part of another")
        self._text(value, "name", path)
        self._kinds[kind](value, path)

    def _problem(self, path: JsonPath, message: str) -> None:
        self.problems.append(GraderProblem(path_text(path), message))

    def _text(self, value: Mapping[str, Any], key: str, path: JsonPath) -> str | None:
        text = value.get(key)
        if isinstance(text, str) and text:
            return text
        self._problem((*path, key), "must be text")
        return None

    def _template(self, value: Mapping[str, Any], key: str, path: JsonPath) -> None:
        text = self._text(value, key, path)
        if text is not None:
            self._references(text, (*path, key))

    def _choice(self, value: Mapping[str, Any], key: str, allowed: frozenset[str], path: JsonPath) -> None:
        if not isinstance(value.get(key), str) or value[key] not in allowed:
            self._problem((*path, key), f"must be one of {', '.join(sorted(allowed))}")

    def _references(self, text: str, path: JsonPath) -> None:
        for inner in _TEMPLATE.findall(text):
            match = _REFERENCE.match(inner)
            if match is None:
                self._problem(
                    path, f"{{{{{inner.strip()[:40]}}}}} is neither {{{{item.key}}}} nor {{{{sample.name}}}}"
                )
                continue
            steps = tuple(_steps(match[2]))
            if match[1] == "item":
                self.references.append(ItemReference(steps, path_text(path)))
            elif steps[0] not in SAMPLE_NAMES:
                self._problem(path, f"a sample has no {steps[0]!r}; it has {', '.join(sorted(SAMPLE_NAMES))}")

    def _string_check(self, value: Mapping[str, Any], path: JsonPath) -> None:
        self._template(value, "input", path)
        self._template(value, "reference", path)
        self._choice(value, "operation", OPERATIONS, path)

    def _text_similarity(self, value: Mapping[str, Any], path: JsonPath) -> None:
        self._template(value, "input", path)
        self._template(value, "reference", path)
        self._choice(value, "evaluation_metric", METRICS, path)

    def _python(self, value: Mapping[str, Any], path: JsonPath) -> None:
        source = self._text(value, "source", path)
        if source is None:
            return
        where = (*path, "source")
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._problem(where, f"is no Python: {error}")
            return
        grade = next(
            (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade"), None
        )
        if grade is None or len(grade.args.posonlyargs + grade.args.args) != 2:
            self._problem(where, "must define grade(sample, item)")
            return
        item = (grade.args.posonlyargs + grade.args.args)[1].arg
        for key in dict.fromkeys(_subscripts(grade, item)):
            self.references.append(ItemReference((key,), path_text(where)))

    def _score_model(self, value: Mapping[str, Any], path: JsonPath) -> None:
        self._messages(value, path)
        self._text(value, "model", path)
        bounds = value.get("range")
        if bounds is not None and not _is_range(bounds):
            self._problem((*path, "range"), "must be two numbers, the smaller first")
        if not isinstance(value.get("sampling_params", {}), dict | None):
            self._problem((*path, "sampling_params"), "must be an object")

    def _label_model(self, value: Mapping[str, Any], path: JsonPath) -> None:
        self._messages(value, path)
        self._text(value, "model", path)
        labels, passing = value.get("labels"), value.get("passing_labels")
        if not _is_texts(labels) or not _is_texts(passing) or not set(passing) <= set(labels):
            self._problem((*path, "passing_labels"), "labels and passing_labels are lists; labels holds both")

    def _messages(self, value: Mapping[str, Any], path: JsonPath) -> None:
        messages = value.get("input")
        if not isinstance(messages, list) or not messages:
            self._problem((*path, "input"), "must be a list of messages")
            return
        for index, message in enumerate(messages):
            where = (*path, "input", index)
            if not isinstance(message, dict) or message.get("role") not in _ROLES:
                self._problem(where, f"needs a role of {', '.join(sorted(_ROLES))}")
                continue
            for text, at in _texts(message.get("content"), (*where, "content")):
                self._references(text, at)

    def _multi(self, value: Mapping[str, Any], path: JsonPath) -> None:
        graders = value.get("graders")
        formula = self._text(value, "calculate_output", path)
        if not isinstance(graders, dict) or not graders:
            self._problem((*path, "graders"), "must map names to graders")
            return
        for name, inner in graders.items():
            self.grader(inner, (*path, "graders", name), inner=True)
        for name, call in _NAME_IN_FORMULA.findall(formula or ""):
            if name not in (FUNCTIONS if call else graders):
                self._problem((*path, "calculate_output"), f"{name!r} is neither a grader nor a function")


def _steps(text: str) -> Iterator[str | int]:
    for name, index, single, double in _STEP.findall(text):
        yield int(index) if index else name or single or double


def _subscripts(tree: ast.AST, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == name
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            yield node.slice.value


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    low, high = value
    return all(isinstance(end, int | float) and not isinstance(end, bool) for end in value) and low < high


def _is_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, str) for entry in value)


def _texts(content: object, path: JsonPath) -> Iterator[tuple[str, JsonPath]]:
    if isinstance(content, str):
        yield content, path
    elif isinstance(content, dict):
        yield from _texts(content.get("text"), (*path, "text"))
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield from _texts(part, (*path, index))
