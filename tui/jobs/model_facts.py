"""What is known of a model in words, for the screen and the command line alike."""

from __future__ import annotations

from datetime import UTC, datetime

from tui.jobs.model_family import FamilyModel, ModelKind
from tui.money.usage_price import Amount

_HASH_SHOWN = 12
_KINDS = {
    ModelKind.BASE: "base model",
    ModelKind.TUNED: "fine-tuned model",
    ModelKind.CHECKPOINT: "checkpoint",
    ModelKind.JOB: "job without a model yet",
}


def model_facts(model: FamilyModel) -> list[tuple[str, str]]:
    """Return (name, words) of what is known; what is not known is left out."""
    job = model.job
    facts: list[tuple[str, str | None]] = [
        ("Model", model.id),
        ("Account", model.account),
        ("Kind", f"{_KINDS[model.kind]}{f', step {model.step:,}' if model.step is not None else ''}"),
        ("Ends", _end(model)),
        ("Date from", model.lifetime.source),
        ("Date of", f"its base {model.lifetime.base}" if model.lifetime.base else None),
        ("Trained from", model.parent[1] if model.parent else None),
        ("Base", model.base_model),
        ("Trainable", "yes" if model.trainable else f"no: {model.trainable.reason}"),
        ("Job", f"{job.id} ({job.state}, {job.method})" if job else None),
        ("Dataset", _dataset(model)),
        ("Scores", _scores(model)),
        ("Training cost", _cost(model.training_cost) if model.kind is ModelKind.TUNED else None),
        ("Answers cost", _answers(model) if model.is_model else None),
        ("Made", _day(model.created_at)),
        ("Deleted", _day(model.deleted_at)),
        ("Tags", " ".join(model.tags)),
        ("Note", model.note),
    ]
    if model.is_dropped:
        facts.insert(3, ("Listed", "not among its job's checkpoints any more, as last seen"))
    elif not model.is_listed and model.deleted_at is None and model.is_model:
        facts.insert(3, ("Listed", "not among the account's models, as last seen"))
    return [(name, words) for name, words in facts if words]


def _end(model: FamilyModel) -> str:
    life = model.lifetime
    if life.shutdown_date is None:
        return "no end announced"
    return f"{life.shutdown_date}, {life.words}"


def _dataset(model: FamilyModel) -> str | None:
    job = model.job
    if job is None or not (job.dataset or job.dataset_sha256):
        return None
    digest = f"SHA-256 {job.dataset_sha256[:_HASH_SHOWN]}…" if job.dataset_sha256 else ""
    return " ".join(filter(None, (job.dataset, digest)))


def _scores(model: FamilyModel) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in sorted(model.scores.items()) if name != "step")


def _cost(amount: Amount | None) -> str:
    return "not known" if amount is None else amount.words


def _answers(model: FamilyModel) -> str:
    amount = model.answers_cost
    return "nothing yet" if amount is not None and not amount.high else _cost(amount)


def _day(seconds: int | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
