"""What a start may load: each heavy library only where its room needs it, seen from a fresh interpreter."""

from __future__ import annotations

import json
import pkgutil
import tomllib
from pathlib import Path

import pytest

import tui
from tests.support import run_python
from tui.cli.main import VERBS

INTERFACE = ("tui.app", "tui.widgets", "tui.theme", "tui.clipboard", "tui.__main__")
SEPARATE_PROGRAMS = ("tui.engine.__main__", "tui.engine.worker.__main__")
LOAD_CORE = """
import importlib, json, sys
for name in json.loads({names!r}):
    importlib.import_module(name)
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
RUN_CLI = """
import contextlib, io, json, sys
from tui.cli.main import run
with contextlib.redirect_stdout(io.StringIO()):
    code = run({arguments!r})
print(json.dumps([code, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


def core_modules() -> list[str]:
    return [
        module.name
        for module in pkgutil.walk_packages(tui.__path__, "tui.")
        if not module.name.startswith(INTERFACE) and module.name not in SEPARATE_PROGRAMS
    ]


def sources_of_contract(name: str) -> set[str]:
    settings = tomllib.loads((Path(tui.__path__[0]).parent / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return set(next(contract["source_modules"] for contract in contracts if contract["name"] == name))


@pytest.mark.parametrize(
    ("contract", "without"),
    [
        ("Only screens, tui.widgets and tui.app import Textual", {"app", "widgets"}),
        ("Only tui.providers imports openai", {"providers"}),
        ("The core never imports the interface", {"app", "widgets", "cli"}),
    ],
)
def test_every_room_is_held_to_the_import_contracts(contract: str, without: set[str]) -> None:
    rooms = {module.name for module in pkgutil.iter_modules(tui.__path__)} - {"__main__"} - without
    assert {f"tui.{room}" for room in rooms} - sources_of_contract(contract) == set()


def modules_after_command(*arguments: str) -> set[str]:
    result = run_python(RUN_CLI.format(arguments=list(arguments)))
    assert result.code == 0, result.stderr
    code, modules = json.loads(result.stdout.splitlines()[-1])
    assert code == 0
    return set(modules)


def test_the_core_and_the_command_line_load_neither_textual_nor_openai() -> None:
    names = core_modules()
    assert "tui.datasets" in names

    result = run_python(LOAD_CORE.format(names=json.dumps(names)))

    assert result.code == 0, result.stderr
    assert not {"textual", "openai"} & set(json.loads(result.stdout))


def test_nothing_ever_loads_a_training_framework_by_itself() -> None:
    result = run_python(LOAD_CORE.format(names=json.dumps(core_modules())))

    assert result.code == 0, result.stderr
    assert not {"torch", "transformers", "peft", "trl", "ray"} & set(json.loads(result.stdout))


@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_and_version_load_nothing_heavy(option: str) -> None:
    heavy = {"textual", "rich", "openai", "httpx2", "numpy", "tiktoken", "pydantic", "starlette", "tui.store"}
    assert not heavy & modules_after_command(option)


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_needs_no_interface_and_no_client(verb: str) -> None:
    assert not {"textual", "openai", "tiktoken"} & modules_after_command(verb, "--help")


def test_the_app_module_loads_no_client_and_no_mathematics_before_its_first_paint() -> None:
    result = run_python(LOAD_CORE.format(names=json.dumps(["tui.app"])))

    assert result.code == 0, result.stderr
    loaded = set(json.loads(result.stdout))
    assert "textual" in loaded
    assert not {"openai", "numpy", "tiktoken", "pydantic", "starlette"} & loaded
