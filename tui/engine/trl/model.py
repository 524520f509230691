"""TRL's trainers around a base model and its adapter, set to what this machine can do."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample
from tui.engine.trl.batches import ids_and_labels
from tui.engine.trl.device import Device
from tui.engine.worker.job_spec import JobSpec
from tui.errors import TunedeckError

RANK, ALPHA = 16, 32
"""Of a new adapter on every linear layer; the embedded trainer's rank and scale."""
WEIGHT_DECAY = 0.01
LARGEST_NORM = 1.0
"""Gradients longer than this are scaled down to it; both as in the embedded trainer."""


def make_trainer(
    spec: JobSpec,
    model_folder: Path,
    tokenizer: ChatTokenizer,
    device: Device,
    sample: TrainingExample,
    beta: float | None,
) -> Any:
    """Return an SFTTrainer, or a DPOTrainer for a preference job, with its model in place.

    Args:
        spec: The job.
        model_folder: As transformers opens it.
        tokenizer: Ours, for the padding token.
        device: Where it trains.
        sample: TRL looks at one example when it is made; no other is given to it.
        beta: Of DPO.

    Raises:
        TunedeckError: transformers or PEFT can't open the model or the adapter.
    """
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.set_seed(spec.seed)
    if device.is_processor:
        torch.set_num_threads(1)  # until the run loop says how many
    model = _with_start_adapter(_open_model(spec, model_folder, device), spec)
    settings = _settings(spec, device)
    text = _padding_text(tokenizer)
    processing = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(model_folder / "tokenizer.json"), eos_token=text, pad_token=text
    )
    common = {
        "model": model,
        "processing_class": processing,
        "peft_config": None if spec.start_adapter else _new_adapter(),
    }
    from datasets import Dataset

    if spec.method == "dpo":
        from trl import DPOConfig, DPOTrainer

        # Strings, which it tokenises for itself when it is made; the pairs of the job never pass here.
        words = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])
        arguments = DPOConfig(beta=beta, **settings)
        return _saving(DPOTrainer(args=arguments, train_dataset=words, **common), device)
    from trl import SFTConfig, SFTTrainer

    ids, labels = ids_and_labels(sample)
    one = Dataset.from_list([{"input_ids": ids.tolist(), "labels": labels.tolist()}])
    arguments = SFTConfig(dataset_kwargs={"skip_prepare_dataset": True}, **settings)
    return _saving(SFTTrainer(args=arguments, train_dataset=one, **common), device)


def _saving(trl: Any, device: Device) -> Any:
    """Have activations computed twice where memory is dear; transformers does it in its own loop alone."""
    if device.saves_memory:
        model = trl.model.get_base_model()
        # Its name from transformers 5 on, and the one before.
        enable = (
            getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        )
        enable({"use_reentrant": False})
    return trl


def padding_id(tokenizer: ChatTokenizer) -> int:
    """Return the token that fills sequences up; it is masked, so any will do."""
    return tokenizer.end_token_ids[0] if tokenizer.end_token_ids else 0


def _padding_text(tokenizer: ChatTokenizer) -> str:
    return tokenizer.token_bytes(padding_id(tokenizer)).decode("utf-8", "replace")


def _settings(spec: JobSpec, device: Device) -> dict[str, Any]:
    """Return what SFTConfig and DPOConfig share; TRL's own defaults are for full tuning on a large GPU."""
    return {
        "output_dir": tempfile.gettempdir(),  # nothing is written there: checkpoints are ours
        "per_device_train_batch_size": 1,
        "max_length": None,
        "use_cpu": device.is_processor,
        "bf16": device.has_bfloat16,
        "gradient_checkpointing": device.saves_memory,
        "average_tokens_across_devices": False,  # the loss knows the tokens of the whole batch
        "optim": "adamw_torch",
        "weight_decay": WEIGHT_DECAY,
        "max_grad_norm": LARGEST_NORM,
        "save_strategy": "no",
        "logging_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "seed": spec.seed,
    }


def _open_model(spec: JobSpec, folder: Path, device: Device) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": getattr(torch, device.dtype), "local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        stored = getattr(config, "quantization_config", None) or {}
        kind = (
            stored.get("quant_method") if isinstance(stored, dict) else getattr(stored, "quant_method", None)
        )
        if spec.load_in_4bit:
            from transformers import BitsAndBytesConfig

            options["quantization_config"] = BitsAndBytesConfig(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=getattr(torch, device.dtype),
            )
            options["device_map"] = {"": device.place}
        elif str(kind).endswith("mxfp4"):  # gpt-oss: its packed experts have no gradient of their own
            from transformers import Mxfp4Config

            options["quantization_config"] = Mxfp4Config(dequantize=True)
        return AutoModelForCausalLM.from_pretrained(folder, config=config, **options)
    except (OSError, ValueError, KeyError, ImportError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise TunedeckError(
            f"transformers {_version('transformers')} can't open the base model {folder.name}: "
            f"{str(error).strip() or type(error).__name__}"
        ) from error


def _with_start_adapter(model: Any, spec: JobSpec) -> Any:
    if spec.start_adapter is None:
        return model
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, spec.start_adapter, is_trainable=True)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise TunedeckError(
            f"PEFT {_version('peft')} can't open the adapter that the job starts from: {error}"
        ) from error


def _new_adapter() -> Any:
    from peft import LoraConfig

    return LoraConfig(
        r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, bias="none", target_modules="all-linear",
        task_type="CAUSAL_LM",
    )  # fmt: skip


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether torch had no memory left, on whatever device."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    # The processor's allocator has no class of its own for it (torch 2.13, 2026-11).
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)
