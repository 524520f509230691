from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tui.engine.api_errors import ApiError
from tui.engine.server.body_errors import parse_body
from tui.engine.server.job_schema import CreateJob
from tui.engine.server.requests import parse_json_object
from tui.engine.server.upload_schema import CompleteUpload, CreateUpload

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=80)
NAMES = st.sampled_from(
    [
        "model",
        "training_file",
        "validation_file",
        "hyperparameters",
        "method",
        "type",
        "supervised",
        "dpo",
        "n_epochs",
        "batch_size",
        "learning_rate_multiplier",
        "beta",
        "suffix",
        "seed",
        "metadata",
        "integrations",
        "bytes",
        "filename",
        "mime_type",
        "purpose",
        "part_ids",
        "expires_after",
    ]
)
VALUES = st.recursive(
    SCALARS | st.sampled_from(["auto", "supervised", "dpo"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=8)


def refusal_of(call: Callable[[], Any]) -> ApiError | None:
    """Return how the call was refused; any other error is the test's failure."""
    try:
        call()
    except ApiError as error:
        return error
    return None


@given(BODIES, st.sampled_from([CreateJob, CreateUpload, CompleteUpload]))
def test_any_body_is_taken_or_refused_with_a_named_field(body: dict[str, Any], kind: Any) -> None:
    def take() -> None:
        parsed = parse_body(kind, body)
        if isinstance(parsed, CreateJob):
            parsed.method_hyperparameters()

    refusal = refusal_of(take)
    if refusal is not None:
        assert refusal.status == 400
        assert refusal.message
        assert refusal.param is not None or refusal.message.startswith("Unrecognized request argument")


@given(BODIES)
def test_a_taken_job_body_has_whole_hyperparameters(changes: dict[str, Any]) -> None:
    body = {"model": "m", "training_file": "f", **{key: changes[key] for key in changes if key == "method"}}
    found: dict[str, Any] = {}
    refusal = refusal_of(lambda: found.update(parse_body(CreateJob, body).method_hyperparameters()))
    if refusal is None:
        assert {"batch_size", "learning_rate_multiplier", "n_epochs"} <= set(found)
        assert None not in found.values()


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(content: bytes) -> None:
    refusal = refusal_of(lambda: parse_json_object(content).items())
    assert refusal is None or refusal.status == 400
