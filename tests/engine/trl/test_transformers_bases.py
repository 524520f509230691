from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trl.folders import make_qwen_folder
from tests.support import CliResult
from tui.datasets.formats import DatasetFormat
from tui.engine.base_models.add import add_model, kept_models, remove_model
from tui.engine.llama.row_layout import load_row_layout
from tui.engine.transformers_base import load_tokenizer, read_transformers_base
from tui.engine.trl.base_folder import transformers_folder
from tui.errors import TunedeckError

TALK = {
    "messages": [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "second", "weight": 0},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "third"},
    ]
}


def nothing(_done: int, _total: int) -> None:
    pass


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return add_model(
        str(make_qwen_folder(tmp_path / "Qwen3-Tiny")), tmp_path / "bases", name=None, on_progress=nothing
    ).folder


def test_a_folder_that_the_embedded_engine_cannot_read_is_kept_as_it_is(kept: Path, tmp_path: Path) -> None:
    base = read_transformers_base(kept)
    assert (base.name, base.model_type, base.context_length) == ("qwen3-tiny", "qwen3", 1024)
    assert base.end_token_ids == (2, 0)
    assert base.parameters == 17
    assert base.licence == "apache-2.0"
    assert json.loads((kept / "provenance.json").read_bytes())["source"] == "Qwen3-Tiny"
    assert base.variables == {"eos_token": "<|im_end|>"}
    original = tmp_path / "Qwen3-Tiny" / "model.safetensors"
    assert (kept / "model.safetensors").samefile(original)  # linked, so that gigabytes are there once
    assert not list(kept.glob("*.py"))
    (model,) = kept_models(kept.parent)
    assert (model.trained_by, model.answered_by) == (("trl",), "vllm")


def test_its_template_is_kept_and_read_with_the_tokens_that_it_asks_for(kept: Path) -> None:
    tokens = load_tokenizer(kept)
    assert tokens.name == "qwen3-tiny"
    assert tokens.render([{"role": "user", "content": "x"}]).endswith("<|im_start|>assistant\n")


def test_removing_it_leaves_the_original(kept: Path, tmp_path: Path) -> None:
    remove_model(kept.parent, "qwen3-tiny")
    assert kept_models(kept.parent) == []
    assert (tmp_path / "Qwen3-Tiny" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("missing", "words"), [("tokenizer.json", "tokenizer.json"), ("model.safetensors", "no .safetensors")]
)
def test_a_folder_that_lacks_something_is_refused_and_leaves_nothing(
    tmp_path: Path, missing: str, words: str
) -> None:
    folder = make_qwen_folder(tmp_path / "model")
    (folder / missing).unlink()
    with pytest.raises(TunedeckError, match=words):
        add_model(str(folder), tmp_path / "bases", name=None, on_progress=nothing)
    assert list((tmp_path / "bases").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}"[:9]])
def test_weights_that_are_rubbish_are_refused(tmp_path: Path, content: bytes) -> None:
    folder = make_qwen_folder(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(TunedeckError, match="safetensors"):
        add_model(str(folder), tmp_path / "bases", name=None, on_progress=nothing)


def test_a_template_that_cannot_be_read_is_refused_when_it_is_added(tmp_path: Path) -> None:
    folder = make_qwen_folder(tmp_path / "model", template="{% for %}")
    with pytest.raises(TunedeckError, match="chat template"):
        add_model(str(folder), tmp_path / "bases", name=None, on_progress=nothing)
    assert list((tmp_path / "bases").iterdir()) == []


def test_the_token_view_draws_each_answer_in_the_sequence_that_it_is_learned_in(kept: Path) -> None:
    layout = load_row_layout(kept)
    segments = layout.row_segments(TALK, DatasetFormat.CHAT)
    learned: dict[int, bytes] = {}
    for segment in segments:
        if segment.trained:
            text = b"".join(layout.token_bytes(number) for number in segment.ids)
            learned[segment.sequence] = learned.get(segment.sequence, b"") + text
    assert learned == {
        0: b"<think>\n\n</think>\n\nfirst<|im_end|>",
        1: b"<think>\n\n</think>\n\nthird<|im_end|>",
    }
    assert {segment.message for segment in segments if segment.sequence == 1} >= {0, 1, 2, 3, 4, 5}


def test_the_token_view_of_the_command_line_shows_what_a_base_of_trl_learns(
    kept: Path, tmp_path: Path, cli: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(kept.parent))
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(TALK) + "\n", "utf-8")
    result = cli("count", str(data), "--line", "1", "--tokens", "--model", "qwen3-tiny")
    assert result.code == 0, result.stderr
    segments = load_row_layout(kept).row_segments(TALK, DatasetFormat.CHAT)
    learned = sum(segment.tokens for segment in segments if segment.trained)
    assert sum(line.endswith("  trained") for line in result.stdout.splitlines()) == learned


def test_the_list_says_who_trains_and_who_answers(
    kept: Path, cli: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(kept.parent))
    make_tiny_base_model(kept.parent / "tiny")
    listed = json.loads(cli("engine", "list", "--json").stdout)
    assert {one["name"]: (one["trained_by"], one["answered_by"]) for one in listed} == {
        "qwen3-tiny": (["trl"], "vllm"),
        "tiny": (["embedded", "trl"], "embedded"),
    }
    assert "ANSWERS WITH" in cli("engine", "list").stdout


def test_a_base_of_the_embedded_engine_is_written_for_transformers_once(tmp_path: Path) -> None:
    base = make_tiny_base_model(tmp_path / "bases" / "tiny")
    folder = transformers_folder(base)
    assert json.loads((folder / "config.json").read_bytes())["model_type"] == "llama"
    weights = folder / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert transformers_folder(base) == folder
    assert weights.stat().st_mtime_ns == written
    make_tiny_base_model(base, seed=1)  # other weights under the same name
    before = weights.read_bytes()
    transformers_folder(base)
    assert weights.read_bytes() != before
    assert [model.name for model in kept_models(base.parent)] == ["tiny"]
    remove_model(base.parent, "tiny")
    assert not folder.exists()
