"""Draws the pictures of the app in docs/screenshots from the real app on a real store.

`python docs/scripts/make_screenshots.py` runs `tunedeck tour` in a home of its own first, so that job,
curve and answers are real. `--home FOLDER` uses a home where a tour has already run.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from tui.records.jobs import Job

PICTURES = Path(__file__).resolve().parents[1] / "screenshots"
SIZE = (112, 34)
_FONT_FACES = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
_SYSTEM = "Classify the sentiment of the text. Answer with one word: positive, negative or neutral."
_QUESTIONS = ("The soup was watery and cold.", "The concert was a joy from start to end.")


def save(pilot: Pilot[None], name: str) -> None:
    """Write what is on the screen; fonts are the reader's own, so that nothing is fetched to see it."""
    drawing = pilot.app.export_screenshot(title="tunedeck")
    assert str(Path.cwd()) not in drawing, f"{name}: a picture must not name a folder of this machine"
    drawing = _FONT_FACES.sub("", drawing).replace("Fira Code", "ui-monospace, Menlo, Consolas")
    PICTURES.mkdir(exist_ok=True)
    (PICTURES / f"{name}.svg").write_text(drawing + "\n", encoding="utf-8", newline="\n")


async def settle(pilot: Pilot[None], seconds: float = 1.0) -> None:
    """Wait until background work has been drawn."""
    await pilot.pause(seconds)
    await pilot.pause()


async def answered(pilot: Pilot[None]) -> None:
    """Wait until a question was asked and every model has answered it."""
    await settle(pilot, 2)
    while getattr(pilot.app.screen, "is_asking", False):
        await settle(pilot)


async def draw(job: Job) -> None:
    """Visit the screens and save each."""
    from textual.widgets import TextArea

    from tui.app import TunedeckApp
    from tui.data.examples import BROKEN, SENTIMENT
    from tui.services import Services

    assert job.fine_tuned_model is not None
    app = TunedeckApp(Services.open())
    async with app.run_test(size=SIZE) as pilot:
        await settle(pilot, 3)
        save(pilot, "home")
        app.open_rows(SENTIMENT.training, 12)
        await settle(pilot)
        save(pilot, "rows")
        await pilot.press("t")
        await settle(pilot, 2)
        await pilot.press("w", "w", "w")
        await settle(pilot)
        save(pilot, "tokens")
        app.open_check(BROKEN.training)
        await settle(pilot, 2)
        save(pilot, "check")
        app.open_check(SENTIMENT.training)
        await settle(pilot, 2)
        await pilot.press("c")
        await settle(pilot, 3)
        save(pilot, "money")
        app.open_job(job.account, job.id)
        await settle(pilot, 2)
        save(pilot, "job")
        app.open_chat((job.account, job.model), (job.account, job.fine_tuned_model))
        await settle(pilot, 2)
        await pilot.press("ctrl+s")
        await settle(pilot)
        # Asked as the model was trained, for the likeliest answer, cut short: the base model likes to ramble.
        if not app.screen.query_one("#system", TextArea).text:
            await pilot.press(*_SYSTEM)
        await pilot.press("tab", "0", "tab", "tab", *"40", "ctrl+s")
        await settle(pilot)
        for question in _QUESTIONS:
            await pilot.press(*question, "enter")
            await answered(pilot)
        save(pilot, "chat")
        app.open_compare((job.account, job.model), (job.account, job.fine_tuned_model))
        await settle(pilot, 2)
        await pilot.press(*_QUESTIONS[0], "enter")
        await answered(pilot)
        save(pilot, "compare")


def finished_job() -> Job | None:
    """Return the newest job of the home that succeeded."""
    from tui.records.jobs import JobState
    from tui.services import Services

    with Services.open() as services:
        return next((job for job in services.store.jobs() if job.state is JobState.SUCCEEDED), None)


def main() -> None:
    """Make every picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tunedeck-pictures-") as folder:
        os.environ["TUNEDECK_THEME"] = "tunedeck-dark"  # whatever terminal this is run in
        os.environ["TUNEDECK_HOME"] = str(chosen.home or folder)
        if finished_job() is None:
            subprocess.run([sys.executable, "-m", "tui", "tour"], check=True)
        job = finished_job()
        assert job is not None, "the tour left no finished job"
        asyncio.run(draw(job))


if __name__ == "__main__":
    main()
