from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from screens.accounts import AccountsScreen
from screens.ask_text import AskTextScreen
from screens.check import CheckScreen
from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
from screens.launch import LaunchScreen
from screens.launch_form import LaunchForm
from screens.launch_preview import PreviewDialog
from screens.preflight_pane import PreflightPane
from screens.reshape import ReshapeScreen
from tests.screens.fakes import FakeProvider, Pilots, dataset, freeze, make_app, text_of, until
from tests.screens.test_launch import open_launch, open_ready, say_yes
from tui.app import TunedeckApp
from tui.jobs.budget import monthly_budgets, set_budget
from tui.jobs.job_file import JobTerms
from tui.jobs.mend import ACCOUNTS, ELSEWHERE, Mend, MendKind
from tui.jobs.plan import PreflightLine
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.records.jobs import Method
from tui.records.models import ModelInfo
from tui.records.requests import RemoteFile, WandbProject

GRADER = {
    "type": "string_check", "name": "same", "operation": "eq",
    "input": "{{sample.output_text}}", "reference": "{{item.answer}}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("mine", "custom", "http://127.0.0.1:9/v1", "A_KEY", label="My server"))


@pytest.fixture
def mine() -> FakeProvider:
    return FakeProvider("mine")


@pytest.fixture
def questions(isolated_home: Path) -> Path:
    folder = isolated_home / "data"
    folder.mkdir(exist_ok=True)
    rows = [
        {
            "messages": [{"role": "user", "content": f"How much is {number} and one?"}],
            "answer": str(number + 1),
        }
        for number in range(60)
    ]
    path = folder / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (folder / "grader.json").write_text(json.dumps(GRADER), "utf-8")
    return path


def app_with(*providers: FakeProvider) -> TunedeckApp:
    app = make_app(*providers)
    app.services.store.save_models("mine", [ModelInfo("mine", "some-model", can_train=True)])
    return app


async def open_reinforcement(pilot: Pilots, app: TunedeckApp, questions: Path) -> LaunchScreen:
    screen = await open_launch(pilot, app, questions)
    screen.form.account = "mine"
    screen.form_changed()
    await until(pilot, lambda: screen.form.method is Method.REINFORCEMENT and "Grader" in text_of(app))
    return screen


async def open_mend(pilot: Pilots, app: TunedeckApp, screen: LaunchScreen, words: str) -> PreflightPane:
    """Put the cursor on the line with these words and press enter."""
    pane = screen.query_one(PreflightPane)

    def index() -> int | None:
        lines = screen._readiness.lines if screen._readiness is not None else []
        return next((number for number, line in enumerate(lines) if words in line.text), None)

    await until(pilot, lambda: index() is not None)
    await pilot.press("ctrl+g")
    await until(pilot, lambda: app.focused is pane)
    await pilot.press("g")
    for _ in range(index() or 0):
        await pilot.press("j")
    await pilot.press("enter")
    return pane


async def test_a_reinforcement_job_is_launched_with_a_grader_chosen_by_keys(
    questions: Path, mine: FakeProvider
) -> None:
    app = app_with(FakeProvider(), mine)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_reinforcement(pilot, app, questions)
        await until(pilot, lambda: "✗ choose a file: enter" in text_of(app))
        screen.query_one("#grader").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "grader.json" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: not screen.reason_against("launch"))
        screen.query_one("#reasoning_effort").focus()
        await pilot.press("right", "right")
        screen.query_one("#eval_samples", Input).value = "3"
        screen.query_one("#wandb", Input).value = "tone/me"
        screen.query_one("#stop_rules", Input).value = "after 2h"
        await until(pilot, lambda: screen._readiness is None)
        await until(pilot, lambda: not screen.reason_against("launch"))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        shown = text_of(app)
        assert "string_check" in shown
        assert "Weights & Biases, tone/me" in shown
        assert "after 2h" in shown
        assert "Price read" not in shown, "there is no price that could have been read"
        await say_yes(pilot, app)
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        (request,) = mine.requests
        assert request.grader == GRADER
        assert request.wandb == WandbProject("tone", "me")
        assert dict(request.hyperparameters) == {"reasoning_effort": "low", "eval_samples": 3}
        assert app.services.store.stop_rules("mine", "ftjob-1") == "after 2h"


async def test_what_the_service_says_against_a_grader_stops_the_launch(
    questions: Path, mine: FakeProvider
) -> None:
    mine.failure = ProviderError("reference is odd.", "", status=400)
    app = app_with(FakeProvider(), mine)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_reinforcement(pilot, app, questions)
        screen.form.grader_file = questions.with_name("grader.json")
        screen.form_changed()
        await until(pilot, lambda: "refuses the grader: reference is odd" in str(screen._readiness))
        assert "refuses the grader" in screen.reason_against("launch")


async def test_a_grader_file_that_is_mended_elsewhere_is_read_anew(
    questions: Path, mine: FakeProvider
) -> None:
    app = app_with(FakeProvider(), mine)
    file = questions.with_name("grader.json")
    file.write_text(json.dumps({**GRADER, "operation": "same"}))
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_reinforcement(pilot, app, questions)
        screen.form.grader_file = file
        screen.form_changed()
        await until(pilot, lambda: "must be one of eq" in str(screen._readiness))
        await pilot.press("1")
        await until(pilot, lambda: app.screen is not screen)
        file.write_text(json.dumps(GRADER))
        await pilot.press("4")
        await until(pilot, lambda: app.screen is screen and not screen.reason_against("launch"))


async def test_rows_are_shown_only_where_the_service_takes_them(sound: Path, mine: FakeProvider) -> None:
    app = app_with(FakeProvider(), mine)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_ready(pilot, app, sound)
        assert "W&B" not in text_of(app)
        assert "Stop rules" in text_of(app)
        screen.form.account = "mine"
        screen.form_changed()
        await until(pilot, lambda: "W&B project" in text_of(app))
        assert "Grader" not in text_of(app)


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [("wandb", "a/b/c", "Write PROJECT"), ("stop_rules", "soon", "Write: rising 3")],
)
def test_wrong_texts_are_problems(field: str, text: str, words: str, tmp_path: Path) -> None:
    form = LaunchForm(training=tmp_path / "a.jsonl", account="mine", provider="custom", model="m")
    setattr(form, field, text)
    assert words in form.problems()[field]
    form.fill(JobTerms(wandb=WandbProject("tone"), stop_rules="diverging"))
    plan = form.plan()
    assert (plan.wandb, plan.stop_rules) == (WandbProject("tone"), "diverging")
    form.provider = "azure"
    assert form.plan().wandb is None


@pytest.mark.parametrize(
    ("provider", "name", "words"),
    [("together", "batch_size", "1 to 1,024, whole"), ("openai", "batch_size", "1 to 256, whole"),
     ("openai", "learning_rate_multiplier", "above 0, to 1,000,000"),
     ("custom", "compute_multiplier", "above 1e-05, to 10")],
)  # fmt: skip
def test_a_number_is_held_to_the_range_of_its_service(provider: str, name: str, words: str) -> None:
    form = LaunchForm(provider=provider, method=Method.REINFORCEMENT)
    assert form.range_words(name).startswith(words)


async def test_a_missing_validation_is_mended_by_one_key(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.form.validation = "none"
        screen.form_changed()
        await open_mend(pilot, app, screen, "Without validation rows")
        await until(pilot, lambda: screen.form.validation == "split")
        await until(pilot, lambda: "9 of 90 rows" in text_of(app))


async def test_a_form_with_a_problem_leads_to_the_field_that_has_it(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#batch_size", Input).value = "none"
        screen.query_one("#stop_rules", Input).value = "soon"
        await until(pilot, lambda: "Fill in what is marked" in text_of(app))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "enter: go to the first field" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: app.focused is screen.query_one("#batch_size"))


async def test_a_line_that_no_key_mends_says_why(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        pane = await open_mend(pilot, app, screen, "The base model is not on this machine")
        await until(pilot, lambda: any("The job waits for it" in note.message for note in app._notifications))
        assert pane.check_action("mend", ()) is None
        assert app.screen is screen


async def test_a_line_with_several_ways_asks_which(sound: Path) -> None:
    app = make_app()
    store = app.services.store
    store.save_models("local", [ModelInfo("local", "ft:smollm2-135m-instruct:local:tone:abc")])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#suffix", Input).value = "tone"
        await until(pilot, lambda: screen._readiness is None)
        await open_mend(pilot, app, screen, "is in a name already")
        await until(pilot, lambda: screen.query_one("#suffix", Input).value == "tone-2")
        await until(pilot, lambda: not screen.reason_against("launch"))
        line = PreflightLine("stop", "x", "", (Mend(MendKind.SEED, "take seed 7", "7"), ELSEWHERE, ACCOUNTS))
        screen.mend_line(line)
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "take seed 7" in text_of(app))
        await pilot.press(*"accounts", "enter")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        screen.mend_line(line)
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("enter")
        await until(pilot, lambda: screen.query_one("#seed", Input).value == "7")


@pytest.mark.parametrize(
    ("mend", "place"),
    [
        (Mend(MendKind.CHECK, "x", "{file}"), CheckScreen),
        (Mend(MendKind.RESHAPE, "x", "{file}"), ReshapeScreen),
        (Mend(MendKind.JOBS, "x"), JobsScreen),
        (Mend(MendKind.ACCOUNTS, "x"), AccountsScreen),
    ],
)
async def test_mending_goes_where_it_can_be_done(sound: Path, mend: Mend, place: type[Any]) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        value = mend.value.format(file=sound)
        screen.mend_line(PreflightLine("stop", "x", "", (Mend(mend.kind, mend.words, value),)))
        await until(pilot, lambda: isinstance(app.screen, place))


@pytest.mark.parametrize(
    ("mend", "expected"),
    [
        (Mend(MendKind.LEAVE_OUT, "x", "n_epochs"), {"load_in_4bit": True}),
        (Mend(MendKind.EPOCHS, "x", "1"), {"n_epochs": 1, "load_in_4bit": True}),
        (Mend(MendKind.LEAVE_OUT, "x", "load_in_4bit"), {"n_epochs": 2}),
    ],
)
async def test_the_form_is_changed_by_a_mend(sound: Path, mend: Mend, expected: dict[str, int]) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#n_epochs", Input).value = "2"
        screen.query_one("#extra", Input).value = "load_in_4bit=true"
        await until(pilot, lambda: screen.form.extra == "load_in_4bit=true")
        screen.mend_line(PreflightLine("stop", "x", "", (mend,)))
        await until(pilot, lambda: screen.form.plan().hyperparameters == expected)


async def test_a_field_that_a_mend_names_gets_the_keys(sound: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        for mend, field in (
            (Mend(MendKind.FIELD, "x", "stop_rules"), "stop_rules"),
            (Mend(MendKind.EPOCHS, "x"), "n_epochs"),
        ):
            screen.mend_line(PreflightLine("warn", "x", "", (mend,)))
            await until(pilot, lambda field=field: app.focused is screen.query_one(f"#{field}"))  # type: ignore[misc]


async def test_the_budget_is_raised_in_a_dialog_that_proposes_what_is_enough(
    sound: Path, mine: FakeProvider
) -> None:
    app = app_with(FakeProvider(), mine)
    set_budget(app.services, "mine", Decimal(1))
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.form.account = "mine"
        screen.form_changed()
        await until(pilot, lambda: screen.form.provider == "custom")
        screen.mend_line(PreflightLine("stop", "x", "", (Mend(MendKind.BUDGET, "x", "12.3456"),)))
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen) and "12.35" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: monthly_budgets() == {"mine": Decimal("12.35")})


async def test_enter_on_the_model_lists_all_and_tells_why_one_can_not_be_trained(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-123456")
    app = make_app(FakeProvider(), FakeProvider("openai"))
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.form.account = "openai"
        screen.form_changed()
        await until(pilot, lambda: screen.form.provider == "openai" and screen._readiness is not None)
        screen.query_one("#model").focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "o4-mini" in text_of(app))
        assert "was shut down on 2026-10-23" in text_of(app)
        await pilot.press(*"o4-mini", "enter")
        await until(pilot, lambda: any("shut down" in note.message for note in app._notifications))
        assert app.screen is screen
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"4.1-mini", "enter")
        await until(pilot, lambda: screen.form.model == "gpt-4.1-mini-2025-04-14")


@pytest.mark.parametrize("answer", ["y", "n"])
async def test_the_services_own_price_is_asked_about_before_a_job_is_created(
    sound: Path, mine: FakeProvider, answer: str
) -> None:
    mine.forbidden.clear()
    mine.told_price = Decimal("4.5")
    app = app_with(FakeProvider(), mine)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.form.account = "mine"
        screen.form_changed()
        await until(pilot, lambda: screen.form.provider == "custom")
        await until(pilot, lambda: not screen.reason_against("launch"))
        await pilot.press("ctrl+l")
        await say_yes(pilot, app)
        await until(pilot, lambda: "itself estimates $4.50" in text_of(app))
        assert "create" not in mine.calls
        await pilot.pause(0.35)
        await pilot.press(answer)
        if answer == "y":
            await until(pilot, lambda: isinstance(app.screen, JobScreen))
            assert mine.calls.count("create") == 1
        else:
            await until(pilot, lambda: any("Not launched" in note.message for note in app._notifications))
            assert "create" not in mine.calls
            assert not screen.is_sending


async def test_the_services_own_price_is_shown_where_the_files_are_there_already(
    sound: Path, mine: FakeProvider
) -> None:
    from tui.jobs.reports import file_sha256

    mine.forbidden.clear()
    mine.told_price = Decimal("4.5")
    app = app_with(FakeProvider(), mine)
    remote = RemoteFile("file-1", sound.name, 24_000, "fine-tune")
    app.services.store.remember_file("mine", file_sha256(sound), remote)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_launch(pilot, app, sound)
        screen.form.account, screen.form.validation = "mine", "none"
        screen.form_changed()
        await until(pilot, lambda: "itself estimates $4.50" in text_of(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "$4.50, estimated by the service just now" in text_of(app)
        assert [call for call in mine.calls if call.startswith("upload")] == []


async def test_a_form_is_taken_to_another_account_with_what_changes_shown(
    sound: Path, mine: FakeProvider
) -> None:
    app = app_with(FakeProvider(), mine)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_ready(pilot, app, sound)
        screen.query_one("#n_epochs", Input).value = "2"
        await until(pilot, lambda: screen.form.numbers["n_epochs"] == "2")
        screen.mend_line(PreflightLine("stop", "x", "", (ELSEWHERE,)))
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "My server" in text_of(app))
        await pilot.press(*"mine", "enter")
        await until(pilot, lambda: "choose a model" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Launch this at mine?" in text_of(app)
        await say_yes(pilot, app)
        await until(pilot, lambda: app.screen is screen and screen.form.account == "mine")
        assert screen.form.numbers["n_epochs"] == "2"


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_a_reinforcement_form_looks(
    questions: Path, mine: FakeProvider, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = app_with(FakeProvider(), mine)

    async def before(pilot: Pilots) -> None:
        screen = await open_reinforcement(pilot, app, questions)
        screen.form.grader_file = questions.with_name("grader.json")
        screen.form_changed()
        await until(pilot, lambda: "The service takes the grader" in str(screen._readiness))
        screen.query_one("#compute_multiplier").focus()
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_what_can_be_mended_looks(
    isolated_home: Path, broken_file: Path, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        screen = await open_launch(pilot, app, dataset(isolated_home, broken_file, "broken.jsonl"))
        await until(pilot, lambda: screen._readiness is not None)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "enter: look at broken.jsonl" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_ways_to_mend_look(sound: Path, snap_compare: Callable[..., bool]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        screen = await open_ready(pilot, app, sound)
        fewer = Mend(MendKind.EPOCHS, "train 2 epochs instead of 4", "2")
        raised = Mend(MendKind.BUDGET, "raise the budget")
        screen.mend_line(PreflightLine("stop", "x", "", (fewer, raised, ELSEWHERE)))
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


async def test_how_the_service_reads_rows_is_shown_after_the_file_is_sent_with_a_yes(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_account(DeclaredAccount("tog", "together", "http://127.0.0.1:9/v1", "A_KEY"))
    there = FakeProvider("tog")
    app = make_app(FakeProvider(), there)
    app.services.store.save_models("tog", [ModelInfo("tog", "Qwen/Qwen3-8B", can_train=True)])
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_ready(pilot, app, sound)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: any("shows nobody" in note.message for note in app._notifications))
        screen.form.account = "tog"
        screen.form_changed()
        await until(
            pilot, lambda: screen.form.provider == "together" and not screen.reason_against("preview_tokens")
        )
        screen.form.model = "Qwen/Qwen3-8B"
        await pilot.press("ctrl+t")
        await say_yes(pilot, app)
        await until(pilot, lambda: "Row 5: 4 tokens, 2 trained on, cut" in text_of(app))
        assert "Ask me⟦Yes!⟧" in text_of(app)
        assert there.calls.count("upload sentiment.jsonl") == 1
        assert there.calls[-1].startswith("preview Qwen/Qwen3-8B file-")


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_a_preview_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        preview = FakeProvider().preview_tokens("Qwen/Qwen3-8B", "file-1", 2)
        app.push_screen(PreviewDialog("sentiment.jsonl as tog reads it", preview))
        await until(pilot, lambda: "Row 2" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)
