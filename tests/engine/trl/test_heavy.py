"""TRL for real, on the processor: `pytest -m heavy`, with TUNEDECK_TEST_GPU_ENV naming its environment."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.engine.tiny_model import make_tiny_base_model, tiny_tokenizer_json
from tests.engine.trl.runs import (
    assert_same,
    gpu_python,
    losses,
    make_run,
    messages,
    start_adapter,
    start_trl,
    steps_told,
    train_embedded,
    train_trl,
)
from tests.support import wait_until
from tui.engine.base_models.add import add_model
from tui.engine.llama.answer_sequences import encode_sequences
from tui.engine.llama.tokenizer import NO_TARGET, ChatTokenizer
from tui.engine.run_folder import STOP_PAUSE
from tui.engine.trainers.schedule import PREFERENCE_RATE as EMBEDDED_PREFERENCE_RATE
from tui.engine.trainers.schedule import SUPERVISED_RATE
from tui.engine.trl.run import BASE_RATE, PREFERENCE_RATE

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1500)]

SAME_RATE = {
    "supervised": {"learning_rate_multiplier": SUPERVISED_RATE / BASE_RATE},
    "dpo": {"learning_rate_multiplier": EMBEDDED_PREFERENCE_RATE / PREFERENCE_RATE},
}
"""With these TRL's learning rate is that of the embedded trainer."""


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    gpu_python()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_tiny_base_model(tmp_path / "bases" / "tiny-llama")


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_both_trainers_tell_the_same_steps_and_the_same_losses(
    tmp_path: Path, base: Path, bundles: Path, method: str
) -> None:
    adapter = start_adapter(tmp_path / "start", base)
    ours = make_run(tmp_path / "jobs" / "embedded", base, method, adapter=adapter)
    theirs = make_run(tmp_path / "jobs" / "trl", base, method, adapter=adapter, settings=SAME_RATE[method])
    train_embedded(ours)
    train_trl(theirs, bundles)
    assert_same(ours, theirs, tolerance=2e-5)
    if method == "dpo":
        assert losses(theirs)[1]["train_loss"] == pytest.approx(0.693147, abs=2e-6)
    told = messages(theirs)
    assert told[0].startswith("Training on")
    assert told[1:] == messages(ours)
    for name in ("done.json", "result.csv"):
        assert (ours / name).exists()
        assert (theirs / name).exists()
    counted = [json.loads((folder / "done.json").read_bytes())["trained_tokens"] for folder in (ours, theirs)]
    assert counted[0] == counted[1]
    assert sorted(p.name for p in (theirs / "checkpoints").iterdir()) == sorted(
        p.name for p in (ours / "checkpoints").iterdir()
    )


def test_adapters_of_each_load_in_the_other(tmp_path: Path, base: Path, bundles: Path) -> None:
    one_step = {"n_epochs": 1, "batch_size": 20, "learning_rate_multiplier": 1e-6}
    adapter = start_adapter(tmp_path / "start", base, everywhere=True)
    ours = make_run(tmp_path / "jobs" / "a", base, adapter=adapter, settings=one_step)
    theirs = make_run(tmp_path / "jobs" / "b", base, adapter=adapter, settings=one_step)
    train_embedded(ours)
    train_trl(theirs, bundles)
    assert_same(ours, theirs, tolerance=2e-5)  # an adapter of the embedded trainer in PEFT

    learned = make_run(tmp_path / "jobs" / "c", base, settings={"learning_rate_multiplier": 20.0})
    train_trl(learned, bundles)  # new, on every linear layer, each with its own pair of matrices
    before, after = losses(learned)[1]["valid_loss"], losses(learned)[10]["full_valid_loss"]
    assert after < before - 0.5
    again = make_run(tmp_path / "jobs" / "d", base, adapter=learned / "adapter", settings=one_step)
    train_embedded(again)
    assert losses(again)[1]["full_valid_loss"] == pytest.approx(after, rel=2e-4)
    settings = json.loads((learned / "adapter" / "adapter_config.json").read_bytes())
    assert settings["base_model_name_or_path"] == "tiny-llama"


def test_a_run_killed_in_the_middle_goes_on_and_tells_each_step_once(
    tmp_path: Path, base: Path, bundles: Path
) -> None:
    settings = {"n_epochs": 40}
    whole = make_run(tmp_path / "jobs" / "whole", base, settings=settings)
    train_trl(whole, bundles)
    broken = make_run(tmp_path / "jobs" / "broken", base, settings=settings)
    worker = start_trl(broken, bundles)
    wait_until(lambda: len(steps_told(broken)) > 40, what="forty steps", timeout=300)
    worker.kill()
    worker.wait()
    assert not (broken / "done.json").exists()
    train_trl(broken, bundles)
    assert any(text.startswith("Resumed from step") for text in messages(broken))
    assert steps_told(broken) == list(range(1, 201))
    assert_same(whole, broken, tolerance=1e-6)
    verdicts = [json.loads((folder / "done.json").read_bytes()) for folder in (whole, broken)]
    assert verdicts[0]["trained_tokens"] == verdicts[1]["trained_tokens"]


def test_a_pause_saves_and_leaves(tmp_path: Path, base: Path, bundles: Path) -> None:
    run = make_run(tmp_path / "jobs" / "paused", base, settings={"n_epochs": 50})
    worker = start_trl(run, bundles)
    wait_until(lambda: len(steps_told(run)) > 3, what="a few steps", timeout=300)
    (run / STOP_PAUSE).touch()
    assert worker.wait(60) == 0
    assert json.loads((run / "done.json").read_bytes())["status"] == "paused"
    done = steps_told(run)[-1]
    assert json.loads((run / "state" / "resume.json").read_bytes())["step"] == done


OUT_OF_MEMORY = """
from tui.engine.trl import trainer as ours
plain = ours.TrlTrainer._compute
def short(self, inputs, amount, total, learn):
    import torch
    if inputs["input_ids"].shape[0] > {most}:
        raise torch.OutOfMemoryError("planted")
    return plain(self, inputs, amount, total, learn)
ours.TrlTrainer._compute = short
"""


def test_a_full_memory_halves_what_is_computed_at_once_and_not_the_batch(
    tmp_path: Path, base: Path, bundles: Path
) -> None:
    adapter = start_adapter(tmp_path / "start", base)
    plenty = make_run(tmp_path / "jobs" / "plenty", base, adapter=adapter)
    little = make_run(tmp_path / "jobs" / "little", base, adapter=adapter)
    train_trl(plenty, bundles)
    train_trl(little, bundles, OUT_OF_MEMORY.format(most=1))
    said = [text for text in messages(little) if text.startswith("Out of memory")]
    assert [text.split(":")[1].split()[0] for text in said] == ["2", "1"]
    assert_same(plenty, little, tolerance=2e-5)


def test_no_memory_at_all_fails_the_job_with_its_reason(tmp_path: Path, base: Path, bundles: Path) -> None:
    run = make_run(tmp_path / "jobs" / "none", base)
    train_trl(run, bundles, OUT_OF_MEMORY.format(most=0))
    verdict = json.loads((run / "done.json").read_bytes())
    assert verdict["status"] == "failed"
    assert verdict["error"]["code"] == "out_of_memory"


SAVING = """
from tui.engine.trl import device, run
device.Device.saves_memory = property(lambda self: True)
run.find_device = lambda: device.Device("the processor", "cpu", {dtype!r})
plain = run.make_trainer
def checked(*arguments):
    trl = plain(*arguments)
    assert trl.model.is_gradient_checkpointing
    assert str(next(trl.model.get_base_model().parameters()).dtype) == "torch.{dtype}"
    return trl
run.make_trainer = checked
"""


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-5), ("bfloat16", 2e-2)])
def test_activations_computed_twice_and_short_numbers_change_nothing_that_matters(
    tmp_path: Path, base: Path, bundles: Path, dtype: str, tolerance: float
) -> None:
    adapter = start_adapter(tmp_path / "start", base)
    plain = make_run(tmp_path / "jobs" / "plain", base, adapter=adapter)
    saving = make_run(tmp_path / "jobs" / "saving", base, adapter=adapter, settings=SAME_RATE["supervised"])
    train_embedded(plain)
    train_trl(saving, bundles, SAVING.format(dtype=dtype))
    assert_same(plain, saving, tolerance=tolerance, names=("train_loss", "valid_loss", "full_valid_loss"))


def test_two_processes_train_what_one_does(tmp_path: Path, base: Path, bundles: Path) -> None:
    adapter = start_adapter(tmp_path / "start", base)
    alone = make_run(tmp_path / "jobs" / "alone", base, adapter=adapter, rows=18)
    both = make_run(tmp_path / "jobs" / "both", base, adapter=adapter, rows=18)
    train_trl(alone, bundles)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    workers = [
        start_trl(both, bundles, extra={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in (0, 1)
    ]
    assert [worker.wait(600) for worker in workers] == [0, 0], (both / "worker.log").read_text()[-2000:]
    assert_same(alone, both, tolerance=2e-5)
    assert steps_told(both) == steps_told(alone)


MODELS = {
    "qwen3": "Qwen3Config(**sizes, head_dim=8, num_key_value_heads=2)",
    "gptoss": "GptOssConfig(**sizes, head_dim=8, num_key_value_heads=2, num_local_experts=4)",
    "llama": "LlamaConfig(**sizes, num_key_value_heads=2, attention_bias=True)",
}
MAKE_MODEL = """
import sys, torch, transformers
from transformers import *
torch.manual_seed(0)
sizes = dict(vocab_size=269, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=1024, eos_token_id=2, pad_token_id=0, bos_token_id=0)
AutoModelForCausalLM.from_config({config}).save_pretrained(sys.argv[1])
"""


@pytest.mark.parametrize("kind", MODELS)
def test_models_that_only_trl_reads_are_added_trained_and_learn(
    tmp_path: Path, bundles: Path, kind: str
) -> None:
    theirs = tmp_path / f"{kind}-tiny"
    code = MAKE_MODEL.format(config=MODELS[kind])
    subprocess.run([str(gpu_python()), "-c", code, str(theirs)], check=True, capture_output=True)
    (theirs / "tokenizer.json").write_text(tiny_tokenizer_json(), "utf-8")
    kept = add_model(str(theirs), tmp_path / "bases", name=None, on_progress=lambda _done, _total: None)
    assert kept.trained_by == ("trl",)
    run = make_run(
        tmp_path / "jobs" / kind, kept.folder, settings={"n_epochs": 8, "learning_rate_multiplier": 30.0}
    )
    train_trl(run, bundles)
    told = losses(run)
    assert told[40]["full_valid_loss"] < told[1]["valid_loss"] - 0.05
    assert (run / "adapter" / "adapter_model.safetensors").exists()


def test_four_bits_without_a_gpu_are_refused_with_a_sentence(
    tmp_path: Path, base: Path, bundles: Path
) -> None:
    run = make_run(tmp_path / "jobs" / "four", base)
    spec = json.loads((run / "spec.json").read_bytes())
    (run / "spec.json").write_text(json.dumps({**spec, "load_in_4bit": True}))
    before = "import torch; torch.cuda.is_available = lambda: False"
    train_trl(run, bundles, before)
    assert "NVIDIA GPU" in json.loads((run / "done.json").read_bytes())["error"]["message"]


CONTROLS: dict[str, tuple[list[str], list[str], str]] = {
    "qwen3": (
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        ["<|im_end|>"],
        "<think>\n\n</think>\n\n{}<|im_end|>",
    ),
    "gptoss": (
        ["<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>"],
        ["<|return|>", "<|call|>"],
        "<|channel|>final<|message|>{}<|return|>",
    ),
    "llama3_2": (
        ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"],
        ["<|eot_id|>"],
        "{}<|eot_id|>",
    ),
}
"""Control tokens, those that end a turn, and what is learned of an answer."""


@pytest.mark.parametrize("family", CONTROLS)
def test_the_real_templates_are_masked_as_the_models_are_asked(family: str) -> None:
    controls, ends, shape = CONTROLS[family]
    found = subprocess.run(
        [str(gpu_python()), "-c", "import importlib.util as u; print(u.find_spec('trl').origin)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    template = Path(found.stdout.strip()).parent / "chat_templates" / f"{family}.jinja"
    data: dict[str, Any] = json.loads(tiny_tokenizer_json())
    first = max(data["model"]["vocab"].values()) + 1
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    data["added_tokens"] = [
        {"id": first + place, "content": text, "special": True, **flags}
        for place, text in enumerate(controls)
    ]
    tokens = ChatTokenizer(
        json.dumps(data),
        template.read_text("utf-8"),
        [first + controls.index(end) for end in ends],
        variables={"bos_token": controls[0], "eos_token": ends[0]},
    )
    talk: list[dict[str, Any]] = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "FIRST"},
        {"role": "user", "content": "two"},
        {"role": "assistant", "content": "SECOND", "weight": 0},
        {"role": "user", "content": "three"},
        {"role": "assistant", "content": "THIRD"},
    ]
    learned = "".join(
        b"".join(tokens.token_bytes(int(number)) for number in one.targets[one.targets != NO_TARGET]).decode()
        for one in encode_sequences(tokens, talk)
    )
    assert learned == shape.format("FIRST") + shape.format("THIRD")


@pytest.mark.real_model
def test_the_135m_base_has_the_same_losses_in_both(
    tmp_path: Path, real_base_model: Path, bundles: Path
) -> None:
    base = tmp_path / "bases" / real_base_model.name
    base.mkdir(parents=True)
    for file in real_base_model.iterdir():  # so that nothing is written beside the shared one
        os.symlink(file, base / file.name)
    adapter = start_adapter(tmp_path / "start", base)
    settings = {"n_epochs": 1}
    ours = make_run(tmp_path / "jobs" / "embedded", base, rows=12, adapter=adapter, settings=settings)
    theirs = make_run(
        tmp_path / "jobs" / "trl", base, rows=12, adapter=adapter, settings=settings | SAME_RATE["supervised"]
    )
    train_embedded(ours)
    train_trl(theirs, bundles)
    assert_same(ours, theirs, tolerance=1e-4, names=("train_loss", "valid_loss", "full_valid_loss"))
