"""How a model looks as a line of the list."""

from __future__ import annotations

from tui.chat.model_names import short_model_name
from tui.jobs.model_family import FamilyModel, ModelKind
from tui.jobs.model_list import FamilyLine
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column
from tui.widgets.tones import Part

COLUMNS = (
    Column("Model", cut="middle"),
    Column("Kind", 10, tone="muted", drop_below=90),
    Column("Ends in", 10, align="right"),
    Column("Loss", 7, align="right", tone="accent", drop_below=64),
    Column("Cost", 12, align="right"),
    Column("Tags", 12, tone="accent", drop_below=56),
    Column("Account", 8, tone="muted", drop_below=72),
)
_LOSSES = ("full_valid_loss", "valid_loss", "train_loss")
"""What stands for a model's score, the best evidence first."""


def cells_of(line: FamilyLine, *, ascii_only: bool = False) -> list[Cell]:
    """Return the cells of a line, in the order of `COLUMNS`."""
    model = line.model
    return [
        _name(line, ascii_only),
        str(model.kind),
        days_part(model),
        _loss(model),
        _cost(line),
        " ".join(model.tags),
        model.account,
    ]


def days_part(model: FamilyModel) -> Part:
    """Return how long a model still answers, in the tone of its urgency."""
    if model.deleted_at is not None:
        return "deleted", "muted"
    life = model.lifetime
    if life.is_over:
        return life.words, "bad"
    return life.words, "warning" if life.ends_soon else ("muted" if life.days_left is None else "")


def _name(line: FamilyLine, ascii_only: bool) -> Part:
    model = line.model
    name = short_model_name(model.id)
    if model.kind is ModelKind.CHECKPOINT and line.depth and model.step is not None:
        name = f"step {model.step:,}"
    elif model.kind is ModelKind.JOB:
        name = f"{model.job.suffix or model.id} ({model.job.state})" if model.job else model.id
    branch = "  " * (line.depth - 1) + ("- " if ascii_only else "└ ") if line.depth else ""
    is_gone = model.deleted_at is not None or model.lifetime.is_over
    tone = "muted" if is_gone else ("strong" if model.kind is ModelKind.TUNED else "")
    return f"{branch}{safe_line(name, 100)}", tone  # type: ignore[return-value]


def _cost(line: FamilyLine) -> Cell:
    if line.cost is None:
        return "–", "muted"
    return line.cost_words


def _loss(model: FamilyModel) -> Cell:
    name = next((name for name in _LOSSES if name in model.scores), None)
    return f"{model.scores[name]:.3f}" if name is not None else ""
