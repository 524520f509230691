"""Names that lists show: whole where there is room, told apart where there is not, and only chosen files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.job import JobScreen
from screens.jobs import JobsScreen
from tests.screens.fakes import BASE, NOW, keep_job, make_app, make_job, text_of, until
from tui import paths
from tui.jobs.recent_files import recent_files
from tui.records.jobs import JobState
from tui.widgets.tones import fit

pytestmark = pytest.mark.usefixtures("frozen")


@given(text=st.text(alphabet="ab界:…é", max_size=40), width=st.integers(1, 30))
def test_a_name_without_its_middle_is_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width, cut="middle")) == width


def test_a_long_name_keeps_the_end_that_tells_it_apart() -> None:
    assert fit("smollm2-135m-instruct:DHqhnGgX", 19, cut="middle") == "smollm2-1…:DHqhnGgX"


async def test_the_parts_of_a_split_are_not_offered_again(isolated_home: Path) -> None:
    store = make_app().services.store
    chosen = isolated_home / "mine.jsonl"
    part = paths.make_private(paths.splits_dir() / "one") / "mine.training.jsonl"
    for path in (chosen, part):
        path.write_text("{}\n")
        store.touch_dataset(
            path, sha256="0" * 64, size=3, rows=1, format="chat", valid=True, counts={"error": 0}
        )
    assert [record.path for record in recent_files(store, 5)] == [chosen]
    chosen.unlink()
    assert recent_files(store, 5) == []


async def test_tuned_models_of_one_base_differ_in_the_list_of_jobs_at_80_columns() -> None:
    app = make_app()
    for identity in ("AAAA1111", "BBBB2222"):
        model = f"ft:{BASE}:local::{identity}"
        job = make_job(f"ftjob-{identity}", JobState.SUCCEEDED, fine_tuned_model=model, suffix=None)
        keep_job(app.services.store, job)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and ":BBBB2222" in text_of(app))
        assert ":AAAA1111" in text_of(app)


async def test_a_jobs_headline_names_the_model_after_a_long_id() -> None:
    app = make_app()
    job = make_job("ftjob-f8vQogogHko9JLE0Ksogec3z", suffix=None, created_at=NOW - 60)
    keep_job(app.services.store, job)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_job(job.account, job.id)
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and "supervised on smol" in text_of(app))
