"""A tuned model in each form of other programs, read back by the readers that serve users' own models."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from tests.engine.serving.reference import reference_logits
from tests.engine.tiny_model import make_tiny_base_model, tiny_tokenizer_json
from tests.engine.trainer.models import random_adapter
from tui.engine.export.gguf_file import pair_order, write_gguf
from tui.engine.export.gguf_tokenizer import gguf_tokenizer
from tui.engine.export.hugging_face import LLAMA3_RULE, write_merged
from tui.engine.export.merge import fits_float16
from tui.engine.export.ollama import modelfile
from tui.engine.llama.base_model import BaseModel, load_base_model, prepare_base_model
from tui.engine.llama.gguf_source import LLAMA3_SPLIT
from tui.engine.llama.lora import Adapter
from tui.engine.llama.operations import rope_frequencies
from tui.engine.llama.tokenizer import ChatTokenizer
from tui.errors import TunedeckError

TEXT = "The cat, 27 of them\n and é 猫 <|im_end|> here"


@dataclasses.dataclass
class Tuned:
    folder: Path
    base: BaseModel
    adapter: Adapter

    @property
    def expected(self) -> np.ndarray:
        ids = self.base.tokenizer.encode(TEXT, special=True)
        return np.asarray(reference_logits(self.base, ids, self.adapter))


@pytest.fixture
def tuned(tmp_path: Path) -> Tuned:
    folder = make_tiny_base_model(tmp_path / "tiny-llama")
    base = load_base_model(folder)
    return Tuned(folder, base, random_adapter(base))


def read_back(source: Path, tmp_path: Path) -> BaseModel:
    prepare_base_model(source, tmp_path / "again", name="again")
    return load_base_model(tmp_path / "again")


def logits_of(model: BaseModel) -> np.ndarray:
    return np.asarray(reference_logits(model, model.tokenizer.encode(TEXT, special=True)))


@pytest.mark.parametrize(("dtype", "close"), [("float32", 1e-4), ("float16", 0.02), ("bfloat16", 0.2)])
def test_a_merged_folder_says_what_base_and_adapter_say_together(
    tuned: Tuned, tmp_path: Path, dtype: str, close: float
) -> None:
    target = tmp_path / "merged"
    target.mkdir()
    seen: list[tuple[int, int]] = []
    write_merged(tuned.base, tuned.folder, tuned.adapter, target, dtype, lambda *at: seen.append(at))
    again = read_back(target, tmp_path)
    assert again.tokenizer.encode(TEXT, special=True) == tuned.base.tokenizer.encode(TEXT, special=True)
    assert again.config.end_token_ids == tuned.base.config.end_token_ids
    np.testing.assert_allclose(logits_of(again), tuned.expected, atol=close)
    plain = reference_logits(tuned.base, tuned.base.tokenizer.encode(TEXT, special=True))
    assert np.abs(plain - tuned.expected).max() > 10 * close
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize(("kind", "close"), [("f32", 1e-4), ("f16", 0.02), ("q8_0", 0.4)])
def test_a_gguf_file_says_what_base_and_adapter_say_together(
    tuned: Tuned, tmp_path: Path, kind: str, close: float
) -> None:
    target = tmp_path / "model.gguf"
    seen: list[tuple[int, int]] = []
    write_gguf(
        tuned.base, tuned.folder, tuned.adapter, target,
        quantisation=kind, title="mine", on_step=lambda *at: seen.append(at),
    )  # fmt: skip
    again = read_back(target, tmp_path)
    assert again.tokenizer.encode(TEXT, special=True) == tuned.base.tokenizer.encode(TEXT, special=True)
    assert again.tokenizer.render([{"role": "user", "content": "x"}]) == tuned.base.tokenizer.render(
        [{"role": "user", "content": "x"}]
    )
    np.testing.assert_allclose(logits_of(again), tuned.expected, atol=close)
    assert seen[-1][0] == seen[-1][1]


def test_stretched_rotations_survive_both_forms(tuned: Tuned, tmp_path: Path) -> None:
    rule = {"type": "llama3", "factor": 8.0, **LLAMA3_RULE}
    config = dataclasses.replace(tuned.base.config, rope_scaling=rule, rope_theta=500_000.0)
    base = dataclasses.replace(tuned.base, config=config)
    write_gguf(
        base, tuned.folder, None, tmp_path / "m.gguf", quantisation="f32", title="m", on_step=lambda *_: None
    )
    from_gguf = read_back(tmp_path / "m.gguf", tmp_path)
    np.testing.assert_allclose(rope_frequencies(from_gguf.config), rope_frequencies(config), rtol=1e-6)
    # What a GGUF file told as factors is a rule again in transformers' words.
    target = tmp_path / "merged"
    target.mkdir()
    write_merged(from_gguf, tmp_path / "again", None, target, "float32", lambda *_: None)
    told = json.loads((target / "config.json").read_text())["rope_scaling"]
    assert told == {"rope_type": "llama3", "factor": pytest.approx(8.0), **LLAMA3_RULE}


def test_factors_of_no_known_rule_are_refused_for_transformers(tuned: Tuned, tmp_path: Path) -> None:
    factors = [1.0, 3.0, 2.0, 5.0]
    config = dataclasses.replace(tuned.base.config, rope_scaling={"type": "llama3", "factors": factors})
    with pytest.raises(TunedeckError, match="no rule that transformers knows"):
        write_merged(
            dataclasses.replace(tuned.base, config=config),
            tuned.folder,
            None,
            tmp_path,
            "float32",
            lambda *_: None,
        )


def test_a_weight_beyond_float16_is_seen(tuned: Tuned) -> None:
    assert fits_float16(tuned.base, tuned.adapter)
    pair = next(iter(tuned.adapter.layers[1].values()))
    pair.up[0, 0], pair.down[0, :] = 1e5, 1.0
    assert not fits_float16(tuned.base, tuned.adapter)


def test_rows_in_pairs_are_what_the_reader_turns_back() -> None:
    from tui.engine.llama.gguf_source import _rotate_half_order

    matrix = np.arange(8 * 3, dtype=np.float32).reshape(8, 3)
    assert pair_order(matrix, 2)[:4, 0].tolist() == [0.0, 6.0, 3.0, 9.0]
    np.testing.assert_array_equal(_rotate_half_order(pair_order(matrix, 2), 2), matrix)


def splitting(*steps: dict[str, object]) -> str:
    data = json.loads(tiny_tokenizer_json())
    data["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": list(steps)}
    return json.dumps(data)


BYTES: dict[str, object] = {"type": "ByteLevel"}


@pytest.mark.parametrize(
    ("step", "name"),
    [
        ({"type": "Digits", "individual_digits": True}, "smollm"),
        ({"type": "Split", "pattern": {"Regex": r"\p{N}"}}, "smollm"),
        ({"type": "Split", "pattern": {"Regex": LLAMA3_SPLIT}}, "llama-bpe"),
    ],
)
def test_how_text_is_cut_has_its_name(step: dict[str, object], name: str) -> None:
    assert gguf_tokenizer(splitting(step, BYTES), 269, "m").splitter == name


@pytest.mark.parametrize(
    "tokenizer_json",
    [
        splitting({"type": "Digits", "individual_digits": False}, BYTES),
        splitting({"type": "Split", "pattern": {"Regex": "x"}}, BYTES),
        tiny_tokenizer_json().replace('"BPE"', '"Unigram"'),
    ],
)
def test_a_tokenizer_without_a_name_is_refused_with_another_way(tokenizer_json: str) -> None:
    with pytest.raises(TunedeckError, match="not one that we can describe") as caught:
        gguf_tokenizer(tokenizer_json, 269, "m")
    assert "--as merged" in caught.value.remedy


def with_template(base: BaseModel, template: str) -> BaseModel:
    return dataclasses.replace(base, tokenizer=ChatTokenizer(tiny_tokenizer_json(), template, (2,)))


SYSTEM_FIRST = (
    "{% for m in messages %}{% if loop.first and m['role'] != 'system' %}"
    '{{ \'<|im_start|>system\nBe """kind""".<|im_end|>\n\' }}{% endif %}'
    "{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def test_a_modelfile_tells_the_template_that_was_recognised(tuned: Tuned) -> None:
    text = modelfile(tuned.base, "model.gguf", "apache-2.0")
    assert "FROM ./model.gguf\n" in text
    assert "<|im_start|>{{ .Role }}" in text
    assert 'PARAMETER stop "<|im_end|>"' in text
    assert 'LICENSE """apache-2.0"""' in text
    assert "SYSTEM" not in text


def test_a_modelfile_keeps_the_system_prompt_of_the_template_and_is_not_ended_by_it(tuned: Tuned) -> None:
    text = modelfile(with_template(tuned.base, SYSTEM_FIRST), "model.gguf", None)
    assert "SYSTEM \"\"\"Be '''kind'''.\"\"\"" in text


def test_a_modelfile_says_no_template_that_it_does_not_know(tuned: Tuned) -> None:
    text = modelfile(with_template(tuned.base, "{{ messages[0]['content'] }}"), "model.gguf", None)
    assert "TEMPLATE" not in text
    assert 'PARAMETER stop "<|im_end|>"' in text
