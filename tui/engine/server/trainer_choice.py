"""Which trainer a job gets, or why it can't have it: decided when the job is made, and kept."""

from __future__ import annotations

from tui.engine.api_errors import ApiError
from tui.engine.environments.gpus import nvidia_gpus
from tui.engine.environments.kept import find_environment, why_not
from tui.engine.executors.commands import EMBEDDED, TRL
from tui.engine.server.base_model_shelf import BaseModelShelf

AUTO = "auto"
ENVIRONMENT = "gpu"
"""What the TRL worker runs in."""


def choose_trainer(
    asked: str, shelf: BaseModelShelf, base_model: str, *, load_in_4bit: bool, here: bool, ours: bool = True
) -> str:
    """Return "embedded" or "trl".

    Left to us, a base model that the embedded engine reads is trained by it, unless this machine has a GPU
    and the environment to use it; every other one is trained by TRL.

    Args:
        asked: "auto", "embedded" or "trl".
        shelf: The base models.
        base_model: What is tuned.
        load_in_4bit: Frozen weights in 4 bits, which only TRL has.
        here: Whether the job runs on this machine, whose GPUs can be looked for.
        ours: Whether it runs in an environment of ours; else that is the place's affair.

    Raises:
        ApiError: 400 with what is missing and the command that brings it.
    """
    only_trl = shelf.is_transformers(base_model)
    if asked == EMBEDDED and only_trl:
        raise _refusal(
            f"The embedded trainer can't read the base model {base_model}; TRL can: leave 'trainer' out, or "
            f"ask for '{TRL}'."
        )
    if asked == EMBEDDED and load_in_4bit:
        raise _refusal("load_in_4bit is for trainer 'trl'; the embedded trainer has no 4-bit training.")
    chosen = asked
    if asked == AUTO:
        wants_trl = only_trl or load_in_4bit or not ours or _can_use_a_gpu()
        chosen = TRL if wants_trl else EMBEDDED
    if chosen == TRL and ours:
        missing = why_not(ENVIRONMENT)
        if missing is not None:
            raise _refusal(f"This job needs trainer 'trl' (TRL and PEFT). {missing}")
        if load_in_4bit and here and not nvidia_gpus():
            raise ApiError(
                400,
                "load_in_4bit (QLoRA) needs an NVIDIA GPU, and nvidia-smi names none on this machine. Leave "
                "it out, or run the job where a GPU is.",
                param="load_in_4bit",
                code="unsupported_value",
            )
    return chosen


def _can_use_a_gpu() -> bool:
    found = find_environment(ENVIRONMENT)
    return found is not None and not found.cpu_only and bool(nvidia_gpus())


def _refusal(message: str) -> ApiError:
    return ApiError(400, message, param="trainer", code="trainer_not_available")
