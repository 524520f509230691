"""Sequences as the tensors that TRL's trainers take, padded at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tui.engine.llama.tokenizer import NO_TARGET, TrainingExample
from tui.engine.trainers.training_data import Example

IGNORED = -100
"""torch's mark for a label that is not learned."""

Numbers = npt.NDArray[np.int64]


def ids_and_labels(sequence: TrainingExample) -> tuple[Numbers, Numbers]:
    """Return a sequence unshifted, as transformers counts: `labels[i]` is the token at `i`, or `IGNORED`.

    The first token follows nothing, so it is never learned.
    """
    ids = np.concatenate([sequence.ids, sequence.targets[-1:]])
    labels = np.where(sequence.targets == NO_TARGET, IGNORED, sequence.targets)
    return ids, np.concatenate([np.array([IGNORED], np.int64), labels])


def supervised_inputs(sequences: Sequence[TrainingExample], padding: int) -> dict[str, Any]:
    """Return `input_ids`, `attention_mask` and `labels` [sequences, longest]."""
    import torch

    ids, labels, seen = _padded(sequences, padding)
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(seen),
        "labels": torch.from_numpy(labels),
    }


def preference_inputs(pairs: Sequence[Example], padding: int) -> dict[str, Any]:
    """Return `input_ids`, `attention_mask` and `completion_mask`: all preferred answers, then all others."""
    import torch

    sides = [pair.sequences[0] for pair in pairs] + [pair.sequences[1] for pair in pairs]
    ids, labels, seen = _padded(sides, padding)
    return {
        "input_ids": torch.from_numpy(ids),
        "attention_mask": torch.from_numpy(seen),
        "completion_mask": torch.from_numpy((labels != IGNORED).astype(np.int64)),
    }


def _padded(sequences: Sequence[TrainingExample], padding: int) -> tuple[Numbers, Numbers, Numbers]:
    pairs = [ids_and_labels(sequence) for sequence in sequences]
    longest = max(len(ids) for ids, _ in pairs)
    shape = (len(pairs), longest)
    all_ids, all_labels = np.full(shape, padding, np.int64), np.full(shape, IGNORED, np.int64)
    seen = np.zeros(shape, np.int64)
    for row, (ids, labels) in enumerate(pairs):
        all_ids[row, : len(ids)] = ids
        all_labels[row, : len(labels)] = labels
        seen[row, : len(ids)] = 1
    return all_ids, all_labels, seen
