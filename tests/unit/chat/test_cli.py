from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support import run_cli
from tests.unit.chat.script import ScriptedModel
from tui.chat.lanes import Lane, LaneAnswer
from tui.chat.models import ChatServices, default_lanes, find_lane, known_models
from tui.chat.streams import LaneUpdate
from tui.cli.chat_print import Printer
from tui.errors import TunedeckError
from tui.records.jobs import Checkpoint, Job, JobState
from tui.records.models import Account, ModelInfo
from tui.services import Services

BASE = "smollm2-135m-instruct"
TUNED = f"ft:{BASE}:local:tone:abc12345"


class ListedModel(ScriptedModel):
    """A scripted provider of the local account that lists a base and a tuned model."""

    def __init__(self, *pieces: str, failure: TunedeckError | None = None) -> None:
        super().__init__(*pieces, failure=failure)
        self.listed = 0

    def list_models(self) -> list[ModelInfo]:
        self.listed += 1
        return [ModelInfo("local", TUNED, 20, base_model=BASE), ModelInfo("local", BASE, 10)]

    def close(self) -> None:
        return None


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ListedModel:
    """The only provider there is."""
    scripted = ListedModel("Hello ", "there.")
    monkeypatch.setattr(Services, "provider", lambda _services, _name: scripted)
    return scripted


def test_the_commands_stand_beside_the_models(model: ListedModel) -> None:
    assert run_cli("chat", "history").stdout.startswith("No chats yet")
    assert run_cli("chat", "--", "history", "-m", "Hi").code == 2
    assert "Talk to a MODEL" in run_cli("chat", "--help").stdout


@pytest.fixture
def services() -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


def test_one_model_prints_its_answer_and_nothing_else(model: ListedModel) -> None:
    result = run_cli("chat", BASE, "--message", "Hi")
    assert (result.code, result.stdout) == (0, "Hello there.\n")
    assert "in 7 · out 2 · free" in result.stderr


def test_two_models_are_printed_under_their_names_whole(model: ListedModel) -> None:
    result = run_cli("chat", BASE, TUNED, "-m", "Hi")
    assert result.code == 0
    assert f"{BASE}:\nHello there.\n" in result.stdout
    assert f"{TUNED}:\nHello there.\n" in result.stdout


def test_json_holds_every_answer_with_usage_and_speed(model: ListedModel) -> None:
    result = run_cli("chat", BASE, TUNED, "-m", "Hi", "--json", "--system", "S", "--temperature", "0")
    value = json.loads(result.stdout)
    assert [answer["model"] for answer in value["answers"]] == [BASE, TUNED]
    assert value["answers"][0]["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "cached_tokens": 0}
    assert value["answers"][0]["finish_reason"] == "stop"
    assert model.requests[0].parameters.temperature == 0.0
    assert model.requests[0].messages[0].content == "S"


def test_what_was_said_is_kept_for_the_app(model: ListedModel, services: Services) -> None:
    run_cli("chat", BASE, "-m", "Hi")
    assert [chat.title for chat in services.store.chats()] == ["Hi"]


def test_the_message_may_come_from_standard_input(
    model: ListedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    assert run_cli("chat", BASE).code == 0
    assert model.requests[0].messages[-1].content == "from a pipe\n"


def test_a_failing_model_ends_with_one_and_says_why(model: ListedModel) -> None:
    model.failure = TunedeckError("Out of memory.", "Use a smaller model.")
    result = run_cli("chat", BASE, "-m", "Hi")
    assert result.code == 1
    assert "Out of memory. Use a smaller model." in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("chat", "smollm3", "-m", "Hi"), f"Did you mean {BASE}?"),
        (("chat", BASE, "-m", "  "), "empty"),
        (("chat", BASE, "-m", "Hi", "--temperature", "hot"), "temperature"),
        (("chat", BASE, "-m", "Hi", "--account", "nobody"), "no account 'nobody'"),
    ],
)
def test_wrong_use_ends_with_two_and_a_remedy(
    model: ListedModel, arguments: tuple[str, ...], said: str
) -> None:
    result = run_cli(*arguments)
    assert result.code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_control_bytes_of_an_answer_never_reach_the_terminal(model: ListedModel) -> None:
    model.pieces = ("\x1b]52;c;aGk=", "\x07 \x9b31m\r", "\nend")
    result = run_cli("chat", BASE, "-m", "Hi")
    assert result.stdout == "␛]52;c;aGk=␇ \ufffd31m\nend\n"


def test_a_line_end_cut_in_two_is_still_one_line_end(capsys: pytest.CaptureFixture[str]) -> None:
    lane = Lane("local", BASE)
    show = Printer((lane,))
    for piece, finished in (("a\r", False), ("\nb\r", False), ("", True)):
        show(LaneUpdate(lane, piece, LaneAnswer("", "stop"), finished))
    assert capsys.readouterr().out == "a\nb␍\n"


def test_answers_are_printed_in_the_order_of_the_models(capsys: pytest.CaptureFixture[str]) -> None:
    slow, quick = Lane("local", "slow"), Lane("local", "quick")
    show = Printer((slow, quick))
    show(LaneUpdate(quick, "b", LaneAnswer("b", "stop"), True))
    assert capsys.readouterr().out == ""
    show(LaneUpdate(slow, "a", LaneAnswer("a", "stop"), True))
    assert capsys.readouterr().out == "slow:\na\n\nquick:\nb\n\n"


def test_on_a_terminal_it_goes_on_line_after_line_until_the_end(
    model: ListedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(["one", "", "two"])

    def typed(_prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    result = run_cli("chat", BASE)
    assert (result.code, result.stdout) == (0, "Hello there.\nHello there.\n\n")
    assert [message.content for message in model.requests[1].messages] == ["one", "Hello there.", "two"]


def test_many_lines_are_typed_between_lines_of_three_quotes(
    model: ListedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = iter(['"""', "one", "", '  "two"', '"""', '"""three'])

    def typed(_prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert run_cli("chat", BASE).code == 0
    asked = [request.messages[-1].content for request in model.requests]
    assert asked == ['one\n\n  "two"', '"""three']


def test_the_newest_tuned_model_is_opened_beside_its_base(model: ListedModel, services: Services) -> None:
    assert default_lanes(services) == (Lane("local", BASE),)
    services.store.save_models("local", model.list_models())
    assert default_lanes(services) == (Lane("local", BASE), Lane("local", TUNED))
    assert [info.id for info in known_models(services)] == [TUNED, BASE]


def test_a_name_is_found_by_id_end_or_checkpoint_and_asks_only_when_unknown(
    model: ListedModel, services: Services
) -> None:
    services.store.save_models("local", model.list_models())
    job = Job("local", "ftjob-1", JobState.SUCCEEDED, "succeeded", BASE)
    services.store.save_job(job)
    checkpoint = f"{TUNED}:ckpt-step-22"
    services.store.save_checkpoints("local", job.id, [Checkpoint("c", job.id, checkpoint, 22)])
    asked = model.listed
    assert find_lane(services, TUNED).model == TUNED
    assert find_lane(services, "abc12345").model == TUNED
    assert find_lane(services, "tone:abc12345").model == TUNED
    assert find_lane(services, checkpoint).model == checkpoint
    assert model.listed == asked
    assert find_lane(services, "brand-new", "local") == Lane("local", "brand-new")
    assert model.listed == asked + 1


def test_a_name_that_means_several_is_asked_back(services: Services) -> None:
    twins = [ModelInfo("local", f"ft:{BASE}:{org}:tone:abc", 1, base_model=BASE) for org in ("one", "two")]
    services.store.save_models("local", twins)
    with pytest.raises(TunedeckError, match="may be any of"):
        find_lane(services, "tone:abc")


def test_an_account_that_is_not_ready_is_not_asked(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [Account("openai", "openai", None, "OpenAI", ready=False, state="OPENAI_API_KEY is not set")]
    monkeypatch.setattr(Services, "accounts", lambda _services: accounts)
    checked: ChatServices = services
    with pytest.raises(TunedeckError, match="No account has a model"):
        find_lane(checked, "gpt-4.1")
