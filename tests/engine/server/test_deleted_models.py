"""A deleted tuned model: gone from the list, the disk and the memory of what answers."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.engine.server.test_scheduling import Scripted, create, ended, scripted
from tui.engine.server.app import build_app

__all__ = ["scripted"]

SCRIPT = """
    for part in ("adapter", "checkpoints/step-000010", "checkpoints/step-000020"):
        (folder / part).mkdir(parents=True)
    done(status="succeeded")
"""
TOKEN = "a token"


def test_what_answers_forgets_a_deleted_model_and_its_checkpoints(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = scripted.start(SCRIPT)
    job = ended(engine, create(engine))
    engine.serving.router()  # loads the service that answers
    forgotten: dict[str, Path | None] = {}
    monkeypatch.setattr(engine.serving._service, "forget", forgotten.__setitem__)
    app = build_app(engine, token=TOKEN, shut_down=lambda: None)
    client = TestClient(app, base_url="http://127.0.0.1", headers={"Authorization": f"Bearer {TOKEN}"})
    answer = client.delete(f"/v1/models/{job.planned_model}")
    assert answer.json() == {"id": job.planned_model, "object": "model", "deleted": True}
    folder = engine.jobs.folder(job.id)
    assert forgotten == {
        job.planned_model: folder / "adapter",
        f"{job.planned_model}:ckpt-step-10": folder / "checkpoints" / "step-000010",
        f"{job.planned_model}:ckpt-step-20": folder / "checkpoints" / "step-000020",
    }
    assert client.get(f"/v1/models/{job.planned_model}").status_code == 404
