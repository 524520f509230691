"""Evaluation on the local engine, over its real HTTP, with a tiny model."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess
from tests.engine.serving.reference import reference_logprobs
from tests.engine.tiny_model import make_tiny_base_model
from tests.support import CliResult, run_cli_process
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.tokenizer import NO_TARGET

ROWS = [
    {"messages": [{"role": "system", "content": "Say what is asked."},
                  {"role": "user", "content": f"Say {word}."}, {"role": "assistant", "content": word}]}
    for word in ("hall", "rain", "plain")
]  # fmt: skip


@pytest.fixture(scope="module")
def base_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("base-models")
    make_tiny_base_model(root / BASE_MODEL, name=BASE_MODEL)
    return root


@pytest.fixture
def engine(
    isolated_home: Path, base_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EngineProcess]:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(base_models))
    running = EngineProcess(isolated_home, base_models).start()
    yield running
    running.stop()


def evaluated(path: Path, *arguments: str) -> CliResult:
    return run_cli_process("eval", str(path), "--model", BASE_MODEL, *arguments, timeout=120)


def test_a_local_model_is_examined_for_free_with_perplexity(
    engine: EngineProcess, base_models: Path, tmp_path: Path
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    report = tmp_path / "r.md"
    result = evaluated(path, "--check", "exact", "--max-tokens", "8", "--json", "--report", str(report))
    assert result.code == 0, result.stderr
    model = result.json()["models"][0]
    assert (model["answered"], model["cost"]["amount"]) == (3, "0")
    assert model["tokens"]["prompt"] > 0

    base = load_base_model(base_models / BASE_MODEL)
    total, tokens, right = 0.0, 0, 0
    for row in ROWS:
        example = base.tokenizer.encode_example(row["messages"])
        scores = reference_logprobs(base, example.ids.tolist(), None)
        for place, target in enumerate(example.targets.tolist()):
            if target != NO_TARGET:
                total += scores[place, target]
                right += int(np.argmax(scores[place]) == target)
                tokens += 1
    found = model["perplexity"]
    assert found["tokens"] == tokens
    assert found["perplexity"] == pytest.approx(math.exp(-total / tokens), rel=1e-3)
    assert found["token_accuracy"] == pytest.approx(right / tokens)
    assert "token accuracy" in report.read_text("utf-8")

    again = evaluated(path, "--check", "exact", "--max-tokens", "8", "--json")
    assert again.json()["asked"] == 0
    assert again.json()["models"] == result.json()["models"]


def test_the_same_model_with_and_without_its_prompt_is_compared(
    engine: EngineProcess, tmp_path: Path
) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    result = evaluated(
        path, "--against", BASE_MODEL, "--system", "", "--check", "exact", "--max-tokens", "4", "--json"
    )
    assert result.code == 0, result.stderr
    value = result.json()
    assert value["verdict"]["word"] == "can't tell yet"
    first, second = value["models"]
    assert (first["system"], second["system"]) == (None, "")
    assert first["tokens"]["prompt"] > second["tokens"]["prompt"]


def test_a_small_judge_is_held_to_a_verdict_that_can_be_read(engine: EngineProcess, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS[:2]), "utf-8")
    check = f"judge:{BASE_MODEL}"
    result = evaluated(path, "--check", check, "--max-tokens", "4", "--no-perplexity", "--json")
    assert result.code == 0, result.stderr
    judge = result.json()["judges"][0]
    assert judge["unread"] == 0
    assert judge["wins"] + judge["losses"] + judge["ties"] == 2
