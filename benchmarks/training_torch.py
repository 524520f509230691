"""PyTorch + PEFT's side of `benchmarks.training`: float32 LoRA on all projections, padded batches, AdamW."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

MISSING = 3
IGNORED = -100
"""PyTorch's label for tokens that are not learned."""


def main() -> int:
    """Train and report; exit code 3 without the libraries."""
    try:
        import peft
        import torch
    except ImportError:
        return MISSING
    work = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(work["threads"])
    torch.manual_seed(0)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    settings = peft.LoraConfig(
        r=work["rank"], lora_alpha=work["rank"], target_modules=targets, task_type="CAUSAL_LM"
    )
    model = peft.get_peft_model(transformers_model(Path(work["base"])), settings)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=work["rate"], weight_decay=0.01)
    examples, losses = work["examples"], []
    started, cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(examples), work["batch"]):
        loss = model(**padded(examples[start : start + work["batch"]])).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    report = {
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "tokens": sum(one["tokens"] for one in examples),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "first_loss": losses[0],
        "last_loss": sum(losses[-max(1, len(losses) // 4) :]) / max(1, len(losses) // 4),
    }
    print(json.dumps(report))
    return 0


def padded(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a batch as transformers takes it: labels at the token itself, which it shifts by one."""
    import torch

    longest = max(len(one["ids"]) for one in examples) + 1
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), IGNORED)
    mask = torch.zeros(len(examples), longest, dtype=torch.long)
    for row, one in enumerate(examples):
        length = len(one["ids"])
        ids[row, :length] = torch.tensor(one["ids"])
        ids[row, length] = max(one["targets"][-1], 0)
        mask[row, : length + 1] = 1
        wanted = torch.tensor(one["targets"])
        labels[row, 1 : length + 1] = torch.where(wanted < 0, IGNORED, wanted)
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def transformers_model(folder: Path) -> Any:
    """Build transformers' Llama with the weights of a prepared folder."""
    import torch
    import transformers

    from tui.engine.llama.config import LlamaConfig
    from tui.engine.llama.peft_files import MODULES, module_rows
    from tui.engine.llama.weights import load_weights

    config = LlamaConfig.from_json(json.loads((folder / "config.json").read_text()))
    weights = load_weights(folder / "weights.safetensors", config)
    tied = weights.output is weights.embedding
    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.hidden,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            head_dim=config.head_dim,
            max_position_embeddings=config.context_length,
            rms_norm_eps=config.norm_epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            tie_word_embeddings=tied,
            use_cache=False,
        )
    )
    rows = module_rows(config)
    tensors = {"model.embed_tokens.weight": weights.embedding, "model.norm.weight": weights.final_norm}
    tensors["lm_head.weight"] = weights.output
    for number, layer in enumerate(weights.layers):
        own = f"model.layers.{number}."
        tensors[f"{own}input_layernorm.weight"] = layer.attention_norm
        tensors[f"{own}post_attention_layernorm.weight"] = layer.feed_forward_norm
        for name, modules in MODULES.items():
            for module in modules:
                tensors[f"{own}{module}.weight"] = layer.projection(name)[rows[module]]
    model.load_state_dict({name: torch.tensor(tensor) for name, tensor in tensors.items()})
    return model.float()


if __name__ == "__main__":
    sys.exit(main())
