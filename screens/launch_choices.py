"""What is chosen for a launch from a list: a model of all that are known, and a grader file."""

from __future__ import annotations

import asyncio
from itertools import islice
from pathlib import Path

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.launch_form import LaunchForm
from tui.jobs.trainable import only_answering_here
from tui.money.catalog_model import CatalogModel
from tui.providers.profile_data import LOCAL_NAME
from tui.safe_text import safe_line
from tui.widgets.table import Column
from tui.widgets.words import place

_MODELS = (Column("Model", 44, cut="middle"), Column("Can be trained", tone="muted"))
_GRADERS = (Column("File"), Column("In", tone="muted"))
_MOST_GRADERS = 200
_LARGEST_GRADER = 1_000_000


async def choose_model(screen: DeckScreen, form: LaunchForm) -> str | None:
    """Return the model that was chosen; one that can't be trained is shown with its reason, and told."""
    options, refused = await asyncio.to_thread(_models, screen, form)
    title = f"Model of {safe_line(form.account, 40)}"
    chosen = await screen.app.push_screen_wait(ChooseScreen(title, _MODELS, options, hint="part of a name"))
    if chosen in refused:
        screen.tell(refused[chosen], title="It can't be trained", severity="warning")
        return None
    return str(chosen) if chosen is not None else None


def _models(screen: DeckScreen, form: LaunchForm) -> tuple[list[Option], dict[str, str]]:
    """Return the models of an account, trainable ones first, and name -> reason of the others."""
    services = screen.services
    known = {
        one.id: one for one in services.catalog.models if one.provider == form.provider and not one.is_class
    }
    seen = [one.id for one in services.store.models(form.account) if one.can_train and one.id not in known]
    refused: dict[str, str] = {}
    for name, model in known.items():
        permission = model.can_train()
        if not permission:
            refused[name] = permission.reason
    if form.provider == LOCAL_NAME:
        refused |= only_answering_here()
    fitting = [name for name in (*known, *seen) if name not in refused]
    options = [Option(name, (safe_line(name, 100), _methods(known.get(name))), name) for name in fitting]
    options += [
        Option(name, ((safe_line(name, 100), "muted"), safe_line(reason, 120)), name)
        for name, reason in refused.items()
    ]
    return options, refused


def _methods(model: CatalogModel | None) -> str:
    return ", ".join(model.methods) if model is not None else "yes"


async def choose_grader(screen: DeckScreen, training: Path | None) -> Path | None:
    """Let the person choose a JSON file near the training file, or type a path; None when they don't."""
    folders = dict.fromkeys([*([training.parent] if training is not None else []), Path.cwd()])
    files = await asyncio.to_thread(_json_files, list(folders))
    options = [
        Option(str(path), (safe_line(path.name, 80), safe_line(place(path.parent), 80)), str(path))
        for path in files
    ]
    hint = "part of a name, or the path of a JSON file"
    chosen = await screen.app.push_screen_wait(
        ChooseScreen("Grader file", _GRADERS, options, hint=hint, may_type=True)
    )
    return _typed_path(str(chosen)) if chosen else None


def _typed_path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _json_files(folders: list[Path]) -> list[Path]:
    found: list[Path] = []
    for folder in folders:
        try:
            entries = islice(folder.glob("*.json"), _MOST_GRADERS)
            found += sorted(path for path in entries if path.stat().st_size <= _LARGEST_GRADER)
        except OSError:
            continue  # a path can be typed all the same
    return found
