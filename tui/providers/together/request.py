"""A job request as Together wants it, held to what it says of the model before anything is created."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from tui.records.jobs import Method
from tui.records.requests import RUN_ID_KEY, JobRequest

_MARK = re.compile(r"(?:^|-)td([0-9a-f]{12})$")
_SFT = ("train_on_inputs",)
_DPO = {
    "beta": "dpo_beta", "rpo_alpha": "rpo_alpha", "simpo_gamma": "simpo_gamma",
    "dpo_normalize_logratios_by_length": "dpo_normalize_logratios_by_length",
}  # fmt: skip
_LORA = ("lora_r", "lora_alpha", "lora_dropout", "lora_trainable_modules")
_FULL = "full_training"


def run_mark(run_id: str) -> str:
    """Return what stands for a run id in a suffix.

    Together keeps no metadata; the suffix (40 characters at most) is the one field that it gives back,
    so a job whose creation got no answer is found again by these 48 bits of its run id.
    """
    return f"td{run_id[:12]}"


def carries_run(raw: Mapping[str, Any], run_id: str) -> bool:
    """True when a job's suffix, or the model's name that was made from it, carries a run id."""
    mark = run_mark(run_id)
    return any(mark in str(raw.get(name) or "") for name in ("suffix", "model_output_name"))


def user_suffix(suffix: str) -> str:
    """Return a suffix without our mark."""
    return _MARK.sub("", suffix)


def job_body(request: JobRequest, limits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON of a creation; what Together's own client sends always is always in it.

    Args:
        request: What was confirmed.
        limits: What the service says of the model, for the rank that it takes by itself.
    """
    chosen = dict(request.hyperparameters)
    run_id = request.metadata.get(RUN_ID_KEY)
    parts = [part for part in (request.suffix, run_mark(run_id) if run_id else None) if part]
    method = _method(chosen, request.method)
    kind = _training_type(chosen, limits)
    epochs = chosen.pop("n_epochs", 1)
    body: dict[str, Any] = {
        "model": request.model,
        "training_file": request.training_file,
        "validation_file": request.validation_file,
        "n_epochs": epochs,
        # A validation file that is never measured tells nothing: once for each pass, unless somebody chose.
        "n_evals": epochs if request.validation_file else 0,
        "n_checkpoints": 1,
        "batch_size": "max",
        "learning_rate": 1e-5,
        "training_method": method,
        "training_type": kind,
        "suffix": "-".join(parts) or None,
        "random_seed": request.seed,
        **chosen,
    }
    if body.get("from_checkpoint"):
        del body["model"]  # it takes one of the two
    return {name: value for name, value in body.items() if value is not None}


def problems(body: Mapping[str, Any], limits: Mapping[str, Any], method: Method) -> Iterator[str]:
    """Yield what the service would refuse, by its own limits of the model; one it does not tell is none."""
    kind = body.get("training_type") or {}
    full = kind.get("type") == "Full"
    if full and limits.get("supports_full_training") is False:
        yield f"{body.get('model')} can't be trained in full, only with LoRA."
    group = limits.get("full_training" if full else "lora_training")
    group = group if isinstance(group, Mapping) else {}
    dpo = method is Method.DPO
    for name, value, low, high in (
        ("learning_rate", body.get("learning_rate"), limits.get("min_learning_rate"),
         limits.get("max_learning_rate")),
        ("n_epochs", body.get("n_epochs"), 1, limits.get("max_num_epochs")),
        ("n_evals", body.get("n_evals"), 0, limits.get("max_num_evals")),
        ("n_checkpoints", body.get("n_checkpoints"), 0, limits.get("max_num_checkpoints")),
        ("max_seq_length", body.get("max_seq_length"), limits.get("min_max_seq_length"),
         limits.get("max_seq_length_dpo" if dpo else "max_seq_length_sft")),
        ("batch_size", body.get("batch_size"), group.get("min_batch_size"),
         group.get("max_batch_size_dpo" if dpo else "max_batch_size")),
        ("lora_r", kind.get("lora_r"), 1, group.get("max_rank")),
    ):  # fmt: skip
        if not _is_number(value):
            continue
        least, most = (end if _is_number(end) else None for end in (low, high))
        if (least is not None and value < least) or (most is not None and value > most):
            span = " to ".join(f"{end:g}" for end in (least, most) if end is not None)
            yield f"{name} = {value:g} is outside what it takes for this model: {span}."


def price_question(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON that asks what a job would cost."""
    names = (
        "model", "training_file", "validation_file", "n_epochs", "n_evals", "training_method",
        "training_type", "from_checkpoint",
    )  # fmt: skip
    return {name: body[name] for name in names if name in body}


def _method(chosen: dict[str, Any], method: Method) -> dict[str, Any]:
    if method is Method.DPO:
        told = {theirs: chosen.pop(ours) for ours, theirs in _DPO.items() if ours in chosen}
        return {"method": "dpo", **told}
    told = {name: chosen.pop(name) for name in _SFT if name in chosen}
    return {"method": "sft", "train_on_inputs": "auto", **told}


def _training_type(chosen: dict[str, Any], limits: Mapping[str, Any]) -> dict[str, Any] | None:
    lora = {name: chosen.pop(name) for name in _LORA if name in chosen}
    if chosen.pop(_FULL, False):
        return {"type": "Full"}
    if not lora:
        return None  # the service's own choice: LoRA, or as the job that is gone on from
    told = limits.get("lora_training")
    default_rank = told.get("default_rank") if isinstance(told, Mapping) else None
    rank = int(lora.get("lora_r") or (default_rank if _is_number(default_rank) else 8))
    return {"type": "Lora", "lora_r": rank, "lora_alpha": 2 * rank, **lora}


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
