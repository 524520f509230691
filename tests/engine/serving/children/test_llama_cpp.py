"""llama.cpp as a back end: what it takes and refuses, and the real thing where xllamacpp is installed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import openai
import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.serving.children.conftest import Front, running_front
from tests.support import run_cli
from tui.engine.api_errors import ApiError
from tui.engine.base_models.add import add_model, kept_models, remove_model
from tui.engine.gguf_base import architecture_of, is_gguf_base
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.lora import Adapter
from tui.engine.llama.peft_files import save_peft
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.model_directory import ModelPlace
from tui.engine.serving.children.llama_cpp import LlamaCpp, python_with_llama_cpp
from tui.engine.serving.children.plans import CHAT, COMPLETIONS
from tui.errors import TunedeckError

PYTHON_VARIABLE = "TUNEDECK_TEST_LLAMACPP_PYTHON"
"""Names a Python that has xllamacpp, for the heavy tests; read before tests hide it."""
REAL_PYTHON = os.environ.get(PYTHON_VARIABLE)
TUNED = f"ft:{BASE_MODEL}:local:mine:abcdefgh"
MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the capital of France?"}
]


def write_foreign_gguf(path: Path, **values: Any) -> Path:
    """Write a file of an architecture that the embedded engine can't read, almost without weights."""
    writer = gguf.GGUFWriter(path, values.get("architecture", "qwen3"))
    writer.add_context_length(40960)
    if values.get("tokenizer", True):
        writer.add_tokenizer_model("gpt2")
    writer.add_tensor("output_norm.weight", np.zeros(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_gguf_that_the_embedded_engine_can_not_read_is_kept_for_llama_cpp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "bases"
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(root))
    source = write_foreign_gguf(tmp_path / "Qwen3-0.6B-Q4.gguf")
    added = run_cli("engine", "add", str(source), "--json").json()
    assert added["name"] == "qwen3-0.6b-q4"
    assert added["trained_by"] == []
    assert added["answered_by"] == "llamacpp"
    folder = root / "qwen3-0.6b-q4"
    assert is_gguf_base(folder)
    assert (folder / "model.gguf").samefile(source)  # linked, not copied
    assert architecture_of(folder) == "qwen3"
    shelf = BaseModelShelf(root, None)
    assert shelf.names() == ["qwen3-0.6b-q4"]
    assert shelf.context_length("qwen3-0.6b-q4") == 40960
    assert "llamacpp" in run_cli("engine", "list").stdout
    remove_model(root, "qwen3-0.6b-q4")
    assert kept_models(root) == []
    assert source.is_file()


def test_what_is_no_whole_language_model_is_not_kept(tmp_path: Path) -> None:
    root = tmp_path / "bases"
    bare = write_foreign_gguf(tmp_path / "lora.gguf", tokenizer=False)
    part = write_foreign_gguf(tmp_path / "big-00001-of-00002.gguf")
    rubbish = tmp_path / "rubbish.gguf"
    rubbish.write_bytes(b"GGUF\x03\x00\x00\x00 and no more")
    for source, words in (
        (bare, "no language model"),
        (part, "one part of several"),
        (rubbish, "sound GGUF"),
    ):
        with pytest.raises(TunedeckError, match=words):
            add_model(str(source), root, name=None, on_progress=lambda a, b: None, as_it_is=True)
    assert [path.name for path in root.iterdir()] == []


def test_without_llama_cpp_the_engine_says_how_to_get_it_and_that_it_does_not_train(
    new_engine: Callable[..., EngineProcess], tiny_base_models: Path, tmp_path: Path
) -> None:
    root = tmp_path / "bases"
    shutil.copytree(tiny_base_models, root)
    add_model(
        str(write_foreign_gguf(tmp_path / "qwen3.gguf")), root, name=None, on_progress=lambda a, b: None
    )
    running = new_engine(base_models=root).start()
    with running.client() as client:
        assert {model.id for model in client.models.list()} == {BASE_MODEL, "qwen3"}
        with pytest.raises(openai.BadRequestError, match="tunedeck engine install llamacpp"):
            client.chat.completions.create(model="qwen3", messages=MESSAGES)
        # The others answer as ever.
        assert client.chat.completions.create(model=BASE_MODEL, messages=MESSAGES, max_tokens=2).choices
        data = client.files.create(file=("t.jsonl", chat_rows(12)), purpose="fine-tune").id
        with pytest.raises(openai.BadRequestError, match="GGUF file that only"):
            client.fine_tuning.jobs.create(model="qwen3", training_file=data)


@pytest.fixture
def back_end(tiny_base_models: Path, tmp_path: Path) -> LlamaCpp:
    return LlamaCpp(BaseModelShelf(tiny_base_models, None), tmp_path / "children", lambda: Path("python"))


def test_a_request_means_the_same_whoever_answers(back_end: LlamaCpp) -> None:
    place = ModelPlace(BASE_MODEL, BASE_MODEL, None)
    asked = back_end.request_body(
        CHAT, {"model": "x", "messages": MESSAGES, "max_completion_tokens": 7, "seed": None}, place
    )
    assert asked["max_tokens"] == 7
    assert asked["model"] == BASE_MODEL
    assert (asked["temperature"], asked["top_p"], asked["top_k"], asked["min_p"]) == (1.0, 1.0, 0, 0.0)
    assert "seed" not in asked
    assert (
        back_end.request_body(CHAT, {"model": "x", "messages": [], "temperature": 0}, place)["temperature"]
        == 0
    )


@pytest.mark.parametrize(
    ("path", "extra", "words"),
    [
        (COMPLETIONS, {"prompt": "a", "echo": True}, "'echo' is not done"),
        (COMPLETIONS, {"prompt": "a", "logprobs": 1}, "'logprobs' is not done"),
        (CHAT, {"messages": [], "temperature": 3}, "temperature"),
        (CHAT, {"messages": [], "stream_options": {"include_usage": True}}, "stream_options"),
        (CHAT, {"messages": [], "surprise": 1}, "surprise"),
    ],
)
def test_what_it_does_not_do_is_refused_in_a_sentence(
    back_end: LlamaCpp, path: str, extra: dict[str, Any], words: str
) -> None:
    with pytest.raises(ApiError, match=words) as refused:
        back_end.request_body(path, {"model": "x", **extra}, ModelPlace(BASE_MODEL, BASE_MODEL, None))
    assert refused.value.status == 400


# The real thing


@pytest.fixture
def real_python() -> Path:
    found = Path(REAL_PYTHON) if REAL_PYTHON else python_with_llama_cpp()
    if found is None:
        pytest.skip(f"xllamacpp is not installed here; name a Python that has it in {PYTHON_VARIABLE}")
    return found


@pytest.fixture
def real_front(real_python: Path, use_real_base_model: Path, tmp_path: Path) -> Iterator[Front]:
    root = tmp_path / "bases"
    root.mkdir()
    (root / BASE_MODEL).symlink_to(use_real_base_model)
    shelf = BaseModelShelf(root, None)
    back_end = LlamaCpp(shelf, tmp_path / "converted", lambda: real_python)
    with running_front(shelf, [back_end], tmp_path, tmp_path / "notes", lambda: PREFERS[0]) as opened:
        opened.places[TUNED] = ModelPlace(TUNED, BASE_MODEL, adapter(use_real_base_model, tmp_path))
        yield opened


PREFERS = [True]


def adapter(base: Path, folder: Path) -> Path:
    config = LlamaConfig.from_json(json.loads((base / "config.json").read_text("utf-8")))
    made = Adapter.initial(config, rank=8, seed=3)
    generator = np.random.default_rng(5)
    for layer in made.layers:
        for pair in layer.values():
            pair.up[:] = generator.standard_normal(pair.up.shape) * 0.2
    save_peft(made, folder / "adapter", BASE_MODEL)
    return folder / "adapter"


def likelihoods(client: openai.OpenAI, model: str) -> dict[str, float]:
    answer = client.chat.completions.create(
        model=model, messages=MESSAGES, max_tokens=1, temperature=0, logprobs=True, top_logprobs=20
    )
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.content is not None
    return {one.token: one.logprob for one in answer.choices[0].logprobs.content[0].top_logprobs}


@pytest.mark.heavy
@pytest.mark.real_model
@pytest.mark.timeout(600)
def test_llama_cpp_and_our_decoder_hold_the_same_tokens_likely(real_front: Front) -> None:
    with real_front.client() as client:
        found = {}
        for prefers in (True, False):
            PREFERS[0] = prefers
            found[prefers] = {name: likelihoods(client, name) for name in (BASE_MODEL, TUNED)}
        PREFERS[0] = True
        assert {one["what"] for one in real_front.children.described()} == {
            f"llama.cpp ({BASE_MODEL})", f"llama.cpp ({TUNED})",
        }  # fmt: skip
        for name in (BASE_MODEL, TUNED):
            both = sorted(found[True][name].keys() & found[False][name].keys())
            assert len(both) >= 15, found  # of the twenty likeliest
            theirs = np.array([found[True][name][token] for token in both])
            ours = np.array([found[False][name][token] for token in both])
            # Weights and activations of 8 bits against float32; measured: 0.14 and 0.15 nats, 0.99 and 0.98.
            assert np.abs(theirs - ours).mean() < 0.3, found
            assert np.corrcoef(theirs, ours)[0, 1] > 0.9, found
        moved = found[False][BASE_MODEL].keys() ^ found[False][TUNED].keys()
        assert len(moved) > 10, "the adapter changes little, so this would prove little"


@pytest.mark.heavy
@pytest.mark.real_model
@pytest.mark.timeout(600)
def test_streams_tools_and_leaving_go_through_to_llama_cpp(real_front: Front) -> None:
    with real_front.client() as client:
        stream = client.chat.completions.create(
            model=BASE_MODEL, messages=MESSAGES, max_tokens=8, stream=True, seed=1,
            stream_options={"include_usage": True},
        )  # fmt: skip
        chunks = list(stream)
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens <= 8
        assert any(chunk.choices and chunk.choices[0].delta.content for chunk in chunks)
        held = client.chat.completions.create(
            model=BASE_MODEL, messages=MESSAGES, max_tokens=60, temperature=0,
            response_format={"type": "json_object"},
        )  # fmt: skip
        assert (held.choices[0].message.content or "").lstrip().startswith("{")
        endless = client.chat.completions.create(
            model=BASE_MODEL, messages=MESSAGES, max_tokens=4000, stream=True, logit_bias={"2": -100}
        )
        next(iter(endless))
        endless.close()
        # Both places are free again at once: two more are answered.
        for _ in range(2):
            assert client.chat.completions.create(model=BASE_MODEL, messages=MESSAGES, max_tokens=2).choices
        # What llama.cpp does not do for it, our own decoder does.
        scored = client.completions.create(
            model=BASE_MODEL, prompt="Paris is", echo=True, max_tokens=0, logprobs=1
        )
        assert scored.choices[0].text == "Paris is"
