from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.widgets import Input

from screens.choose import ChooseScreen
from screens.compare import CompareScreen
from screens.compare_blind import BlindScreen
from screens.compare_scrub import ScrubScreen
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from tests.screens.fakes import (
    BASE,
    NOW,
    TUNED,
    FakeProvider,
    Pilots,
    keep_job,
    make_app,
    make_job,
    make_services,
    text_of,
)
from tests.screens.fakes import (
    until as until_soon,
)
from tui.app import TunedeckApp
from tui.datasets.check import check_file
from tui.datasets.options import CheckOptions
from tui.evals.asking import AnswerAsker
from tui.evals.cases import Case
from tui.evals.compare.blind import BlindRating
from tui.evals.compare.session import RatingSession
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatDelta, ChatMessage, ChatRequest, TokenLogprob
from tui.records.comparisons import Rating, Side
from tui.records.jobs import JobState
from tui.records.models import ModelInfo
from tui.widgets.answer_pane import AnswerPane
from tui.widgets.prompt_input import PromptInput

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
LANES = (("local", BASE), ("local", TUNED))


class SureProvider(FakeProvider):
    """Tells how sure it was of each word, and answers with the question where it is asked to."""

    def __init__(self, name: str = "local") -> None:
        super().__init__(name)
        self.echoes = False

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        question = request.messages[-1].content
        for delta in super().stream_chat(request):
            if self.echoes and delta.finish_reason is None and delta.text:
                yield ChatDelta(f"{delta.text}to {question} ")
            elif request.parameters.logprobs is None or not delta.text:
                yield delta
            else:
                yield ChatDelta(delta.text, logprobs=(TokenLogprob(delta.text, -0.1054, ()),))


@pytest.fixture(autouse=True)
def _in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whichever pair is complete first is shown first: of several requests at once, that is any of them.
    monkeypatch.setattr("tui.evals.compare.asking.AnswerAsker", partial(AnswerAsker, at_once=1))


async def until(pilot: Pilots, condition: Callable[[], object], seconds: float = 40) -> None:
    """Wait longer than elsewhere: plans load a tokenizer, which takes its time on a busy machine."""
    await until_soon(pilot, condition, seconds)


def two_models(provider: FakeProvider) -> TunedeckApp:
    provider.answers = {
        BASE: ("The ", "weather ", "is ", "rather ", "good."),
        TUNED: ("The ", "weather ", "was ", "good."),
    }
    app = make_app(provider)
    app.services.store.save_models("local", list(provider.list_models()))
    return app


async def open_compare(pilot: Pilots, app: TunedeckApp, *lanes: tuple[str, str]) -> CompareScreen:
    app.open_compare(*(lanes or LANES))
    await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.sides)
    screen = app.screen
    assert isinstance(screen, CompareScreen)
    await until(pilot, lambda: "temperature" in text_of(app))
    return screen


async def ask(pilot: Pilots, app: TunedeckApp, text: str = "How is it?") -> None:
    app.screen.query_one(PromptInput).focus()
    await until(pilot, lambda: isinstance(app.focused, PromptInput))
    await pilot.press(*text.replace(" ", "_"), "enter")


def marked_words(app: TunedeckApp, place: int) -> list[str]:
    """Return what is drawn bold and underlined in a pane."""
    pane = list(app.screen.query(AnswerPane))[place]
    content = pane._text.visual
    return [content.plain[span.start : span.end] for span in content.spans if "underline" in str(span.style)]  # type: ignore[attr-defined]


def prompts(home: Path, count: int = 10) -> Path:
    path = home / "questions.jsonl"
    rows = [
        {"messages": [{"role": "user", "content": f"Question {number}"},
                      {"role": "assistant", "content": "Yes."}]}
        for number in range(1, count + 1)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


# Open comparison


async def test_two_models_answer_at_once_and_differ_by_word_and_by_token() -> None:
    provider = SureProvider()
    app = two_models(provider)
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app)
        await ask(pilot, app)
        await until(pilot, lambda: "They part after 2 tokens" in text_of(app))
        assert "90% sure" in text_of(app)
        assert "".join(marked_words(app, 0)).split() == ["is", "rather"]
        assert marked_words(app, 1) == ["was"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("d")
        await until(pilot, lambda: marked_words(app, 1) == [])


async def test_the_same_again_is_shown_and_asked_of_nobody() -> None:
    provider = SureProvider()
    app = two_models(provider)
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app)
        for _ in range(2):
            await ask(pilot, app)
            await until(pilot, lambda: "They part after 2 tokens" in text_of(app))
            await until(pilot, lambda: not app.screen.query_one(PromptInput).text)
        assert len(provider.chats) == 2


async def test_panes_have_their_own_prompt_even_of_the_same_model() -> None:
    provider = SureProvider()
    app = two_models(provider)
    async with app.run_test(size=(120, 50)) as pilot:
        await open_compare(pilot, app, ("local", BASE), ("local", BASE))
        assert f"{BASE} (2)" in text_of(app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("right_square_bracket", "s")
        await until(pilot, lambda: app.screen.query("#system"))
        await pilot.press(*"Short", "ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and "system: Short" in text_of(app))
        await ask(pilot, app)
        await until(pilot, lambda: f"{BASE} (2) says the same as {BASE} (1)" in text_of(app))
        systems = [[m.content for m in chat.messages if m.role == "system"] for chat in provider.chats]
        assert sorted(systems) == [[], ["Short"]]


async def test_prompts_come_one_by_one_from_a_file(isolated_home: Path) -> None:
    provider = SureProvider()
    app = two_models(provider)
    path = prompts(isolated_home)
    async with app.run_test(size=(140, 30)) as pilot:
        await open_compare(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: "prompt 1 of 10: Question 1" in text_of(app) and "part" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: "prompt 2 of 10: Question 2" in text_of(app))
        await until(pilot, lambda: len(provider.chats) == 4 and "They part" in text_of(app))
        await pilot.press("p")
        await until(pilot, lambda: "prompt 1 of 10: Question 1" in text_of(app))
        assert len(provider.chats) == 4


async def test_what_costs_is_asked_only_after_a_yes() -> None:
    provider, remote = SureProvider(), SureProvider("openai")
    app = make_app(provider, remote)
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app, ("local", BASE), ("openai", "gpt-4.1-mini-2025-04-14"))
        await ask(pilot, app)
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "$" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        assert provider.chats == []
        assert remote.chats == []


async def test_a_service_without_logprobs_is_asked_again_without_them() -> None:
    class Without(FakeProvider):
        def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
            if request.parameters.logprobs is not None:
                raise ProviderError("Unknown parameter: logprobs.", status=400)
            return super().stream_chat(request)

    app = two_models(Without())
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app)
        await ask(pilot, app)
        await until(pilot, lambda: "is not known of both" in text_of(app))
        assert "weather was good." in text_of(app)


async def test_esc_stops_the_answers_and_a_cut_one_is_not_kept() -> None:
    provider = SureProvider()
    app = two_models(provider)
    provider.hold.clear()
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app)
        await ask(pilot, app)
        await until(pilot, lambda: "esc stops" in text_of(app) and "The" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "stopped" in text_of(app) and "esc stops" not in text_of(app))
        provider.hold.set()
        await ask(pilot, app)
        await until(pilot, lambda: "They part after 2 tokens" in text_of(app))
        assert len(provider.chats) == 4


HOSTILE = "[red]no[/] [/x] \x1b[2J\x1b]52;c;AAAA\x07 \u202e\ud800 " + "x" * 5_000_000


async def test_hostile_answers_are_shown_as_what_they_are() -> None:
    provider = SureProvider()
    app = two_models(provider)
    provider.answers = {BASE: (HOSTILE,), TUNED: (HOSTILE.replace("no", "yes"),)}
    async with app.run_test(size=(120, 30)) as pilot:
        await open_compare(pilot, app)
        await ask(pilot, app)
        await until(pilot, lambda: "They part" in text_of(app), 60)
        shown = text_of(app)
        assert "[red]no[/]" in shown
        assert "[red]yes[/]" in shown
        assert "\x1b" not in shown.replace("␛", "")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("G")
        await until(pilot, lambda: "more characters; y copies all of it" in text_of(app))


async def test_panes_are_added_zoomed_and_taken_out() -> None:
    app = two_models(SureProvider())
    async with app.run_test(size=(140, 30)) as pilot:
        screen = await open_compare(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        assert screen.reason_against("remove_pane")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and len(screen.panes) == 3)
        assert "takes two" in screen.reason_against("rate_blind")
        await until(pilot, lambda: all(pane.is_attached for pane in screen.panes))
        await pilot.press("z")
        await until(pilot, lambda: sum(pane.display for pane in screen.panes) == 1)
        await pilot.press("escape")
        await until(pilot, lambda: all(pane.display for pane in screen.panes))
        await pilot.press("x")
        await until(pilot, lambda: len(screen.panes) == 2)


# Blind


async def begin_blind(pilot: Pilots, app: TunedeckApp, path: Path, *, count: str = "10") -> BlindScreen:
    await open_compare(pilot, app)
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(app.focused, AnswerPane))
    await pilot.press("b")
    await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
    app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: "How many prompts" in text_of(app))
    app.screen.query_one(Input).value = count
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and "answers to ask" in text_of(app))
    blind = app.screen_stack[-2]
    assert isinstance(blind, BlindScreen)
    await agree(pilot, app)
    return blind


async def test_a_file_that_is_not_there_is_told_before_the_number_of_prompts_is_asked(
    provider: SureProvider, tmp_path: Path
) -> None:
    app = two_models(provider)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_compare(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("b")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        app.screen.query_one(Input).value = str(tmp_path / "none.jsonl")
        await pilot.press("enter")
        await until(
            pilot, lambda: any("none.jsonl" in note.message + note.title for note in app._notifications)
        )
        assert app.screen is screen


async def agree(pilot: Pilots, app: TunedeckApp) -> None:
    dialog = app.screen
    assert isinstance(dialog, ConfirmScreen)
    await until(pilot, lambda: "Please confirm" in text_of(app))  # its dead time begins when it is drawn
    dialog._opened_at -= 1
    await pilot.press("y")
    await until(pilot, lambda: app.screen is not dialog)


async def rate(pilot: Pilots, app: TunedeckApp, key: str, *, then: str) -> None:
    await pilot.press(key)
    await until(pilot, lambda: then in text_of(app))


async def test_ten_pairs_are_rated_without_a_name_and_exported(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(isolated_home)
    provider = SureProvider()
    provider.echoes = True
    app = two_models(provider)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await begin_blind(pilot, app, prompts(isolated_home))
        await until(pilot, lambda: "pair 1 of 10" in text_of(app) and "missing" not in text_of(app))
        for number in range(1, 11):
            await until(pilot, partial(says, app, f"> Question {number} "))
            assert BASE not in text_of(app)
            assert TUNED not in text_of(app)
            key = ("l", "r", "t", "b")[number % 4]
            await rate(pilot, app, key, then=f"pair {number + 1} of 10" if number < 10 else "all are rated")
        assert BASE in text_of(app)
        assert "10 of 10 rated" in text_of(app)
        await pilot.press("e")
        await until(pilot, lambda: "Write the pairs to" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: (isolated_home / "questions-pairs.jsonl").is_file())
    report = check_file(isolated_home / "questions-pairs.jsonl", CheckOptions())
    errors = {one.rule for one in report.findings if one.severity == "error"}
    assert errors <= {"not-enough-examples"}  # ten are needed to train on
    services = make_services()  # what the next start would read
    (comparison,) = [BlindRating(services, one) for one in services.store.comparisons()]
    services.close()
    given = [one.rating for one in comparison.rounds]
    rows = [json.loads(line) for line in (isolated_home / "questions-pairs.jsonl").read_text().splitlines()]
    assert len(rows) == sum(one in (Rating.FIRST, Rating.SECOND) for one in given) == 5


def says(app: TunedeckApp, words: str) -> bool:
    return words in text_of(app)


async def test_a_rating_is_taken_back_and_its_pair_shown_again(isolated_home: Path) -> None:
    app = two_models(SureProvider())
    async with app.run_test(size=(100, 30)) as pilot:
        blind = await begin_blind(pilot, app, prompts(isolated_home, 3), count="3")
        await until(pilot, lambda: "pair 1 of 3" in text_of(app))
        assert blind.reason_against("take_back")
        await rate(pilot, app, "left", then="pair 2 of 3")
        assert "1 of 3 rated" in text_of(app)
        await rate(pilot, app, "u", then="pair 1 of 3")
        assert "0 of 3 rated" in text_of(app)


async def test_answers_go_on_coming_when_the_screen_is_left_and_ratings_go_on_later(
    isolated_home: Path,
) -> None:
    provider = SureProvider()
    app = two_models(provider)
    path = prompts(isolated_home, 4)
    async with app.run_test(size=(100, 30)) as pilot:
        provider.hold.clear()
        blind = await begin_blind(pilot, app, path, count="4")
        await until(pilot, lambda: "0 of 8 answers; x stops" in text_of(app))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        provider.hold.set()
        asking = app.services.runs.blind(blind._comparison_id)
        assert asking is not None
        await until(pilot, lambda: not asking.state.is_running)
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("B")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "0 of 4" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "pair 1 of 4" in text_of(app))
        await rate(pilot, app, "r", then="pair 2 of 4")
        assert len(provider.chats) == 8


async def test_asking_is_stopped_and_what_is_missing_asked_later(
    isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = SureProvider()
    app = two_models(provider)
    async with app.run_test(size=(100, 30)) as pilot:
        provider.hold.clear()
        await begin_blind(pilot, app, prompts(isolated_home, 4), count="4")
        await until(pilot, lambda: "0 of 8 answers; x stops" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: "8 answers are missing: a asks" in text_of(app))
        provider.hold.set()
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        monkeypatch.setattr(BlindScreen, "_plan_again", lambda screen: None)  # however long counting takes
        await agree(pilot, app)
        await until(pilot, lambda: "pair 1 of 4" in text_of(app) and "x stops" not in text_of(app))
        assert "missing" not in text_of(app)


async def test_names_are_told_early_only_after_a_warning(isolated_home: Path) -> None:
    app = two_models(SureProvider())
    async with app.run_test(size=(120, 30)) as pilot:
        await begin_blind(pilot, app, prompts(isolated_home, 3), count="3")
        await until(pilot, lambda: "pair 1 of 3" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: "no longer blind" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, BlindScreen))
        assert BASE not in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await agree(pilot, app)
        await until(pilot, lambda: BASE in text_of(app) and "How it came out" in text_of(app))


async def test_a_failing_service_says_why_and_leaves_what_it_answered(isolated_home: Path) -> None:
    provider = SureProvider()
    app = two_models(provider)
    provider.failure = ProviderError("The key is wrong.", remedy="Look at it.", status=401)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await begin_blind(pilot, app, prompts(isolated_home, 2), count="2")
        await until(pilot, lambda: "The key is wrong." in text_of(app))
        await until(pilot, lambda: "4 answers are missing" in text_of(app))


# Through a training


async def open_scrub(pilot: Pilots, app: TunedeckApp) -> ScrubScreen:
    app.push_screen(JobScreen("local", "ftjob-one"))
    await until(pilot, lambda: isinstance(app.screen, JobScreen) and "Checkpoints 2" in text_of(app))
    await pilot.press("w")
    await until(pilot, lambda: isinstance(app.screen, ScrubScreen) and "final" in text_of(app))
    screen = app.screen
    assert isinstance(screen, ScrubScreen)
    return screen


def trained() -> tuple[TunedeckApp, SureProvider]:
    provider = SureProvider()
    app = two_models(provider)
    provider.answers[f"{TUNED}:ckpt-step-22"] = ("The ", "weather ", "seems ", "good.")
    provider.answers[f"{TUNED}:ckpt-step-44"] = ("The ", "weather ", "was ", "fine.")
    keep_job(app.services.store, make_job(state=JobState.SUCCEEDED), 66)
    provider.jobs["ftjob-one"] = make_job(state=JobState.SUCCEEDED)
    provider.checkpoints["ftjob-one"] = list(app.services.store.checkpoints("local", "ftjob-one"))
    return app, provider


async def test_left_and_right_move_through_the_training(isolated_home: Path) -> None:
    app, provider = trained()
    async with app.run_test(size=(120, 30)) as pilot:
        await open_scrub(pilot, app)
        await ask(pilot, app)
        await until(pilot, lambda: "weather was good." in text_of(app) and "asking" not in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.focused, AnswerPane))
        await pilot.press("left")
        await until(pilot, lambda: "[● step 44]" in text_of(app) and "weather was fine." in text_of(app))
        assert "They part after 2 tokens: step 22" in text_of(app)
        await pilot.press("left", "left", "left")
        await until(pilot, lambda: "[● base]" in text_of(app) and "rather good." in text_of(app))
        await pilot.press("right")
        await until(pilot, lambda: "[● step 22]" in text_of(app))
        assert "".join(marked_words(app, 0)).split() == ["seems"]
        await ask(pilot, app)
        await until(pilot, lambda: not app.screen.query_one(PromptInput).text)
        assert len(provider.chats) == 4


async def test_a_job_without_a_checkpoint_greys_the_way_through_it() -> None:
    app = make_app()
    app.services.store.save_job(make_job())
    async with app.run_test(size=(120, 30)) as pilot:
        screen = JobScreen("local", "ftjob-one")
        app.push_screen(screen)
        await until(pilot, lambda: screen.chosen_job() is not None)
        assert "no checkpoint yet" in screen.reason_against("scrub_job")


# Looks


@pytest.mark.parametrize("size", SIZES, ids="{0[0]}x{0[1]}".format)
@pytest.mark.parametrize("state", ["new", "differing", "blind", "told", "scrub"])
def test_it_looks(
    snap_compare: Any, state: str, size: tuple[int, int], isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lot = SimpleNamespace(Random=lambda seed: random.Random(7))  # by the path of the file else
    monkeypatch.setattr("tui.evals.compare.blind.random", lot)
    monkeypatch.setattr("screens.compare_choices.describe_speed", lambda answer: "8 tokens, first in 0.5 s")
    app, _ = trained()
    app.services.store.save_models("local", [
        ModelInfo("local", TUNED, NOW - 60, "me", BASE), ModelInfo("local", BASE, NOW - 900, "tunedeck")
    ])  # fmt: skip

    async def go_there(pilot: Pilots) -> None:
        if state == "scrub":
            await open_scrub(pilot, app)
            await ask(pilot, app)
            await until(pilot, lambda: "[● final]" in text_of(app) and "asking" not in text_of(app))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.focused, AnswerPane))
            await pilot.press("left")
            await until(pilot, lambda: "[● step 44]" in text_of(app))
        elif state in ("blind", "told"):
            await begin_blind(pilot, app, prompts(isolated_home, 3), count="3")
            await until(pilot, lambda: "pair 1 of 3" in text_of(app) and "missing" not in text_of(app))
            await until(pilot, lambda: "asking" not in text_of(app))
            await rate(pilot, app, "l", then="pair 2 of 3")
            if state == "told":
                await rate(pilot, app, "r", then="pair 3 of 3")
                await rate(pilot, app, "t", then="all are rated")
        else:
            await open_compare(pilot, app)
            if state == "differing":
                await ask(pilot, app)
                await until(pilot, lambda: "They part" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=go_there)


def test_what_is_said_while_rating_names_nobody(isolated_home: Path) -> None:
    services = make_services(SureProvider())
    cases = [Case(number, str(number), (ChatMessage("user", f"Q{number}"),)) for number in range(1, 31)]
    sides = Side("local", BASE), Side("local", TUNED)
    said = []
    for seed, favourite in enumerate((Rating.FIRST, Rating.SECOND)):
        begun = BlindRating.begin(services, "x", cases, sides, seed=seed)
        begun.ask(begun.plan())
        for number in range(1, 31):
            begun.rate(number, favourite)
        said.append(RatingSession(begun).view().standing)
    assert said[0] == said[1]
    assert said[0][-1] == "You can stop now: one of them is preferred."
    assert "preferred in 100%" in said[0][1]
    services.close()


def test_a_session_knows_ratings_from_before(isolated_home: Path) -> None:
    services = make_services(SureProvider())
    cases = [Case(number, str(number), (ChatMessage("user", f"Q{number}"),)) for number in (1, 2)]
    begun = BlindRating.begin(services, "x", cases, (Side("local", BASE), Side("local", TUNED)))
    begun.ask(begun.plan())
    RatingSession(begun).rate(1, "left")
    later = RatingSession(BlindRating.resume(services, begun.comparison.id))
    assert later.can_take_back
    assert later.view().rated == 1
    back = later.take_back()
    assert back.round is not None
    assert (back.round.number, back.rated, later.can_take_back) == (1, 0, False)
    services.close()
