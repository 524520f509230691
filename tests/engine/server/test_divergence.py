"""A training whose loss is no number ends as failed, over HTTP, with a reason and a way out.

No learning rate that the engine takes leads there: at its limit of 1,000 times the usual one the loss of the
real model goes from 4 to 42 and comes back, because gradients are clipped and every layer is normalised.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.server.test_jobs import finished, messages, supervised, upload
from tests.engine.tiny_model import make_tiny_base_model


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_poisoned_base_model_fails_the_job_at_its_first_step(
    tmp_path: Path, new_engine: Callable[..., EngineProcess], value: float
) -> None:
    folder = make_tiny_base_model(tmp_path / "models" / BASE_MODEL)
    weights = np.memmap(folder / "weights.safetensors", np.uint8, mode="r+")
    weights[-64:].view("<f4")[:] = value  # the last values in the file are the final norm's
    weights.flush()
    engine = new_engine(base_models=tmp_path / "models").start()
    client = engine.client()
    job = client.fine_tuning.jobs.create(
        model=BASE_MODEL,
        training_file=upload(client, chat_rows(12)),
        method=supervised(n_epochs=1, batch_size=2),
    )
    done = finished(client, job.id)
    assert (done.status, done.error and done.error.code) == ("failed", "loss_not_finite")
    assert done.error is not None
    assert done.error.message is not None
    assert "became nan at step 1" in done.error.message
    assert "Fetch or add the base model again" in done.error.message
    assert messages(client, job.id)[-1] == done.error.message
