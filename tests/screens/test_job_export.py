from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen
from screens.job import JobScreen
from screens.text_dialog import TextDialog
from screens.weights_dialog import WeightsDialog
from tests.engine.tiny_model import TINY_NAME, make_tiny_base_model
from tests.screens.fakes import FakeProvider, keep_job, make_app, make_job, text_of, until
from tests.tuned_job import keep_tuned_job
from tui.jobs.weights_found import WeightsForm, WeightsPlan, find_exportable

pytestmark = pytest.mark.usefixtures("frozen")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", ("tunedeck launch --from", "n_epochs = 3")),
        ("curl", ("curl --fail-with-body", "TUNEDECK_ENGINE_TOKEN")),
        ("python", ("import openai", "max_retries=0")),
    ],
)
async def test_a_job_is_copied_and_shown_in_the_form_that_was_chosen(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, typed: str, words: tuple[str, ...]
) -> None:
    app = make_app(provider)
    job = make_job()
    keep_job(app.services.store, job)
    provider.jobs[job.id] = job
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_text", lambda text, what: copied.append(text))
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_job("local", job.id)
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_job() is not None)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*typed, "enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert len(copied) == 1
        for part in words:
            assert part in copied[0]
        assert job.id in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))


async def test_weights_are_written_while_the_dialog_is_left_and_their_folder_is_told(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path / "bases"))
    make_tiny_base_model(tmp_path / "bases" / TINY_NAME)
    app = make_app(provider)
    job = keep_tuned_job(app.services.store)
    provider.jobs[job.id] = job
    target = tmp_path / "out"
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_job("local", job.id)
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_job() is not None)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "merged" in text_of(app))
        await pilot.press(*"merged", "enter")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, WeightsDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await until(pilot, lambda: not app.services.exports.state.is_running)
        assert (target / "merged" / "model.safetensors").exists()
        await until(pilot, lambda: any("merged, float16" in one.message for one in app._notifications))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))


async def test_the_end_of_the_writing_is_shown_with_what_to_do(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path / "bases"))
    make_tiny_base_model(tmp_path / "bases" / TINY_NAME)
    app = make_app(provider)
    found = find_exportable(keep_tuned_job(app.services.store))
    copied: list[str] = []
    monkeypatch.setattr(app, "copy_text", lambda text, what: copied.append(text))
    plan = WeightsPlan(found, WeightsForm.PEFT, "float32", tmp_path / "out")
    async with app.run_test(size=(80, 24)) as pilot:
        app.services.exports.start(plan)
        app.push_screen(WeightsDialog(app.services.exports))
        await until(pilot, lambda: "peft, float32" in text_of(app))
        await pilot.press("y", "escape")
        assert copied == [str(tmp_path / "out" / "peft")]
        app.services.exports.start(plan)
        app.push_screen(WeightsDialog(app.services.exports))
        await until(pilot, lambda: "is there already" in text_of(app))
        assert "Name another folder" in text_of(app)
