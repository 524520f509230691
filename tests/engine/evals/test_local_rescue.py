"""Record, successor and parity on the local engine, over its real HTTP, with a tiny model's real answers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess
from tests.engine.tiny_model import make_tiny_base_model
from tests.support import CliResult, run_cli_process
from tui.evals.test_set import read_test_set

WORDS = ("hall", "rain", "plain", "main", "all", "in", "ran", "nap", "lap", "pal", "pain", "lain")
ROWS = [
    {"messages": [{"role": "system", "content": "Say what is asked."},
                  {"role": "user", "content": f"Say {word}."}, {"role": "assistant", "content": word}]}
    for word in WORDS
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


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "valid.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def tunedeck(*arguments: str) -> CliResult:
    return run_cli_process(*arguments, timeout=240)


def test_a_model_is_recorded_for_free_and_agrees_with_itself(
    engine: EngineProcess, questions: Path, tmp_path: Path
) -> None:
    sampling = ("--max-tokens", "6")
    done = tunedeck("record", str(questions), "--model", BASE_MODEL, *sampling, "--json")
    assert done.code == 0, done.stderr
    assert (done.json()["asked"], done.json()["spent"]) == (len(WORDS), "0")
    assert tunedeck("record", str(questions), "--model", BASE_MODEL, *sampling, "--json").json()["asked"] == 0

    golden = tmp_path / "golden.jsonl"
    assert tunedeck("record", "export", BASE_MODEL, "-o", str(golden)).code == 0
    told = read_test_set(golden).cases[0].item["recorded"]
    assert told["usage"]["completion_tokens"] == len(told["logprobs"])
    # At temperature 0 each token is the likeliest of those beside it, and they are probabilities.
    for token in told["logprobs"]:
        assert token["logprob"] == max(value for _, value in token["top"])
        assert sum(math.exp(value) for _, value in token["top"]) <= 1.0001

    same = tunedeck("parity", BASE_MODEL, BASE_MODEL, str(questions), "--json")
    assert (same.code, same.json()["asked"]) == (0, 0)
    assert same.json()["same"]["estimate"] == same.json()["agreement"]["estimate"] == 1


def test_a_successor_is_trained_from_the_recorded_answers_and_compared(
    engine: EngineProcess, questions: Path, tmp_path: Path
) -> None:
    assert tunedeck("record", str(questions), "--model", BASE_MODEL, "--max-tokens", "6").code == 0
    rows = tmp_path / "distilled.jsonl"
    # The tiny model ends no sentence by itself, so its rows are cut ones, which nobody should learn.
    cut = tunedeck("record", "export", BASE_MODEL, "-o", str(rows), "--as", "training", "--json")
    if cut.code == 2:
        assert "cut at the token limit" in cut.stderr
        rows = questions  # the file that the old model was trained on does as well
    launched = tunedeck(
        "launch", str(rows), "--account", "local", "--model", BASE_MODEL, "--epochs", "1", "--yes", "--json"
    )
    assert launched.code == 0, launched.stderr
    watched = tunedeck("watch", launched.json()["id"], "--json")
    assert watched.code == 0, watched.stdout + watched.stderr
    tuned = tunedeck("jobs", launched.json()["id"], "--json").json()["fine_tuned_model"]
    report = tmp_path / "parity.md"
    found = tunedeck("parity", BASE_MODEL, tuned, str(questions), "--check", "exact", "--report", str(report),
                     "--json")  # fmt: skip
    assert found.code == 0, found.stderr
    assert (found.json()["compared"], found.json()["verdict"]["rows"]) == (len(WORDS), len(WORDS))
    assert report.read_text("utf-8").startswith(f"# {BASE_MODEL} (recorded) against ft:")


def test_a_diet_of_a_local_model_is_free_and_names_the_shortest_prompt(
    engine: EngineProcess, questions: Path, tmp_path: Path
) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Say what is asked. Say it in one word. Say nothing else at all.", "utf-8")
    found = tunedeck(
        "diet", str(questions), "--model", BASE_MODEL, "--check", "normalised", "--system", str(prompt),
        "--shares", "100,50,0", "--max-tokens", "4", "--limit", "6", "--json",
    )  # fmt: skip
    assert found.code == 0, found.stderr
    meals = found.json()["meals"]
    assert [meal["share"] for meal in meals] == [100, 50, 0]
    tokens = [meal["asked_tokens"] for meal in meals]
    assert tokens == sorted(tokens, reverse=True)
    assert meals[0]["cost_per_thousand"] == "0"
    assert BASE_MODEL in found.json()["shortest_within_noise"]
