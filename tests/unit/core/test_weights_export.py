"""Weights taken along from a job of the local engine: whole in their place, with a card, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tiny_model import TINY_NAME, make_tiny_base_model
from tests.small_disk import small_disk
from tests.support import CliResult
from tests.tuned_job import MODEL, keep_tuned_job
from tui import paths
from tui.engine.llama.base_model import load_base_model
from tui.engine.llama.peft_files import load_peft
from tui.errors import ExitCode, TunedeckError
from tui.jobs.weights_export import export_weights
from tui.jobs.weights_found import WeightsForm, find_exportable
from tui.records.jobs import Job, JobState
from tui.services import Services

Cli = Callable[..., CliResult]


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path / "bases"))
    return make_tiny_base_model(tmp_path / "bases" / TINY_NAME)


@pytest.fixture
def job(base: Path) -> Job:
    with Services.open() as services:
        return keep_tuned_job(services.store)


def test_every_form_is_whole_and_has_a_card(job: Job, tmp_path: Path, cli: Cli) -> None:
    target = tmp_path / "out"
    told = cli("export", "ftjob-1", "--as", "peft", "--as", "merged", "--as", "gguf", "--as", "ollama",
               "--quantisation", "q8_0", "--to", str(target), "--json")  # fmt: skip
    assert told.code == 0
    found = told.json()
    assert found["model"] == MODEL
    assert [(one["form"], one["stored_as"]) for one in found["forms"]] == [
        ("peft", "float32"), ("merged", "float16"), ("ollama", "q8_0"),
    ]  # fmt: skip
    assert {path.name for path in target.iterdir()} == {"peft", "merged", "ollama"}
    assert {path.name for path in (target / "ollama").iterdir()} == {"model.gguf", "Modelfile", "README.md"}
    assert "config.json" in {path.name for path in (target / "merged").iterdir()}
    base = load_base_model(paths.base_models_dir() / TINY_NAME)
    kept = load_peft(paths.engine_job_dir("ftjob-1") / "adapter", base.config)
    assert (load_peft(target / "peft", base.config).vector == kept.vector).all()


def test_the_card_tells_data_settings_numbers_and_scores_and_no_name_is_markup(
    job: Job, tmp_path: Path, cli: Cli
) -> None:
    assert cli("export", "ftjob-1", "--to", str(tmp_path / "out")).code == 0
    card = (tmp_path / "out" / "peft" / "README.md").read_text("utf-8")
    assert '\nlicense: "none"\n' in card
    assert "ab" * 32 in card
    assert "| n_epochs | `3` |" in card
    assert "| train_loss | 0.2500 at step 8 |" in card
    assert "| `held-out.jsonl` | `cdcdcdcdcdcd` | 60 | exact/match | 0.983 | 0.910 to 0.997 |" in card
    assert "misses-me" not in card
    assert "\x1b" not in card
    assert f"# `{MODEL.replace('`', chr(39))}`" in card
    assert "`a/b" in card


def test_a_checkpoint_is_taken_by_its_step(job: Job, tmp_path: Path, cli: Cli) -> None:
    done = cli("export", "ftjob-1", "--checkpoint", "4", "--to", str(tmp_path / "out"), "--json")
    assert done.json()["model"] == f"{MODEL}:ckpt-step-4"
    card = (tmp_path / "out" / "peft" / "README.md").read_text("utf-8")
    assert "| train_loss | 0.5000 at step 4 |" in card
    refused = cli("export", "ftjob-1", "--checkpoint", "5")
    assert refused.code == 2
    assert "Kept are: 4." in refused.stderr


def test_a_form_that_is_there_stays_unless_told_otherwise(job: Job, tmp_path: Path, cli: Cli) -> None:
    mine = tmp_path / "out" / "peft" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    refused = cli("export", "ftjob-1", "--to", str(tmp_path / "out"))
    assert refused.code == 2
    assert "--overwrite" in refused.stderr
    assert mine.exists()
    assert cli("export", "ftjob-1", "--to", str(tmp_path / "out"), "--overwrite").code == 0
    assert not mine.exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"account": "openai"}, "at openai, not on this machine"),
        ({"id": "ftjob-2"}, "has no weights here"),
    ],
)
def test_weights_that_are_not_here_are_refused_in_words(job: Job, change: dict[str, str], said: str) -> None:
    other = Job(
        change.get("account", "local"), change.get("id", "ftjob-1"), JobState.SUCCEEDED, "", TINY_NAME
    )
    with pytest.raises(TunedeckError, match=said):
        find_exportable(other)


def test_a_base_model_that_is_gone_is_named(job: Job, base: Path) -> None:
    (base / "weights.safetensors").unlink()
    with pytest.raises(TunedeckError, match=f"{TINY_NAME} is not on this machine"):
        find_exportable(job)


def test_a_stopped_export_leaves_nothing(job: Job, tmp_path: Path) -> None:
    with Services.open() as services, pytest.raises(TunedeckError, match="stopped") as caught:
        export_weights(
            services, find_exportable(job), [WeightsForm.MERGED], tmp_path / "out", cancelled=lambda: True
        )
    assert caught.value.exit_code == ExitCode.INTERRUPTED
    assert list((tmp_path / "out").iterdir()) == []


def test_a_damaged_base_is_told_and_leaves_nothing(job: Job, base: Path, tmp_path: Path, cli: Cli) -> None:
    (base / "weights.safetensors").write_bytes(b"\0" * 4096)
    done = cli("export", "ftjob-1", "--as", "merged", "--to", str(tmp_path / "out"))
    assert done.code == 2
    assert "not a sound safetensors file" in done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_fills_is_told_and_leaves_nothing(
    job: Job, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = "The export takes about"
    with small_disk(tmp_path / "disk", 40_960) as disk:
        early = cli("export", "ftjob-1", "--as", "merged", "--to", str(disk.folder / "out"))
        assert early.code == 2
        assert refused in early.stderr
        monkeypatch.setattr("tui.jobs.weights_export._HEADROOM", 0.0)
        late = cli("export", "ftjob-1", "--as", "merged", "--to", str(disk.folder / "out"))
        assert late.code == 2
        assert "The disk is full." in late.stderr
        assert list((disk.folder / "out").iterdir()) == []
