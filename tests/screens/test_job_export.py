from __future__ import annotations

import pytest

from screens.choose import ChooseScreen
from screens.job import JobScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import FakeProvider, keep_job, make_app, make_job, text_of, until

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
