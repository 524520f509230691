from __future__ import annotations

import csv
import io
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.fine_tuning import FineTuningJob

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.support import wait_until

FINAL = ("succeeded", "failed", "cancelled")
PICTURE_ROW = (
    b'{"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": '
    b'{"url": "https://example.com/a.png"}}]}, {"role": "assistant", "content": "A cat."}]}\n'
)


def upload(client: OpenAI, content: bytes) -> str:
    return client.files.create(file=("rows.jsonl", content), purpose="fine-tune").id


def finished(client: OpenAI, job_id: str) -> FineTuningJob:
    wait_until(lambda: client.fine_tuning.jobs.retrieve(job_id).status in FINAL, what="the end of the job")
    return client.fine_tuning.jobs.retrieve(job_id)


def messages(client: OpenAI, job_id: str) -> list[str]:
    """Return all messages, oldest first."""
    return [event.message for event in client.fine_tuning.jobs.list_events(job_id, limit=100)][::-1]


def supervised(**hyperparameters: Any) -> Any:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def test_a_file_becomes_a_model(client: OpenAI) -> None:
    training, validation = upload(client, chat_rows(12)), upload(client, chat_rows(2))
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL,
        training_file=training,
        validation_file=validation,
        method=supervised(n_epochs=2, batch_size=4),
        suffix="My Helper!",
        seed=7,
        metadata={"run": "one"},
    )
    assert job.status == "validating_files"
    assert (job.organization_id, job.seed, job.trained_tokens, job.fine_tuned_model) == (
        "org-local",
        7,
        None,
        None,
    )

    done = finished(client, job.id)
    assert done.error is None or done.error.code is None
    assert done.status == "succeeded"
    assert done.fine_tuned_model is not None
    assert done.fine_tuned_model.startswith(f"ft:{BASE_MODEL}:local:my-helper:")
    assert done.trained_tokens is not None
    assert done.trained_tokens > 0
    assert done.trained_tokens % 2 == 0
    assert done.finished_at is not None
    assert done.finished_at >= done.created_at
    assert done.hyperparameters.n_epochs == 2
    assert isinstance(done.hyperparameters.learning_rate_multiplier, float | int)
    assert done.method is not None
    assert done.method.supervised is not None
    assert done.metadata == {"run": "one"}

    said = messages(client, job.id)
    expected = [
        f"Created fine-tuning job: {job.id}",
        f"Validating training file: {training} and validation file: {validation}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Checkpoint created at step 3",
        "Checkpoint created at step 6",
        f"New fine-tuned model created: {done.fine_tuned_model}",
        "The job has successfully completed",
    ]
    assert [message for message in said if message in expected] == expected

    events = list(client.fine_tuning.jobs.list_events(job.id, limit=100))
    metrics = [event.data for event in events if event.type == "metrics"]
    steps = [data["step"] for data in metrics if isinstance(data, dict)]
    assert steps == [6, 5, 4, 3, 2, 1]

    checkpoints = client.fine_tuning.jobs.checkpoints.list(job.id)
    assert [checkpoint.step_number for checkpoint in checkpoints] == [6, 3]
    for checkpoint in checkpoints:
        assert checkpoint.fine_tuning_job_id == job.id
        assert client.models.retrieve(checkpoint.fine_tuned_model_checkpoint)

    result = client.files.retrieve(done.result_files[0])
    assert (result.purpose, result.filename) == ("fine-tune-results", "step_metrics.csv")
    rows = list(csv.DictReader(io.StringIO(client.files.content(result.id).text)))
    assert [row["step"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert float(rows[0]["train_loss"]) > 0
    assert rows[2]["full_valid_loss"]

    assert done.fine_tuned_model in [model.id for model in client.models.list()]
    answer = client.chat.completions.create(
        model=done.fine_tuned_model, messages=[{"role": "user", "content": "say 1"}], max_tokens=4
    )
    assert answer.model == done.fine_tuned_model


def test_tuning_goes_on_from_a_tuned_model_and_from_a_checkpoint(client: OpenAI) -> None:
    training = upload(client, chat_rows(10))
    first = finished(
        client,
        client.fine_tuning.jobs.create(
            model=BASE_MODEL, training_file=training, method=supervised(n_epochs=2, batch_size=5)
        ).id,
    )
    assert first.fine_tuned_model
    checkpoint = client.fine_tuning.jobs.checkpoints.list(first.id).data[-1].fine_tuned_model_checkpoint
    for model in (first.fine_tuned_model, checkpoint):
        job = client.fine_tuning.jobs.create(
            model=model, training_file=training, method=supervised(n_epochs=1, batch_size=5)
        )
        assert job.model == model
        done = finished(client, job.id)
        assert done.status == "succeeded"
        assert (done.fine_tuned_model or "").startswith(f"ft:{BASE_MODEL}:local::")


def test_preferences_train_without_top_level_hyperparameters(client: OpenAI) -> None:
    row = (
        b'{"input":{"messages":[{"role":"user","content":"hi %d"}]},'
        b'"preferred_output":[{"role":"assistant","content":"yes"}],'
        b'"non_preferred_output":[{"role":"assistant","content":"no"}]}\n'
    )
    training = upload(client, b"".join(row % number for number in range(10)))
    method: Any = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1, "beta": 0.2}}}
    job = finished(
        client, client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=training, method=method).id
    )
    assert job.status == "succeeded"
    assert job.to_dict()["hyperparameters"] is None
    assert job.method is not None
    assert job.method.dpo is not None
    assert job.method.dpo.hyperparameters is not None
    assert job.method.dpo.hyperparameters.beta == 0.2


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (
            chat_rows(7),
            "invalid_n_examples",
            "Training file has 7 example(s), but must have at least 10 examples",
        ),
        (
            chat_rows(12).replace(b'"role": "user"', b'"rule": "user"', 1),
            "invalid_training_file",
            "The job failed due to an invalid training file. Invalid file format. "
            "Example 1, message 1 Discriminator 'role' is missing in value",
        ),
        (chat_rows(12) + b'{"messages": [\n', "invalid_file_format", "Example 13"),
        (b'{"prompt": "a", "completion": "b"}\n' * 12, "invalid_file_format", "is missing key 'messages'"),
        (
            chat_rows(12).replace(b'"role": "user"', b'"role": "helper"', 1),
            "invalid_training_file",
            "Invalid file format. Example 1: messages[0] has the unknown role 'helper'. (line 1)",
        ),
        (
            chat_rows(12) + PICTURE_ROW,
            "invalid_file_format",
            "Example 13: The example holds images; the local engine trains on text only. (line 13)",
        ),
    ],
    ids=["too few", "no role", "torn line", "completions", "words of our own", "a picture"],
)
def test_a_bad_file_fails_the_job_in_the_services_words_where_they_are_known(
    client: OpenAI, content: bytes, code: str, words: str
) -> None:
    job = finished(
        client, client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=upload(client, content)).id
    )
    assert job.status == "failed"
    assert job.error is not None
    assert (job.error.code, job.error.param) == (code, "training_file")
    assert words in job.error.message
    event = client.fine_tuning.jobs.list_events(job.id, limit=1).data[0]
    assert (event.level, event.message) == ("error", job.error.message)


def test_a_bad_validation_file_is_named(client: OpenAI) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL,
        training_file=upload(client, chat_rows(10)),
        validation_file=upload(client, b'{"messages": []}\n'),
    )
    done = finished(client, job.id)
    assert done.error is not None
    assert (done.error.code, done.error.param) == ("invalid_training_file", "validation_file")
    assert done.error.message == (
        "The job failed due to an invalid validation file. "
        "Invalid file format. Example 1: messages is empty. (line 1)"
    )


def test_a_job_keeps_its_data_when_the_file_is_deleted(client: OpenAI, engine: EngineProcess) -> None:
    training = upload(client, chat_rows(10))
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL, training_file=training, method=supervised(n_epochs=1)
    )
    client.files.delete(training)
    assert finished(client, job.id).status == "succeeded"
    assert (engine.root / "jobs" / job.id / "training.jsonl").read_bytes() == chat_rows(10)


def test_jobs_are_found_by_metadata(client: OpenAI) -> None:
    training = upload(client, chat_rows(3))
    create = client.fine_tuning.jobs.create
    both = create(model=BASE_MODEL, training_file=training, metadata={"run": "r1", "who": "me"})
    one = create(model=BASE_MODEL, training_file=training, metadata={"run": "r1"})
    none = create(model=BASE_MODEL, training_file=training)
    listed = client.fine_tuning.jobs.list
    assert [job.id for job in listed(metadata={"run": "r1"})] == [one.id, both.id]
    assert [job.id for job in listed(metadata={"run": "r1", "who": "me"})] == [both.id]
    assert not list(listed(metadata={"run": "other"}))
    without = [job["id"] for job in client.get("/fine_tuning/jobs?metadata=null", cast_to=dict)["data"]]
    assert none.id in without
    assert one.id not in without


def test_lists_come_in_pages(client: OpenAI) -> None:
    training = upload(client, chat_rows(3))
    made = [client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=training).id for _ in range(5)]
    page = client.fine_tuning.jobs.list(limit=2)
    assert page.has_more
    assert [job.id for job in page.data] == made[:-3:-1]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=2)][:5] == made[::-1]
    finished(client, made[0])
    events = list(client.fine_tuning.jobs.list_events(made[0], limit=1))
    assert len({event.id for event in events}) == len(events) == 3
    assert events[-1].message == f"Created fine-tuning job: {made[0]}"


@pytest.mark.parametrize(
    ("change", "param", "words"),
    [
        ({"model": "gpt-4o"}, "model", "Use 'smollm2-135m-instruct'"),
        ({"model": 3}, "model", "expected a string, but got an integer"),
        ({"model": None}, "model", "expected a string, but got null"),
        ({"training_file": "file-" + "x" * 22}, "training_file", "invalid training_file: file-x"),
        ({"training_file": "../../token"}, "training_file", "invalid training_file"),
        ({"validation_file": "file-none"}, "validation_file", "invalid validation_file"),
        ({"suffix": ""}, "suffix", "string too short"),
        ({"suffix": "x" * 65}, "suffix", "maximum length 64, but got a string with length 65"),
        ({"seed": -1}, "seed", "Expected a value >= 0, but got -1"),
        ({"seed": 2**31}, "seed", "Expected a value <= 2147483647"),
        ({"seed": True}, "seed", "got a boolean"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata", "at most 16 properties"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "maximum length 512"),
        ({"metadata": {"k": 1}}, "metadata.k", "expected a string"),
        ({"metadata": {"k" * 65: ""}}, f"metadata.{'k' * 65}", "maximum length 64"),
        ({"integrations": [{"type": "wandb", "wandb": {"project": "p"}}]}, "integrations", "not supported"),
        ({"method": {"type": "reinforcement"}}, "method.type", "Reinforcement"),
        ({"method": {"type": "magic"}}, "method.type", "Supported values are"),
        ({"method": {}}, "method.type", "Missing required parameter: 'method.type'"),
        ({"method": {"type": "dpo", "supervised": {}}}, "method.supervised", "only allowed when"),
        ({"method": supervised(n_epochs=0)}, "method.supervised.hyperparameters.n_epochs", "below minimum"),
        ({"method": supervised(n_epochs=51)}, "method.supervised.hyperparameters.n_epochs", "above maximum"),
        ({"method": supervised(n_epochs=1.5)}, "method.supervised.hyperparameters.n_epochs", "an integer"),
        ({"method": supervised(n_epochs="many")}, "method.supervised.hyperparameters.n_epochs", "'auto'"),
        ({"method": supervised(beta=0.1)}, "method.supervised.hyperparameters.beta", "Unknown parameter"),
        ({"hyperparameters": {"n_epochs": 0}}, "hyperparameters.n_epochs", "Expected a value >= 1"),
        ({"hyperparameters": {"batch_size": 257}}, "hyperparameters.batch_size", "Expected a value <= 256"),
        (
            {"hyperparameters": {"learning_rate_multiplier": 0}},
            "hyperparameters.learning_rate_multiplier",
            "decimal below minimum value. Expected a value > 0",
        ),
        (
            {"hyperparameters": {"n_epochs": 1}, "method": supervised(n_epochs=1)},
            "hyperparameters",
            "can't be given beside it",
        ),
        (
            {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 3}}}},
            "method.dpo.hyperparameters.beta",
            "Expected a value <= 2",
        ),
    ],
)
def test_a_wrong_request_is_refused_with_its_field(
    client: OpenAI, change: dict[str, Any], param: str, words: str
) -> None:
    body = {"model": BASE_MODEL, "training_file": upload(client, chat_rows(1)), **change}
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/fine_tuning/jobs", body=body, cast_to=object)
    assert caught.value.param == param
    assert words in caught.value.message
    assert caught.value.type == "invalid_request_error"


def test_missing_and_unknown_arguments_are_told_apart(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'training_file'"):
        client.post("/fine_tuning/jobs", body={"model": BASE_MODEL}, cast_to=object)
    with pytest.raises(openai.BadRequestError, match="Unrecognized request argument supplied: learning_rate"):
        client.post(
            "/fine_tuning/jobs",
            body={"model": BASE_MODEL, "training_file": "file-x", "learning_rate": 1},
            cast_to=object,
        )


def test_a_file_for_another_purpose_is_refused(client: OpenAI) -> None:
    other = client.files.create(file=("a.txt", b"x"), purpose="user_data")
    with pytest.raises(openai.BadRequestError, match="purpose 'user_data'"):
        client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=other.id)


@pytest.mark.parametrize("verb", ["retrieve", "cancel", "pause", "resume", "list_events"])
def test_an_unknown_job_is_not_found(client: OpenAI, verb: str) -> None:
    for job_id in ("ftjob-" + "a" * 24, "ftjob-..", "x"):
        with pytest.raises(openai.NotFoundError, match="Could not find fine tune"):
            getattr(client.fine_tuning.jobs, verb)(job_id)


def test_a_deleted_model_is_gone_and_its_job_stays(client: OpenAI, engine: EngineProcess) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL, training_file=upload(client, chat_rows(10)), method=supervised(n_epochs=1)
    )
    model = finished(client, job.id).fine_tuned_model
    assert model
    assert client.get(f"/models/{model}", cast_to=dict)["shutdown_date"] is None
    assert client.models.delete(model).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve(model)
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        client.models.delete(model)
    assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model == model
    assert not (engine.root / "jobs" / job.id / "adapter").exists()


def test_a_base_model_can_not_be_deleted_over_http(client: OpenAI) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="tunedeck engine remove"):
        client.models.delete(BASE_MODEL)
    assert client.models.retrieve(BASE_MODEL).owned_by == "system"
