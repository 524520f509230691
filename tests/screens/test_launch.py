from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.confirm import DEAD_SECONDS, ConfirmScreen
from screens.job import JobScreen
from screens.launch import LaunchScreen
from screens.launch_facts import confirm_facts
from screens.launch_form import LaunchForm
from screens.launch_hints import LOCAL_BETA, LOCAL_RATES, hints
from tests.screens.fakes import FakeProvider, Pilots, dataset, make_app, text_of, until
from tui.app import TunedeckApp
from tui.jobs.plan import LaunchPlan
from tui.money.catalog import Catalog
from tui.money.estimate import estimate_cost
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, Method
from tui.records.requests import JobRequest
from tui.widgets.choice_field import ChoiceField

SIZES = [(80, 24), (140, 40)]


pytestmark = pytest.mark.usefixtures("frozen")


async def open_launch(pilot: Pilots, app: TunedeckApp, path: Path) -> LaunchScreen:
    app.open_launch(path)
    await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
    assert isinstance(app.screen, LaunchScreen)
    return app.screen


async def open_ready(pilot: Pilots, app: TunedeckApp, path: Path) -> LaunchScreen:
    screen = await open_launch(pilot, app, path)
    await until(pilot, lambda: not screen.reason_against("launch"))
    return screen


async def say_yes(pilot: Pilots, app: TunedeckApp) -> None:
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.pause(DEAD_SECONDS + 0.05)
    await pilot.press("y")


async def test_the_form_starts_complete_and_says_what_auto_comes_to(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_ready(pilot, app, sound)
        shown = text_of(app)
        assert "sentiment.jsonl" in shown
        assert "9 of 90 rows" in shown
        assert "→ 4" in shown, "300 / 81 examples is 4 epochs"
        assert "Launch: free" in shown
        assert "✓ ok" in shown


async def test_a_launch_by_keys_alone_creates_one_job_and_opens_it(
    sound: Path, provider: FakeProvider
) -> None:
    app = make_app(provider)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_ready(pilot, app, sound)
        await pilot.press("ctrl+l")
        await say_yes(pilot, app)
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        assert provider.calls.count("create") == 1
        request = provider.requests[0]
        assert request.method is Method.SUPERVISED
        assert request.validation_file is not None
        assert dict(request.hyperparameters) == {}
        assert app.services.store.jobs()[0].id == "ftjob-1"


async def test_enter_twice_on_the_button_and_a_double_yes_launch_once(
    sound: Path, provider: FakeProvider
) -> None:
    app = make_app(provider)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#launch-button").focus()
        await pilot.press("enter", "enter", "y")
        assert isinstance(app.screen, ConfirmScreen), "the dead time did not hold"
        assert provider.requests == []
        await pilot.pause(DEAD_SECONDS + 0.05)
        await pilot.press("y", "y", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        assert len(provider.requests) == 1


async def test_no_launches_nothing(sound: Path, provider: FakeProvider) -> None:
    app = make_app(provider)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "free" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert provider.calls == []


async def test_a_wrong_number_is_told_beside_it_and_nothing_can_be_launched(
    sound: Path, provider: FakeProvider
) -> None:
    app = make_app(provider)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#n_epochs", Input).value = "99"
        await until(pilot, lambda: "✗ 1 to 50, whole" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: any("Epochs" in note.message for note in app._notifications))
        assert app.screen is screen
        screen.query_one("#n_epochs", Input).focus()
        await pilot.press("ctrl+r")
        await until(pilot, lambda: not screen.reason_against("launch"))


async def test_chosen_numbers_suffix_and_seed_reach_the_service(sound: Path, provider: FakeProvider) -> None:
    app = make_app(provider)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        for name, value in (
            ("n_epochs", "2"),
            ("learning_rate_multiplier", "0.5"),
            ("seed", "7"),
            ("suffix", "tone"),
        ):
            screen.query_one(f"#{name}", Input).value = value
        await pilot.pause()
        await until(pilot, lambda: not screen.reason_against("launch"))
        await pilot.press("ctrl+l")
        await say_yes(pilot, app)
        await until(pilot, lambda: provider.requests)
        request = provider.requests[0]
        assert dict(request.hyperparameters) == {"n_epochs": 2, "learning_rate_multiplier": 0.5}
        assert (request.seed, request.suffix) == (7, "tone")


async def test_a_preference_file_chooses_dpo_and_shows_beta(
    isolated_home: Path, preference_file: Path
) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_launch(pilot, app, dataset(isolated_home, preference_file, "preferences.jsonl"))
        await until(pilot, lambda: screen.form.method is Method.DPO)
        await until(pilot, lambda: "Beta" in text_of(app))


async def test_a_broken_file_can_not_be_launched_and_says_why(
    isolated_home: Path, broken_file: Path, provider: FakeProvider
) -> None:
    app = make_app(provider)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await open_launch(pilot, app, dataset(isolated_home, broken_file, "broken.jsonl"))
        await until(pilot, lambda: "✗ stop" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: len(app._notifications) > 0)
        assert isinstance(app.screen, LaunchScreen)
        assert provider.calls == []


async def test_arrow_keys_change_a_choice_and_tab_goes_down_the_form(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        assert app.focused is screen.query_one("#training")
        await pilot.press("tab", "down", "tab", "down")
        assert app.focused is screen.query_one("#validation")
        await pilot.press("right")
        assert screen.form.validation == "file"
        await until(pilot, lambda: "✗ choose a file: enter" in text_of(app))
        await pilot.press("right")
        assert screen.form.validation == "none"
        await pilot.press("up")
        assert isinstance(app.focused, ChoiceField)
        assert app.focused.id == "method"


async def test_a_refusal_is_told_and_the_form_can_be_sent_again(
    sound: Path, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(provider)
    real = provider.create_job

    def refuse(request: JobRequest) -> Job:
        raise ProviderError("The service refused the job.", "Ask for access.", status=403, code="denied")

    monkeypatch.setattr(provider, "create_job", refuse)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        await pilot.press("ctrl+l")
        await say_yes(pilot, app)
        await until(pilot, lambda: any("refused" in note.title for note in app._notifications))
        monkeypatch.setattr(provider, "create_job", real)
        await until(pilot, lambda: not screen.reason_against("launch"))
        await pilot.press("ctrl+l")
        await say_yes(pilot, app)
        await until(pilot, lambda: isinstance(app.screen, JobScreen))


async def test_without_a_file_the_form_asks_for_one() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "✗ choose a file" in text_of(app))


@pytest.mark.parametrize(
    ("name", "text"),
    [("n_epochs", "0"), ("n_epochs", "1.5"), ("batch_size", "257"), ("learning_rate_multiplier", "0"),
     ("learning_rate_multiplier", "nan"), ("seed", "-1"), ("seed", "x")],
)  # fmt: skip
def test_numbers_out_of_range_are_problems(name: str, text: str, tmp_path: Path) -> None:
    form = LaunchForm(training=tmp_path / "a.jsonl", model="m")
    assert form.problems() == {}
    form.numbers[name] = text
    assert list(form.problems()) == [name]
    with pytest.raises(ValueError, match="problems"):
        form.plan()


def test_beta_is_only_asked_for_dpo(tmp_path: Path) -> None:
    form = LaunchForm(training=tmp_path / "a.jsonl", model="m")
    form.numbers["beta"] = "nonsense"
    assert form.problems() == {}
    form.method = Method.DPO
    assert list(form.problems()) == ["beta"]


@pytest.mark.parametrize("examples", [1, 3, 90, 256, 257, 5_000])
def test_hints_for_the_local_engine_are_what_its_trainer_resolves(examples: int, tmp_path: Path) -> None:
    from tui.engine.trainers import schedule

    form = LaunchForm(training=tmp_path / "a.jsonl", model="m", validation="none", method=Method.DPO)
    resolved = schedule.resolve_hyperparameters({}, "dpo", examples)
    found = hints(form, examples)
    assert {name: float(found[name].value) for name in resolved.as_json()} == resolved.as_json()
    assert LOCAL_RATES == {
        Method.SUPERVISED: schedule.SUPERVISED_RATE,
        Method.DPO: schedule.PREFERENCE_RATE,
    }
    assert LOCAL_BETA == schedule.DEFAULT_BETA


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_ready_form_looks(sound: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_ready(pilot, app, sound)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_the_confirmation_looks(sound: Path, snap_compare: Callable[..., bool]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_ready(pilot, app, sound)
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_a_form_without_a_file_looks(snap_compare: Callable[..., bool]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await pilot.press("4")
        await until(pilot, lambda: "✗ choose a file" in text_of(app))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


async def test_a_field_with_one_value_offers_no_next_one(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_launch(pilot, app, sound)
        screen.query_one("#training").focus()
        await until(pilot, lambda: "Next value" not in text_of(app))
        screen.query_one("#method").focus()
        await until(pilot, lambda: "Next value" in text_of(app))


@pytest.mark.parametrize(
    ("place", "words"), [("ray", "ray"), ("sky", "sky, which bills at your own account there")]
)
def test_the_confirmation_says_where_the_job_runs_and_who_bills(place: str, words: str) -> None:
    plan = LaunchPlan("local", "smollm2-135m-instruct", Path("rows.jsonl"), hyperparameters={"run_on": place})
    model = Catalog.load().model(plan.model, plan.account)
    facts = [pair[:2] for pair in confirm_facts(plan, estimate_cost(466, model, epochs=3, examples=12), None)]
    assert ("Runs on", words) in facts
