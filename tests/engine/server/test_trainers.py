from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from openai import BadRequestError, OpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.tiny_model import make_tiny_base_model
from tests.engine.trl.folders import make_qwen_folder
from tui.engine.api_errors import ApiError
from tui.engine.base_models.add import add_model
from tui.engine.environments import recipes
from tui.engine.environments.install import adopt_environment
from tui.engine.environments.recipes import Recipe
from tui.engine.executors.commands import worker_command
from tui.engine.server import trainer_choice
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.example_length import check_asked_length, length_of_examples
from tui.engine.server.trainer_choice import choose_trainer
from tui.errors import TunedeckError

QWEN = "qwen3-tiny"


@pytest.fixture(scope="module")
def both_kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bases")
    make_tiny_base_model(root / BASE_MODEL, name=BASE_MODEL)
    folder = make_qwen_folder(tmp_path_factory.mktemp("theirs") / QWEN)
    add_model(str(folder), root, name=None, on_progress=lambda _done, _total: None)
    return root


def upload(client: OpenAI) -> str:
    return client.files.create(file=("t.jsonl", chat_rows(12)), purpose="fine-tune").id


def test_the_engine_lists_both_kinds_and_refuses_what_it_cannot_do(
    new_engine: Callable[..., EngineProcess], both_kinds: Path
) -> None:
    running = new_engine(base_models=both_kinds).start()
    with running.client() as client:
        assert {model.id for model in client.models.list()} == {BASE_MODEL, QWEN}
        with pytest.raises(BadRequestError, match="vLLM could answer with it on an NVIDIA GPU"):
            client.chat.completions.create(model=QWEN, messages=[{"role": "user", "content": "x"}])
        data = upload(client)
        for body, words in [
            ({"trainer": "trl"}, "tunedeck engine install gpu"),
            ({"load_in_4bit": True}, "tunedeck engine install gpu"),
            ({"trainer": "embedded", "load_in_4bit": True}, "no 4-bit"),
            ({"max_tokens_per_example": 4096}, "tunedeck engine install gpu"),
            ({"trainer": "embedded", "max_tokens_per_example": 512}, "the embedded trainer reads 2,048"),
            ({"max_tokens_per_example": "long"}, "max_tokens_per_example"),
            ({"trainer": "unsloth"}, "Supported values"),
        ]:
            with pytest.raises(BadRequestError, match=words):
                client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=data, extra_body=body)
        with pytest.raises(BadRequestError, match="can't read the base model"):
            client.fine_tuning.jobs.create(model=QWEN, training_file=data, extra_body={"trainer": "embedded"})
        with pytest.raises(BadRequestError, match="tunedeck engine install gpu"):
            client.fine_tuning.jobs.create(model=QWEN, training_file=data)
        assert client.fine_tuning.jobs.list().data == []


class TestChoice:
    @pytest.fixture(autouse=True)
    def machine(self, both_kinds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shelf = BaseModelShelf(both_kinds, None)
        self.monkeypatch = monkeypatch
        self.has(gpus=())

    def has(self, *, gpus: tuple[str, ...]) -> None:
        self.monkeypatch.setattr(trainer_choice, "nvidia_gpus", lambda: gpus)

    def install(self) -> None:
        self.monkeypatch.setitem(
            recipes.RECIPES, "gpu", Recipe("gpu", "try", (), ("json",), 1, 1, 1, "2026-11-30")
        )
        adopt_environment(recipes.RECIPES["gpu"], Path(sys.executable))

    def choose(self, asked: str, base: str, *, four: bool = False, here: bool = True) -> str:
        return choose_trainer(asked, self.shelf, base, load_in_4bit=four, here=here, ours=here)

    def test_a_base_that_both_read_is_trained_inside_unless_there_are_gpu_and_environment(self) -> None:
        assert self.choose("auto", BASE_MODEL) == "embedded"
        self.install()
        assert self.choose("auto", BASE_MODEL) == "embedded"
        self.has(gpus=("A GPU",))
        assert self.choose("auto", BASE_MODEL) == "trl"
        assert self.choose("embedded", BASE_MODEL) == "embedded"

    def test_a_base_that_only_trl_reads_is_trained_by_it(self) -> None:
        self.install()
        assert self.choose("auto", QWEN) == "trl"

    def test_elsewhere_the_environment_is_that_places_affair(self) -> None:
        assert self.choose("auto", BASE_MODEL, here=False) == "trl"
        assert self.choose("auto", BASE_MODEL, four=True, here=False) == "trl"

    def test_a_length_is_for_trl_and_at_most_the_models_context(self) -> None:
        context = self.shelf.context_length(QWEN)
        assert context == 1024
        for asked, trainer in [(None, "embedded"), (2048, "embedded"), (2048, "trl"), (512, "trl")]:
            check_asked_length(asked, trainer, context)
        assert [length_of_examples(asked, context) for asked in (None, 2048, 512)] == [1024, 1024, 512]
        assert [length_of_examples(asked, 131_072) for asked in (None, 32_768)] == [2048, 32_768]
        with pytest.raises(ApiError, match=r"4,096 tokens are more than the 1,024"):
            check_asked_length(4096, "trl", context)
        with pytest.raises(ApiError, match="for trainer 'trl'"):
            check_asked_length(512, "embedded", context)

    def test_four_bits_need_a_gpu_here(self) -> None:
        self.install()
        with pytest.raises(Exception, match="needs an NVIDIA GPU"):
            self.choose("auto", BASE_MODEL, four=True)
        self.has(gpus=("A GPU",))
        assert self.choose("auto", BASE_MODEL, four=True) == "trl"

    def test_the_worker_of_trl_is_that_environments_python_on_a_bundle(self, tmp_path: Path) -> None:
        with pytest.raises(TunedeckError, match="not installed"):
            worker_command(tmp_path, "trl")
        self.install()
        python, bundle, folder = worker_command(tmp_path, "trl")
        assert python == sys.executable
        assert (Path(bundle) / "__main__.py").is_file()
        assert folder == str(tmp_path)
