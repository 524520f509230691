from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.choose import ChooseScreen
from screens.confirm import DEAD_SECONDS, ConfirmScreen
from screens.elsewhere_dialog import ElsewhereScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
from screens.launch import LaunchScreen
from screens.launch_form import LaunchForm
from tests.screens.fakes import Pilots, freeze, keep_job, make_app, make_job, text_of, until
from tui.app import TunedeckApp
from tui.data.examples import SENTIMENT
from tui.jobs.job_file import JobTerms
from tui.jobs.plan import RUN_ID_KEY
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.records.jobs import JobState, Method
from tui.records.models import ModelInfo


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("neb", "nebius", "http://127.0.0.1:9/v1", "A_KEY"))


def form(provider: str, **changes: object) -> LaunchForm:
    values = {"training": SENTIMENT.training, "account": provider, "provider": provider, "model": "m"}
    return LaunchForm(**{**values, **changes})  # type: ignore[arg-type]


async def open_with_account(pilot: Pilots, app: TunedeckApp, name: str) -> LaunchScreen:
    await pilot.press("4")
    await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
    screen = app.screen
    assert isinstance(screen, LaunchScreen)
    screen.query_one("#account").focus()
    while screen.form.account != name:
        await pilot.press("right")
        await pilot.pause()
    return screen


async def test_a_service_with_absolute_rates_asks_for_those_and_for_its_own_choices() -> None:
    app = make_app()
    app.services.store.save_models("neb", [ModelInfo("neb", "Qwen/Qwen3-4B", can_train=True)])
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_with_account(pilot, app, "neb")
        await until(pilot, lambda: "Learning rate" in text_of(app))
        assert "Rate multiplier" not in text_of(app)
        assert "→ 1e-05" in text_of(app)
        screen.query_one("#extra").focus()
        await pilot.press(*"lora=true")
        screen.query_one("#learning_rate", Input).value = "2e-5"
        await until(pilot, lambda: screen.form.numbers["learning_rate"] == "2e-5")
        screen.form.training = SENTIMENT.training
        plan = screen.form.plan()
        assert plan.hyperparameters == {"learning_rate": 2e-5, "lora": True}
        screen.query_one("#account").focus()
        await pilot.press("left")
        await until(pilot, lambda: "Rate multiplier" in text_of(app))
        assert "Learning rate" not in text_of(app)


@pytest.mark.parametrize(
    ("provider", "method", "extra", "words"),
    [
        ("nebius", Method.SUPERVISED, "lora=perhaps", "lora: true or false"),
        ("nebius", Method.SUPERVISED, "lora_r=0", "lora_r: a whole number from 1 to 256"),
        ("nebius", Method.SUPERVISED, "rank=8", "there is no rank; there are lora, lora_r"),
        ("nebius", Method.SUPERVISED, "lora", "Write name=value"),
        ("nebius", Method.SUPERVISED, "learning_rate=1", "there is no learning_rate"),
        ("azure", Method.DPO, "trainingType=Cheap", "trainingType: one of Standard"),
        ("bedrock", Method.REINFORCEMENT, "", "needs grader_lambda=…"),
        ("bedrock", Method.REINFORCEMENT, "grader_lambda=arn:aws:x", ""),
        ("openai", Method.DPO, "whatever", ""),
    ],
)
def test_other_choices_are_judged_while_they_are_typed(
    provider: str, method: Method, extra: str, words: str
) -> None:
    problem = form(provider, method=method, extra=extra).problems().get("extra", "")
    assert words in problem
    assert bool(words) == bool(problem)


def test_what_another_service_was_told_is_not_carried_over() -> None:
    filled = form("nebius", extra="lora=true")
    filled.numbers["learning_rate"] = "1e-5"
    filled.numbers["learning_rate_multiplier"] = "2"
    assert filled.plan().hyperparameters == {"learning_rate": 1e-5, "lora": True}
    filled.provider = "openai"
    assert filled.plan().hyperparameters == {"learning_rate_multiplier": 2.0}


async def open_job(pilot: Pilots, app: TunedeckApp, job_id: str) -> None:
    app.open_job("local", job_id)
    await until(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_job() is not None)


@pytest.mark.parametrize("was_open", [False, True])
async def test_a_job_is_taken_to_another_account_with_what_changes_shown_before_the_form_is_filled(
    was_open: bool,
) -> None:
    app = make_app()
    store = app.services.store
    store.save_models("neb", [ModelInfo("neb", "Qwen/Qwen3-4B", can_train=True)])
    keep_job(store, make_job(state=JobState.SUCCEEDED, metadata={"team": "tone", RUN_ID_KEY: "old"}))
    async with app.run_test(size=(80, 24)) as pilot:
        if was_open:
            await pilot.press("4")
            await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        await open_job(pilot, app, "ftjob-one")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"neb", "enter")
        await until(pilot, lambda: "choose a model" in text_of(app))
        await pilot.press(*"Qwen3-4B", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        shown = " ".join(text_of(app).split())
        assert "Launch this at neb?" in shown
        assert "carried to another service" in shown
        assert "a multiplier → absolute" in shown
        await pilot.pause(DEAD_SECONDS + 0.05)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        screen = app.screen
        assert isinstance(screen, LaunchScreen)
        await until(pilot, lambda: screen.form.account == "neb" and "Qwen/Qwen3-4B" in text_of(app))
        screen.form.training = SENTIMENT.training
        plan = screen.form.plan()
        assert (plan.model, plan.seed, dict(plan.metadata)) == ("Qwen/Qwen3-4B", 42, {"team": "tone"})
        assert dict(plan.hyperparameters) == {"n_epochs": 3, "batch_size": 4}
        assert screen.query_one("#n_epochs", Input).value == "3"
        assert screen.query_one("#learning_rate", Input).value == "auto"


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_the_comparison_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()
    app.services.store.save_models("neb", [ModelInfo("neb", "Qwen/Qwen3-4B", can_train=True)])
    keep_job(app.services.store, make_job(state=JobState.SUCCEEDED))

    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app, "ftjob-one")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"neb", "enter")
        await until(pilot, lambda: "choose a model" in text_of(app))
        await pilot.press(*"Qwen3-4B", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
def test_another_method_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    declare_account(DeclaredAccount("az", "azure", "http://127.0.0.1:9/v1", "A_KEY"))
    app = make_app()
    keep_job(app.services.store, make_job(state=JobState.SUCCEEDED))

    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app, "ftjob-one")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"az", "enter")
        await until(pilot, lambda: "choose a model" in text_of(app))
        await pilot.press(*"4.1-mini", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("m")
        await until(pilot, lambda: "supervised → dpo" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_what_is_launched_elsewhere_is_what_is_shown_after_the_method_was_changed() -> None:
    declare_account(DeclaredAccount("az", "azure", "http://127.0.0.1:9/v1", "A_KEY"))
    app = make_app()
    keep_job(app.services.store, make_job(state=JobState.SUCCEEDED))
    async with app.run_test(size=(80, 24)) as pilot:
        await open_job(pilot, app, "ftjob-one")
        await pilot.press("L")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"az", "enter")
        await until(pilot, lambda: "choose a model" in text_of(app))
        await pilot.press(*"4.1-mini", "enter")
        await until(pilot, lambda: isinstance(app.screen, ElsewhereScreen))
        dialog = app.screen
        assert isinstance(dialog, ElsewhereScreen)
        await pilot.pause(DEAD_SECONDS + 0.05)
        await pilot.press("m", "y")  # the yes comes before the new facts could be read
        await until(pilot, lambda: dialog.found.terms.method is Method.DPO)
        assert app.screen is dialog
        for wanted in (Method.REINFORCEMENT, Method.SUPERVISED, Method.DPO):
            await pilot.press("m")
            await until(pilot, lambda wanted=wanted: dialog.found.terms.method is wanted)  # type: ignore[misc]
        await pilot.pause(DEAD_SECONDS + 0.05)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        screen = app.screen
        assert isinstance(screen, LaunchScreen)
        await until(pilot, lambda: (screen.form.account, screen.form.method) == ("az", Method.DPO))


async def test_a_form_begins_with_the_cheapest_model_of_an_account_and_says_so() -> None:
    declare_account(DeclaredAccount("open", "openai", "http://127.0.0.1:9/v1", "A_KEY"))
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_with_account(pilot, app, "open")
        assert screen.form.model == "gpt-4o-mini-2024-07-18"
        await until(pilot, lambda: "▸  the cheapest here  " in text_of(app))
        screen.query_one("#model").focus()
        await until(pilot, lambda: "It begins with the cheapest here: $3.00 per million; " in text_of(app))
        await pilot.press("left")
        chosen = screen.form.model
        assert chosen != "gpt-4o-mini-2024-07-18"
        assert "the cheapest here" not in text_of(app)
        screen.query_one("#account").focus()
        await pilot.press("right", "left")
        await until(pilot, lambda: screen.form.account == "open")
        assert screen.form.model == chosen, "what was chosen is come back to"


async def test_without_another_ready_account_launching_elsewhere_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("A_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    app = make_app()
    keep_job(app.services.store, make_job())
    async with app.run_test(size=(80, 24)) as pilot:
        await open_job(pilot, app, "ftjob-one")
        await pilot.press("L")
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, JobScreen), "greyed: nothing was opened"
        assert "No other account is ready" in screen.reason_against("launch_elsewhere")


def test_a_form_filled_with_terms_gives_the_same_plan() -> None:
    terms = JobTerms(
        "neb", "m", Method.SUPERVISED, SENTIMENT.training, None, 0.25, "tone", 0,
        {"n_epochs": 2, "learning_rate": 2e-5, "lora": True, "lora_r": 16}, {"team": "x"},
    )  # fmt: skip
    filled = form("nebius", extra="old=1")
    filled.fill(terms)
    plan = filled.plan()
    assert plan.hyperparameters == terms.hyperparameters
    assert (plan.split_share, plan.seed, plan.suffix, plan.metadata) == (0.25, 0, "tone", {"team": "x"})
    assert filled.trained_examples(100) == 75


async def test_a_job_is_taken_elsewhere_and_exported_from_the_list_too() -> None:
    app = make_app()
    keep_job(app.services.store, make_job(state=JobState.SUCCEEDED))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and app.screen.chosen_job() is not None)
        for key, words in (("L", "Launch this at"), ("e", "Take this job along as")):
            await pilot.press(key)
            await until(pilot, lambda words=words: words in text_of(app))  # type: ignore[misc]
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, JobsScreen))
