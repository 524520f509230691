"""The house keeps its shape: small files, small functions, one direction of imports, no print."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES_OF_A_MODULE = 400
MOST_LINES_OF_A_FUNCTION = 60
SOURCES = sorted([*ROOT.glob("tui/**/*.py"), *ROOT.glob("screens/**/*.py")])
TEXTUAL_ROOMS = ("screens/", "tui/widgets/", "tui/app.py")
OPENAI_ROOMS = ("tui/providers/",)
STORE_ROOMS = ("tui/store/",)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def users_outside(library: str, rooms: tuple[str, ...]) -> list[str]:
    return [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith(rooms)
        and any(name == library or name.startswith(f"{library}.") for name in imported(path))
    ]


def functions_of(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_no_module_is_too_long_to_read() -> None:
    too_long = {
        name_of(path): lines
        for path in SOURCES
        if (lines := path.read_text(encoding="utf-8").count("\n")) > MOST_LINES_OF_A_MODULE
    }
    assert too_long == {}


def test_no_function_is_too_long_to_read() -> None:
    too_long = {
        f"{name_of(path)}:{function.name}": length
        for path in SOURCES
        for function in functions_of(path)
        if (length := length_without_docstring(function)) > MOST_LINES_OF_A_FUNCTION
    }
    assert too_long == {}


@pytest.mark.parametrize(
    ("library", "rooms"),
    [("textual", TEXTUAL_ROOMS), ("openai", OPENAI_ROOMS), ("sqlite3", STORE_ROOMS)],
)
def test_a_library_is_imported_only_in_its_room(library: str, rooms: tuple[str, ...]) -> None:
    assert users_outside(library, rooms) == []


def test_nothing_unpickles() -> None:
    assert users_outside("pickle", ()) == []
    assert users_outside("marshal", ()) == []
    assert users_outside("shelve", ()) == []


def test_every_module_says_what_it_is_for_and_reads_annotations_late() -> None:
    wanting = [
        name_of(path)
        for path in SOURCES
        if tree_of(path).body
        and (not ast.get_docstring(tree_of(path)) or (len(tree_of(path).body) > 1 and not reads_late(path)))
    ]
    assert wanting == []


def reads_late(path: Path) -> bool:
    return "__future__" in set(imported(path)) or not any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree_of(path).body
    )


def test_screens_keep_their_styles_beside_them_and_name_no_colour() -> None:
    styles = [*ROOT.glob("screens/**/*.tcss"), *ROOT.glob("tui/**/*.tcss")]
    literal = [
        f"{name_of(path)}:{number}"
        for path in styles
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if "ansi_" in line or any(line.split(":", 1)[-1].strip().startswith(("rgb(", "hsl(")) for _ in (1,))
    ]
    assert literal == []


def test_no_machine_path_and_no_index_host_is_written_anywhere() -> None:
    forbidden = (
        "/ho" + "me/",
        "/ro" + "ot/",
        "/Us" + "ers/",
        "/op" + "t/td",
        "/wo" + "rk/",
        "py" + "pi.org",
        "python" + "hosted",
    )
    texts = [path for path in tracked_texts() if path.suffix != ".svg"]
    found = [
        f"{name_of(path)}: {word}"
        for path in texts
        for word in forbidden
        if word in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert found == []


def tracked_texts() -> list[Path]:
    folders = ("tui", "screens", "tests", "docs", "benchmarks", ".ci")
    suffixes = {".py", ".tcss", ".toml", ".md", ".txt", ".yaml", ".jsonl", ".svg", ""}
    nested = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [
        path
        for path in [*nested, *ROOT.glob("*.md"), ROOT / "pyproject.toml"]
        if path.is_file() and path.suffix in suffixes and "__pycache__" not in path.parts
    ]
