"""A copy of the modules that a worker in another environment needs, and of no others.

That environment has packages of its own, so ours must not be on its path: the copy goes there alone, and
`python BUNDLE FOLDER` trains, wherever the bundle is. What is needed is read from the import statements, so
that no list of files has to be kept by hand.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import tui

WORKER = "tui.engine.trl.__main__"
REQUIREMENTS = ("jinja2>=3.1.6", "numpy>=2.2", "orjson>=3.11", "safetensors>=0.6", "tokenizers>=0.22")
"""What the bundled modules import of others; a test compares them with `outside_imports`."""
_START = "import sys\n\nfrom {entry} import main\n\nsys.exit(main())\n"
_ROOT = Path(tui.__file__).parent.parent


def bundled_modules(entry: str = WORKER) -> dict[str, Path]:
    """Return name and file of each module of ours that `entry` may import, itself and packages included."""
    found: dict[str, Path] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if file is None or name in found:
            continue
        found[name] = file
        package = name.rpartition(".")[0]
        waiting += [package] if package else []
        waiting += [imported for imported in _imports(file) if imported.split(".")[0] == "tui"]
    return dict(sorted(found.items()))


def outside_imports(entry: str = WORKER) -> set[str]:
    """Return the top-level names of all that the bundled modules import and that is not ours."""
    names = {name.split(".")[0] for file in bundled_modules(entry).values() for name in _imports(file)}
    return names - {"tui"}


def bundle_folder(root: Path, entry: str = WORKER) -> Path:
    """Return a folder below `root` that Python runs as `entry`; it is named by its content and made once.

    Raises:
        OSError: The disk is full.
    """
    modules = bundled_modules(entry)
    digest = hashlib.sha256(entry.encode())
    for name, file in modules.items():
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    target = root / f"{tui.__version__}-{digest.hexdigest()[:16]}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = Path(tempfile.mkdtemp(prefix=".bundle-", dir=root))
    try:
        for file in modules.values():
            copy = temporary / file.relative_to(_ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
        (temporary / "__main__.py").write_text(_START.format(entry=entry), "utf-8")
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process made it meanwhile
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _file_of(name: str) -> Path | None:
    place = _ROOT.joinpath(*name.split("."))
    package = place / "__init__.py"
    if package.is_file():
        return package
    module = place.with_suffix(".py")
    return module if module.is_file() else None


def _imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, also inside functions, but not what only types need."""
    waiting: list[ast.AST] = [ast.parse(file.read_bytes())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)
