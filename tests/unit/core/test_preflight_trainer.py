from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trl.folders import make_qwen_folder
from tui.engine.base_models.add import add_model
from tui.engine.environments import recipes
from tui.engine.environments.install import adopt_environment
from tui.engine.environments.recipes import Recipe
from tui.jobs import preflight_trainer
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import preflight
from tui.jobs.preflight_trainer import about_base_model
from tui.jobs.trainable import models_for
from tui.records.jobs import Method
from tui.services import Services

QWEN, LLAMA = "qwen3-tiny", "tiny-llama"


@pytest.fixture(autouse=True)
def bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "bases"
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(root))
    add_model(str(make_qwen_folder(tmp_path / QWEN)), root, name=None, on_progress=lambda _done, _total: None)
    make_tiny_base_model(root / LLAMA)
    monkeypatch.setattr(preflight_trainer, "nvidia_gpus", lambda: ())


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recipes.RECIPES, "gpu", Recipe("gpu", "try", (), ("json",), 1, 1, 1, "2026-11-30"))
    adopt_environment(recipes.RECIPES["gpu"], Path(sys.executable))


def told(model: str, **choices: str | bool | int) -> list[tuple[str, str]]:
    plan = LaunchPlan("local", model, Path("data.jsonl"), hyperparameters=choices)
    return [(line.level, f"{line.text} {line.remedy}") for line in about_base_model(plan)]


def test_a_base_that_only_trl_reads_stops_where_its_environment_is_missing() -> None:
    (here, stop) = told(QWEN)
    assert here == ("ok", "The base model is on this machine. ")
    assert stop[0] == "stop"
    assert "tunedeck engine install gpu" in stop[1]
    assert [level for level, _ in told(f"ft:{QWEN}:local::abcdefgh")] == ["ok", "stop"]


def test_a_base_that_both_read_needs_nothing_unless_trl_is_asked_for() -> None:
    assert [level for level, _ in told(LLAMA)] == ["ok"]
    assert [level for level, _ in told(LLAMA, trainer="embedded")] == ["ok"]
    for choices in ({"trainer": "trl"}, {"load_in_4bit": True}, {"max_tokens_per_example": 4096}):
        assert told(LLAMA, **choices)[-1][0] == "stop"
    assert [level for level, _ in told(LLAMA, max_tokens_per_example=2048)] == ["ok"]


def test_what_the_embedded_trainer_cannot_do_is_told() -> None:
    assert "can't read" in told(QWEN, trainer="embedded")[-1][1]
    assert "4-bit" in told(LLAMA, trainer="embedded", load_in_4bit=True)[-1][1]
    assert "2,048" in told(LLAMA, trainer="embedded", max_tokens_per_example=512)[-1][1]


def test_elsewhere_nothing_is_asked_of_this_machine() -> None:
    assert [level for level, _ in told(QWEN, run_on="ray")] == ["ok"]


@pytest.mark.usefixtures("environment")
def test_with_the_environment_it_says_on_what_it_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(QWEN)[-1][0] == "warn"
    assert "needs an NVIDIA GPU" in told(QWEN, load_in_4bit=True)[-1][1]
    monkeypatch.setattr(preflight_trainer, "nvidia_gpus", lambda: ("A GPU",))
    assert told(QWEN, load_in_4bit=True)[-1] == ("ok", "TRL ? trains it on A GPU. ")


def test_a_gguf_file_is_offered_to_no_job_and_says_why(tmp_path: Path) -> None:
    folder = tmp_path / "bases" / "only-gguf"
    folder.mkdir()
    (folder / "model.gguf").touch()
    (folder / "config.json").write_text("{}")
    make_tiny_base_model(tmp_path / "bases" / "both")
    (tmp_path / "bases" / "both" / "model.gguf").touch()
    with Services.open() as services:
        offered = models_for(services, "local", Method.SUPERVISED)
        assert LLAMA in offered
        assert {"only-gguf", "both"} & {*offered} == set()
        for model in ("only-gguf", "both"):
            line = preflight(LaunchPlan("local", model, Path("data.jsonl")), services)[-1]
            assert (line.level, "llama.cpp" in line.text) == ("stop", True)
            assert "engine add" in line.remedy
