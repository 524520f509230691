from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_fireworks import FakeFireworks
from tests.unit.core.fake_service import FakeService, running
from tests.unit.core.fake_together import FakeTogether
from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.jobs.job_export import terms_of_job
from tui.jobs.job_file import JobTerms, job_file_text, read_job_file
from tui.jobs.plan import RUN_ID_KEY
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.records.jobs import Job, JobState, Method
from tui.services import Services

Cli = Callable[..., CliResult]


@pytest.fixture
def launched(cli: Cli, service: FakeService, dataset: Path) -> str:
    done = cli(
        "launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--epochs", "2",
        "--seed", "7", "--suffix", "sums", "--split", "10%", "--yes", "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    return str(done.json()["id"])


def without_run(body: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in body.items() if name != "metadata"}
    metadata = {name: value for name, value in body.get("metadata", {}).items() if name != RUN_ID_KEY}
    return {**kept, "metadata": metadata} if metadata else kept


def test_an_exported_job_file_launches_the_same_job_under_its_own_run_id(
    cli: Cli, service: FakeService, launched: str, tmp_path: Path
) -> None:
    exported = cli("jobs", "export", launched)
    assert exported.code == 0, exported.stderr
    file = tmp_path / "job.toml"
    file.write_text(exported.stdout, "utf-8")
    done = cli("launch", "--from", str(file), "--yes", "--json")
    assert done.code == 0, done.stderr
    first, second = service.bodies
    assert without_run(first) == without_run(second)
    assert first["metadata"][RUN_ID_KEY] != second["metadata"][RUN_ID_KEY]
    assert "The same data and settings made job" in done.stderr


def test_an_exported_job_reads_its_rows_as_it_was_told(
    cli: Cli, service: FakeService, dataset: Path, tmp_path: Path
) -> None:
    rows = [json.loads(line) for line in dataset.read_text("utf-8").splitlines()]
    for row in rows:
        del row["messages"][-1]
        row["answer"] = 1
    dataset.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    asked = ("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--epochs", "1")
    assert "reinforcement rows" in cli(*asked, "--dry-run").stdout
    terms = JobTerms("openai", "gpt-4.1-mini", training=dataset, read_as=DatasetFormat.CHAT)
    file = tmp_path / "job.toml"
    file.write_text(job_file_text(terms), "utf-8")
    said = cli("launch", "--from", str(file), "--dry-run").stdout
    assert "read as chat" in said
    assert "reinforcement rows" not in said
    assert (
        "reinforcement rows"
        in cli("launch", "--from", str(file), "--format", "reinforcement", "--dry-run").stdout
    )


def test_what_is_given_goes_before_what_the_job_file_says(
    cli: Cli, service: FakeService, dataset: Path, tmp_path: Path
) -> None:
    file = tmp_path / "job.toml"
    file.write_text(
        'account = "openai"\nmodel = "gpt-4.1-mini"\ntraining = "train.jsonl"\nsuffix = "old"\nseed = 1\n'
        '[hyperparameters]\nn_epochs = 3\nbatch_size = 4\n[metadata]\nteam = "sums"\n'
    )
    done = cli("launch", "--from", str(file), "--epochs", "1", "--seed", "0", "--yes", "--json")
    assert done.code == 0, done.stderr
    body = service.bodies[-1]
    assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 1, "batch_size": 4}
    assert (body["suffix"], body["seed"], body["metadata"]["team"]) == ("old", 0, "sums")
    assert service.contents[body["training_file"]] == dataset.read_bytes()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('model = "m"\nepochs = 3\n', ("line 2", "no 'epochs'", "There are account")),
        ('suffx = "m"\n', ("line 1", "Did you mean 'suffix'")),
        ("seed = 1.5\n", ("line 1", "whole number")),
        ("seed = true\n", ("line 1", "whole number")),
        ("split_share = nan\n", ("line 1", "no share")),
        ('method = "sft"\n', ("'sft' is no method", "supervised")),
        ('\n[metadata]\ntunedeck_run = "x"\n', ("line 2", "belongs to one job alone")),
        ("[metadata]\nteam = 3\n", ("team in metadata is not a text",)),
        ("[hyperparameters]\nlr = [1]\n", ("lr in hyperparameters",)),
        ("metadata = 3\n", ("metadata is no table",)),
        ('read_as = "unknown"\n', ("'unknown' is no format", "One of chat, preference")),
        ("model = \n", ("is not TOML", "line 1")),
        ('training = ""\n', ("training is not a text",)),
    ],
)
def test_a_wrong_job_file_is_told_with_its_line(
    cli: Cli, service: FakeService, tmp_path: Path, text: str, words: tuple[str, ...]
) -> None:
    file = tmp_path / "job.toml"
    file.write_text(text)
    done = cli("launch", "--from", str(file), "--yes")
    assert done.code == 2
    for word in words:
        assert word in done.stderr
    assert service.requests == []


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"a = " + b"[" * 5000])
def test_an_unreadable_job_file_is_an_error_in_words(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "job.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(TunedeckError, match=r"job\.toml"):
        read_job_file(file)


def test_a_launch_without_any_file_says_so(cli: Cli, service: FakeService) -> None:
    done = cli("launch", "--account", "openai", "--model", "gpt-4.1-mini", "--yes")
    assert (done.code, "no file to train on" in done.stderr) == (2, True)


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).filter(
    str.strip
)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53) | st.booleans()


@given(
    texts, texts, st.none() | st.integers(0, 2**31 - 1), st.dictionaries(texts, numbers | texts, max_size=4),
    st.dictionaries(texts, texts, max_size=3),
)  # fmt: skip
def test_any_terms_survive_being_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, model: str, suffix: str, seed: int | None,
    chosen: dict[str, float | str], metadata: dict[str, str],
) -> None:  # fmt: skip
    terms = JobTerms(
        "openai", model, Method.DPO, None, None, 0.1, suffix, seed, chosen, metadata,
        read_as=DatasetFormat.PREFERENCE,
    )  # fmt: skip
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(job_file_text(terms, ("A note\nwith a line break.",)), "utf-8", newline="")
    assert read_job_file(file) == terms


def test_a_job_made_elsewhere_is_exported_from_what_the_service_tells(
    cli: Cli, services: Services, service: FakeService
) -> None:
    service.add_job(
        id="ftjob-far", training_file="file-far", seed=5, metadata={"team": "x", RUN_ID_KEY: "old"},
        method={"type": "dpo",
                "dpo": {"hyperparameters": {"n_epochs": 3, "beta": 0.2, "batch_size": "auto"}}},
    )  # fmt: skip
    shown = cli("jobs", "export", "ftjob-far", "--json").json()
    assert shown["terms"] == {
        "account": "openai", "model": "gpt-4.1-mini-2025-04-14", "method": "dpo", "seed": 5,
        "hyperparameters": {"n_epochs": 3, "beta": 0.2}, "metadata": {"team": "x"},
    }  # fmt: skip
    assert "The training file is not known here; openai holds it as file-far" in shown["text"]
    job = services.store.job("openai", "ftjob-far")
    assert job is not None
    assert terms_of_job(services, job).training is None


@pytest.mark.skipif(shutil.which("curl") is None or sys.platform == "win32", reason="runs curl")
def test_the_curl_export_makes_the_same_job_and_holds_no_key(
    cli: Cli, service: FakeService, launched: str
) -> None:
    text = cli("jobs", "export", launched, "--as", "curl").stdout
    assert KEY not in text
    assert "${OPENAI_API_KEY}" in text
    done = subprocess.run(["sh", "-c", text], capture_output=True, check=True, env=os.environ, timeout=30)
    assert json.loads(done.stdout)["id"] == "ftjob-2"
    assert service.bodies[-1] == without_run(service.bodies[-2])
    assert service.headers_seen[-1]["authorization"] == f"Bearer {KEY}"


def test_the_python_export_makes_the_same_job_and_holds_no_key(
    cli: Cli, service: FakeService, launched: str
) -> None:
    text = cli("jobs", "export", launched, "--as", "python").stdout
    assert KEY not in text
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, env=os.environ, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ftjob-2 ")
    assert service.bodies[-1] == without_run(service.bodies[-2])


def test_exports_keep_the_grader_the_services_own_choices_and_hostile_text(
    cli: Cli, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROXY_KEY", "sk-test-123456")
    declare_account(
        DeclaredAccount(
            "proxy", "litellm", service.url, "PROXY_KEY", options={"custom_llm_provider": "azure"}
        )
    )
    grader = {"type": "string_check", "name": "it's\nJSON\n$(id)", "operation": "eq"}
    service.add_job(
        id="ftjob-rft", training_file="file-1", suffix="a'b\nJSON\n`id`",
        method={"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {}}},
    )  # fmt: skip
    for form in ("curl", "python"):
        text = cli("jobs", "export", "ftjob-rft", "--account", "proxy", "--as", form).stdout
        assert "custom_llm_provider" in text
        assert "string_check" in text
        assert "PROXY_KEY" in text
    if shutil.which("curl") is not None and sys.platform != "win32":
        script = cli("jobs", "export", "ftjob-rft", "--account", "proxy", "--as", "curl").stdout
        subprocess.run(["sh", "-c", script], capture_output=True, check=True, env=os.environ, timeout=30)
        assert service.bodies[-1]["method"]["reinforcement"]["grader"] == grader
        assert service.queries[-1] == {"custom_llm_provider": "azure"}


@pytest.mark.parametrize("form", ["curl", "python"])
@pytest.mark.parametrize(("kind", "cloud"), [("together", FakeTogether), ("fireworks", FakeFireworks)])
def test_a_service_of_another_shape_is_asked_in_its_own(
    cli: Cli, services: Services, monkeypatch: pytest.MonkeyPatch, form: str, kind: str,
    cloud: type[FakeService],
) -> None:  # fmt: skip
    if form == "curl" and (shutil.which("curl") is None or sys.platform == "win32"):
        pytest.skip("needs curl")
    monkeypatch.setenv("OTHER_KEY", "sk-test-123456")
    with running(cloud()) as fake:
        declare_account(DeclaredAccount("other", kind, fake.url, "OTHER_KEY"))
        services.store.save_job(
            Job("other", "ft-1", JobState.RUNNING, "running", "Qwen/Qwen3-8B", training_file="file-1",
                suffix="tone", hyperparameters={"n_epochs": 2, "learning_rate": 2e-5})
        )  # fmt: skip
        text = cli("jobs", "export", "ft-1", "--as", form).stdout
        assert "sk-test" not in text
        run = ["sh", "-c", text] if form == "curl" else [sys.executable, "-c", text]
        done = subprocess.run(run, capture_output=True, text=True, env=os.environ, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        sent = fake.bodies[-1]
    if kind == "together":
        assert (sent["model"], sent["training_file"], sent["n_epochs"]) == ("Qwen/Qwen3-8B", "file-1", 2)
        assert (sent["suffix"], sent["learning_rate"]) == ("tone", 2e-5)
    else:
        assert sent["dataset"] == "accounts/me/datasets/file-1"
        assert (sent["baseModel"], sent["epochs"], sent["learningRate"]) == ("Qwen/Qwen3-8B", 2, 2e-5)
    assert "n_epochs = 2" in cli("jobs", "export", "ft-1").stdout


def test_jobs_still_takes_its_options_on_either_side_of_the_job(cli: Cli, launched: str) -> None:
    assert cli("jobs", launched, "--offline", "--json").json()["id"] == launched
    assert cli("jobs", "--offline", launched, "--json").json()["id"] == launched
    assert [one["id"] for one in cli("jobs", "--offline", "--json").json()] == [launched]
    assert cli("jobs", launched, "another").code == 2
    assert cli("jobs", "export", "nothing-like-it", "--account", "openai").code == 2
