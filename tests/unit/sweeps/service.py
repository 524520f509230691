"""A loopback service that trains in an instant: the loss is a bowl over the learning rate, the best at 2."""

from __future__ import annotations

import math
from typing import Any

from tests.unit.core.fake_service import FakeService, Json

BEST_RATE = 2.0
STEPS_AN_EPOCH = 4


class TrainingService(FakeService):
    """Ends every job as soon as it is looked at, unless `holds` says to wait; pauses where it is."""

    def __init__(self) -> None:
        super().__init__()
        self.holds = False
        """Jobs stay where they are."""
        self.speed = 10_000
        """Steps that a job does between two looks at it."""
        self.fails: set[float] = set()
        """Learning rates at which a job fails."""
        self.done: dict[str, int] = {}
        self.answers = 0
        self.tokens_an_epoch: int | None = None
        """What it says to have trained; None says nothing."""

    def chunks_for(self, body: Json) -> list[Json]:
        """Answer rightly as often as the model's rate is near the best one."""
        job = next(job for job in self.jobs.values() if job.get("fine_tuned_model") == body["model"])
        rate = float(self.numbers_of(job)["learning_rate_multiplier"])
        number = int(body["messages"][-1]["content"].split()[-3])
        is_right = number % 4 >= round(abs(math.log2(rate / BEST_RATE)))
        text = f"It is {number + 1}." if is_right else "I can't tell."
        self.answers += 1
        return [
            {"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]},
            {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"id": "c", "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 5,
                                                 "total_tokens": 25}},
        ]  # fmt: skip

    def created(self) -> list[Json]:
        """The bodies of all creations, in order."""
        return [body for body in self.bodies if isinstance(body, dict) and "training_file" in body]

    def advance(self, job: Json) -> None:
        """Let a job train on."""
        if self.holds or job["status"] in ("succeeded", "failed", "cancelled", "paused"):
            return
        numbers = self.numbers_of(job)
        rate, epochs = float(numbers.get("learning_rate_multiplier", 1)), int(numbers.get("n_epochs", 3))
        job["status"] = "running"
        if rate in self.fails:
            job["status"] = "failed"
            job["error"] = {"code": "training_failed", "message": "The loss is no number.", "param": None}
            return
        total = epochs * STEPS_AN_EPOCH
        begin = self.done.get(job["id"], 0)
        end = min(total, begin + self.speed)
        for step in range(begin + 1, end + 1):
            loss = loss_at(rate, step / STEPS_AN_EPOCH)
            data: dict[str, Any] = {"step": step, "total_steps": total, "train_loss": loss * 0.9}
            if step % STEPS_AN_EPOCH == 0:
                data["full_valid_loss"] = loss
            self.add_event(job["id"], f"Step {step}/{total}", **data)
        self.done[job["id"]] = end
        if end == total:
            job["status"] = "succeeded"
            job["fine_tuned_model"] = f"ft:{job['model']}:org:{job.get('suffix') or 's'}:{job['id']}"
            job["trained_tokens"] = self.tokens_an_epoch and self.tokens_an_epoch * epochs
            job["finished_at"] = 5000
            self.models.append({"id": job["fine_tuned_model"], "object": "model", "created": 2})

    @staticmethod
    def numbers_of(job: Json) -> Json:
        method = job.get("method") or {}
        inner = method.get(method.get("type", "supervised")) or {}
        found = inner.get("hyperparameters") or {}
        assert isinstance(found, dict)
        return found


def loss_at(rate: float, epochs: float) -> float:
    """Validation loss: a bowl over the logarithm of the rate, lower with every epoch."""
    return 1.0 + math.log(rate / BEST_RATE) ** 2 / 4 + 1.0 / (1 + epochs)


def moving(service: TrainingService) -> None:
    """Let jobs train whenever the service is asked for one."""
    handler: Any = service.RequestHandlerClass
    original = handler._job

    class Moving(handler):  # type: ignore[misc]
        def _job(self, job_id: str) -> None:
            if job_id in self.server.jobs:
                self.server.advance(self.server.jobs[job_id])
            original(self, job_id)

    service.RequestHandlerClass = Moving
