"""A trainer of TRL behind the protocol of ours: TRL says what a step is, the run loop says when and on what.

Loss, precision, frozen quantised weights and recomputed activations are TRL's, transformers' and PEFT's.
Ours are the masks, the batches, the learning rate, checkpoints and the point to go on from, so that a job
looks and resumes the same whichever trainer it has.
"""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.atomic_files import write_json_atomically
from tui.engine.trainers.protocol import BatchMetrics, TrainingDiverged
from tui.engine.trainers.training_data import Example
from tui.engine.trl.batches import preference_inputs, supervised_inputs
from tui.engine.trl.model import LARGEST_NORM, is_out_of_memory
from tui.engine.trl.team import PeerLost, Team

Array = npt.NDArray[Any]
Say = Callable[[str], None]

_ADAPTER = "default"
"""PEFT's name of the adapter that is trained; DPO may hold a frozen one beside it."""
_TRAINED, _FIRST, _SECOND, _UPDATES = "adapter", "first_moment", "second_moment", "updates"


class TrlTrainer:
    """Learns one adapter by TRL's loss.

    Args:
        trl: An SFTTrainer or a DPOTrainer.
        training: Examples by number.
        validation: The same, only measured.
        base_name: Written into the adapter's config.
        padding: Token that fills sequences up.
        at_once: Sequences (supervised) or pairs (DPO) computed together at first; halved when too many.
        say: Told what a person should know.
        team: The processes that train this job.
    """

    def __init__(
        self,
        trl: Any,
        training: Sequence[Example],
        validation: Sequence[Example],
        *,
        base_name: str,
        padding: int,
        at_once: int,
        say: Say,
        team: Team,
    ) -> None:
        self._trl = trl
        self._model = trl.model
        self._is_preference = hasattr(trl, "ref_model")
        self._training = training
        self._validation = validation
        self._base_name = base_name
        self._padding = padding
        self._at_once = at_once
        self._say = say
        self._team = team
        named = [(name, value) for name, value in self._model.named_parameters() if value.requires_grad]
        self._parameters = [value for _, value in named]
        self._optimizer = trl.create_optimizer()
        self._updates = 0
        self._threads = 0
        # Its sums over processes would stop one that has fewer parts of a batch; ours are made once per step.
        trl.accelerator.gather = trl.accelerator.gather_for_metrics = lambda value: value
        self.token_counts = [example.token_count for example in training]
        self.validation_count = len(validation)

    def use_threads(self, threads: int) -> None:
        """Compute with so many threads from now on, where the processor computes."""
        import torch

        if self._trl.args.use_cpu and threads != self._threads:
            torch.set_num_threads(threads)
            self._threads = threads

    def train_step(self, examples: Sequence[int], learning_rate: float) -> BatchMetrics:
        """Learn from one batch."""
        self._team.tell(("train", list(examples), learning_rate))
        return self.take_step(examples, learning_rate)

    def validate(self, examples: Sequence[int]) -> BatchMetrics:
        """Measure validation examples."""
        self._team.tell(("validate", list(examples)))
        return self.measure(examples)

    def take_step(self, examples: Sequence[int], learning_rate: float) -> BatchMetrics:
        """Do this process's part of a step; raises as `Trainer.train_step`."""
        import torch

        self._model.train()
        metrics = self._with_room(
            lambda: self._collect([self._training[number] for number in examples], True)
        )
        if not math.isfinite(metrics.loss):
            raise TrainingDiverged(f"The training loss became {metrics.loss}.")
        norm = float(torch.nn.utils.clip_grad_norm_(self._parameters, LARGEST_NORM))
        if not math.isfinite(norm):
            self._forget()
            raise TrainingDiverged("The gradients overflowed.")
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.step()
        self._updates += 1
        self._forget()
        return metrics

    def measure(self, examples: Sequence[int]) -> BatchMetrics:
        """Do this process's part of a validation."""
        import torch

        self._model.eval()
        chosen = [self._validation[number] for number in examples]
        with torch.no_grad():
            return self._with_room(lambda: self._collect(chosen, False))

    def save_adapter(self, folder: Path) -> None:
        """Write the adapter in PEFT's format, under the base model's name and not its place on this disk."""
        self._model.save_pretrained(folder, selected_adapters=[_ADAPTER], save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's form for a model card, without a word in it
        config = folder / "adapter_config.json"
        settings = {**json.loads(config.read_text("utf-8")), "base_model_name_or_path": self._base_name}
        write_json_atomically(config, settings)

    def state(self) -> Mapping[str, Array]:
        """Return adapter and optimiser, each in one vector."""
        moments = [self._optimizer.state.get(value, {}) for value in self._parameters]

        def joined(name: str) -> Array:
            parts = [
                moment[name] if name in moment else value.detach().new_zeros(value.shape)
                for moment, value in zip(moments, self._parameters, strict=True)
            ]
            return _vector(parts)

        return {
            _TRAINED: _vector([value.detach() for value in self._parameters]),
            _FIRST: joined("exp_avg"),
            _SECOND: joined("exp_avg_sq"),
            _UPDATES: np.array([self._updates], np.float32),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Go on from what `state` returned."""
        plain = {name: np.array(values, np.float32) for name, values in state.items()}
        self._team.tell(("restore", plain))
        self.take_over(plain)

    def take_over(self, state: Mapping[str, Array]) -> None:
        """Set this process to a state."""
        import torch

        self._updates = int(state[_UPDATES][0])
        start = 0
        for value in self._parameters:
            part = slice(start, start + value.numel())
            start = part.stop

            def own(name: str, part: slice = part, value: Any = value) -> Any:
                return torch.from_numpy(state[name][part].copy()).view(value.shape).to(value)

            with torch.no_grad():
                value.copy_(own(_TRAINED))
            if self._updates:
                self._optimizer.state[value] = {
                    "step": torch.tensor(float(self._updates)),
                    "exp_avg": own(_FIRST),
                    "exp_avg_sq": own(_SECOND),
                }

    def close(self) -> None:
        """Let the other processes go, those that are still there."""
        with contextlib.suppress(PeerLost):
            self._team.tell(("close",))

    def _forget(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)

    def _collect(self, chosen: Sequence[Example], learn: bool) -> BatchMetrics | None:
        """Add up loss and gradients over all processes; None when one of them had no room."""
        total = len(chosen) if self._is_preference else sum(example.target_count for example in chosen)
        own = [chosen[place] for place in self._team.share(range(len(chosen)))]
        parts = list(self._parts(own))
        # What TRL adds for a mixture's router is a mean of its own in each part: so many of them make a step.
        self._trl.current_gradient_accumulation_steps = max(1, len(parts)) * self._team.size
        sums = np.zeros(3)
        short = False
        try:
            for inputs, amount in parts:
                sums += self._compute(inputs, amount, total, learn)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            short = True
        return self._added_up(sums, short, learn)

    def _compute(self, inputs: Mapping[str, Any], amount: int, total: int, learn: bool) -> Array:
        """Return loss, first sum and second sum of a part, each as its share of the batch."""
        placed = self._trl._prepare_inputs(dict(inputs))
        share = amount / total
        with self._trl.accelerator.autocast():
            if self._is_preference:
                loss = self._trl.compute_loss(self._model, placed) * share
            else:
                loss = self._trl.compute_loss(self._model, placed, num_items_in_batch=total)
        if learn:
            self._trl.accelerator.backward(loss)
        told = self._trl._metrics["train" if learn else "eval"]
        names = ("rewards/accuracies", "rewards/margins") if self._is_preference else ("mean_token_accuracy",)
        found = [float(told[name][-1]) * share for name in names]
        told.clear()
        return np.array([float(loss.detach()), *found, *([0.0] if len(found) == 1 else [])])

    def _added_up(self, sums: Array, short: bool, learn: bool) -> BatchMetrics | None:
        import torch

        gradients = [value.grad for value in self._parameters] if learn else []
        alone = self._team.size == 1
        place = "cpu" if alone else self._parameters[0].device
        numbers = torch.tensor([*sums, float(short)], dtype=torch.float64, device=place)
        sums_of_all = self._team.add_up(numbers).cpu().numpy()
        if sums_of_all[3]:
            return None
        if learn and not alone:
            flat = torch.cat(
                [
                    (value.new_zeros(value.shape) if gradient is None else gradient).reshape(-1).float()
                    for value, gradient in zip(self._parameters, gradients, strict=True)
                ]
            )
            start = 0
            self._team.add_up(flat)
            for value in self._parameters:
                value.grad = flat[start : start + value.numel()].view(value.shape).to(value)
                start += value.numel()
        loss, first, second = (float(number) for number in sums_of_all[:3])
        if self._is_preference:
            return BatchMetrics(loss, None, {"rewards_accuracy": first, "rewards_margin": second})
        return BatchMetrics(loss, first)

    def _parts(self, own: Sequence[Example]) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Cut this process's examples into inputs that fit, longest last, each with what it counts."""
        if self._is_preference:
            for start in range(0, len(own), self._at_once):
                pairs = own[start : start + self._at_once]
                yield preference_inputs(pairs, self._padding), len(pairs)
            return
        sequences = [sequence for example in own for sequence in example.sequences]
        sequences.sort(key=lambda sequence: len(sequence.ids))  # the less padding
        for start in range(0, len(sequences), self._at_once):
            part = sequences[start : start + self._at_once]
            yield supervised_inputs(part, self._padding), sum(one.target_count for one in part)

    def _with_room(self, collect: Callable[[], BatchMetrics | None]) -> BatchMetrics:
        """Compute fewer at once until there is memory for it; the batch stays as large as was asked.

        Raises:
            MemoryError: There is no room even for one.
        """
        import torch

        while True:
            self._forget()
            metrics = collect()
            if metrics is not None:
                return metrics
            self._forget()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            if self._at_once == 1:
                raise MemoryError("There is no memory for a single example.")
            self._at_once = max(1, self._at_once // 2)
            what = "pairs" if self._is_preference else "sequences"
            self._say(
                f"Out of memory: {self._at_once} {what} are computed at once from now on and their "
                "gradients added up; the batch size stays as it was asked"
            )


def _vector(parts: Sequence[Any]) -> Array:
    return np.concatenate([part.float().cpu().numpy().reshape(-1) for part in parts])
