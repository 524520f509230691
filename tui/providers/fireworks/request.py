"""A job request as Fireworks wants it."""

from __future__ import annotations

from typing import Any

from tui.providers.protocol import ProviderError
from tui.records.jobs import Method
from tui.records.requests import RUN_ID_KEY, JobRequest

SUPERVISED, DPO = "supervisedFineTuningJobs", "dpoJobs"
ID_PARAMETERS = {SUPERVISED: "supervisedFineTuningJobId", DPO: "dpoJobId"}
"""Under which name each route takes the id of the job to be."""
_RUN_PREFIX = "td-"
_RUN_ID_LENGTH = 32
_NAMES = {
    "n_epochs": "epochs", "learning_rate": "learningRate", "batch_size": "batchSizeSamples",
    "lora_rank": "loraRank", "max_context_length": "maxContextLength", "early_stop": "earlyStop",
    "eval_auto_carveout": "evalAutoCarveout", "warmup_steps": "learningRateWarmupSteps",
    "weight_decay": "optimizerWeightDecay", "warm_start_from": "warmStartFrom",
}  # fmt: skip
"""Our name of a choice -> theirs; in answers the other way round."""
_PUBLIC_MODELS = "accounts/fireworks/models/"


def settings_from(raw: dict[str, Any]) -> dict[str, Any]:
    """Return the choices of a job under our names, as the service resolved them."""
    return {ours: raw[theirs] for ours, theirs in _NAMES.items() if raw.get(theirs) is not None}


def job_id_of_run(run_id: str) -> str:
    """Return the id that a run's job is created under.

    The service takes an id of ours and refuses a second job of the same, so one confirmation can't make two
    jobs even there, and a job whose creation got no answer is looked up by it.
    """
    return f"{_RUN_PREFIX}{run_id}"


def run_of_job_id(job_id: str) -> str | None:
    """Return the run id in a job's id, or None when we did not make it."""
    word = job_id.removeprefix(_RUN_PREFIX)
    ours = job_id.startswith(_RUN_PREFIX) and len(word) == _RUN_ID_LENGTH and word.isalnum()
    return word if ours else None


def job_body(request: JobRequest, account: str) -> tuple[str, dict[str, Any]]:
    """Return the route of a creation and its JSON.

    Args:
        request: What was confirmed.
        account: Name of the account there, `accounts/ID`.

    Raises:
        ProviderError: The service has no place for a part of the request; nothing was sent.
    """
    chosen = {_NAMES.get(name, name): value for name, value in request.hyperparameters.items()}
    chosen.setdefault("epochs", 1)  # what the estimate is for
    if "warmStartFrom" not in chosen:
        named = "/" in request.model
        mine = request.model.startswith(f"{account}/models/")
        name = request.model if named else f"{_PUBLIC_MODELS}{request.model}"
        chosen["warmStartFrom" if mine else "baseModel"] = name
    run_id = request.metadata.get(RUN_ID_KEY, "")
    if request.suffix:
        # A model of that name may be there from an earlier job.
        chosen["outputModel"] = f"{account}/models/{'-'.join(filter(None, (request.suffix, run_id[:8])))}"
    body: dict[str, Any] = {
        "dataset": f"{account}/datasets/{request.training_file}",
        "displayName": request.suffix or f"tunedeck {run_id[:8]}".strip(),
    }
    if request.method is not Method.DPO:
        if request.validation_file:
            body["evaluationDataset"] = f"{account}/datasets/{request.validation_file}"
        return SUPERVISED, {**body, **chosen}
    if request.validation_file:
        raise ProviderError(
            "Fireworks takes no validation file for DPO.",
            "Launch without --validation and --split.",
            status=400,
        )
    return DPO, {**body, "trainingConfig": chosen}
