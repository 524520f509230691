from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import run_cli
from tests.unit.chat.script import ScriptedModel
from tui.records.chats import ToolCall
from tui.services import Services

BASE = "smollm2-135m-instruct"


class ListedModel(ScriptedModel):
    def list_models(self) -> list[object]:
        return []

    def can(self, capability: object) -> object:
        from tui.records.models import Permission

        return Permission(self.reads_all, "" if self.reads_all else "It only reads text.")

    def close(self) -> None:
        return None

    reads_all = True


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ListedModel:
    scripted = ListedModel("Hello ", "there.")
    monkeypatch.setattr(Services, "provider", lambda _services, _name: scripted)
    return scripted


def ask(*arguments: str) -> None:
    result = run_cli("chat", BASE, "--account", "local", *arguments)
    assert result.code == 0, result.stderr


def test_chats_are_listed_tagged_and_found_by_words(model: ListedModel) -> None:
    ask("-m", "How is the soup?")
    assert run_cli("chat", "tag", "last", "kitchen", "demo").stdout == "kitchen, demo\n"
    assert [chat["title"] for chat in run_cli("chat", "history", "--json").json()] == ["How is the soup?"]
    assert "How is the soup?" in run_cli("chat", "history", "--tag", "demo").stdout
    assert run_cli("chat", "history", "--tag", "none").stdout.startswith("No chats yet")
    hits = run_cli("chat", "search", "soup", "--json").json()
    assert [(hit["turn"], "»soup«" in hit["excerpt"]) for hit in hits] == [(1, True)]
    assert run_cli("chat", "search", "nothing").stdout == "Nothing is found.\n"
    assert run_cli("chat", "tag", "last", "--none").stdout == "No tags.\n"


def test_a_chat_goes_on_and_its_last_question_is_asked_again_in_a_branch(model: ListedModel) -> None:
    ask("-m", "One")
    result = run_cli("chat", "--chat", "last", "-m", "Two", "--json")
    assert [message.content for message in model.requests[-1].messages] == ["One", "Hello there.", "Two"]
    assert result.json()["turn"] == 2
    assert result.json()["chat_total"]["calls"] == 2
    assert run_cli("chat", "--chat", "last", "--again").code == 0
    turns = run_cli("chat", "show", "last", "--json").json()["turns"]
    assert [(turn["number"], turn["parent"], turn["shown"]) for turn in turns] == [
        (1, None, True), (2, 1, False), (3, 1, True),
    ]  # fmt: skip


def test_a_chat_that_goes_on_keeps_the_parameters_that_are_not_named_anew(model: ListedModel) -> None:
    ask("-m", "One", "--temperature", "0", "--max-tokens", "9", "--stop", "END")
    assert run_cli("chat", "--chat", "last", "-m", "Two", "--seed", "3").code == 0
    sent = model.requests[-1].parameters
    assert (sent.temperature, sent.max_tokens, sent.stop, sent.seed) == (0, 9, ("END",), 3)


def test_a_branch_that_is_not_shown_is_printed_by_a_turn_in_it(model: ListedModel) -> None:
    ask("-m", "One")
    model.pieces = ("Another answer.",)
    assert run_cli("chat", "--chat", "last", "--again").code == 0
    assert "Hello there." not in run_cli("chat", "show", "last").stdout
    assert "Hello there." in run_cli("chat", "show", "last", "--turn", "1").stdout
    assert run_cli("chat", "show", "last", "--turn", "9").code == 2


def test_a_chat_is_named_by_the_beginning_of_its_id(model: ListedModel) -> None:
    ask("-m", "One")
    chat_id = run_cli("chat", "history", "--json").json()[0]["id"]
    assert "## You\n\nOne" in run_cli("chat", "show", chat_id[:8]).stdout
    result = run_cli("chat", "show", "%")
    assert (result.code, "There is no chat '%'" in result.stderr) == (2, True)


def test_tools_are_declared_shown_and_answered(model: ListedModel, tmp_path: Path) -> None:
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps({"name": "weather", "description": "d", "parameters": {"type": "object"}}))
    model.pieces, model.calls = (), (ToolCall("weather", '{"city": "Oslo"}'),)
    result = run_cli("chat", BASE, "--account", "local", "-m", "Oslo?", "--tools", str(tools))
    assert '→ weather({"city": "Oslo"})' in result.stdout
    assert "--tool-result" in result.stderr
    model.pieces, model.calls = ("Rain.",), ()
    assert run_cli("chat", "--chat", "last", "--tool-result", "a", "--tool-result", "b").code == 2
    result = run_cli("chat", "--chat", "last", "--tool-result", "12 degrees")
    assert result.stdout == "Rain.\n"
    assert [message.role for message in model.requests[-1].messages] == ["user", "assistant", "tool"]


def test_tools_of_a_broken_file_are_refused_before_anything_is_asked(
    model: ListedModel, tmp_path: Path
) -> None:
    tools = tmp_path / "tools.json"
    for text in ("{", "[]", '[{"description": "no name"}]', "[3]", "\\xff"):
        tools.write_text(text)
        result = run_cli("chat", BASE, "--account", "local", "-m", "x", "--tools", str(tools))
        assert (result.code, model.requests) == (2, []), text


def test_pictures_are_refused_by_kind_and_by_service(model: ListedModel, tmp_path: Path) -> None:
    text = tmp_path / "no.png"
    text.write_text("no picture")
    result = run_cli("chat", BASE, "--account", "local", "-m", "x", "--image", str(text))
    assert (result.code, "no.png is no picture" in result.stderr) == (2, True)
    gif = tmp_path / "dot.gif"
    gif.write_bytes(b"GIF89a\x02\x00\x03\x00\x00\x00\x00")
    model.reads_all = False
    result = run_cli("chat", BASE, "--account", "local", "-m", "x", "--image", str(gif))
    assert (result.code, "It only reads text." in result.stderr) == (2, True)
    model.reads_all = True
    result = run_cli("chat", BASE, "--account", "local", "-m", "x", "--image", str(gif))
    assert (result.code, "dot.gif · GIF 2 x 3 · 1 KB" in result.stderr) == (0, True)


def test_stop_strings_and_a_schema_reach_the_service(model: ListedModel, tmp_path: Path) -> None:
    schema = tmp_path / "person.json"
    schema.write_text('{"type": "object", "properties": {"name": {"type": "string"}}}')
    ask("-m", "x", "--stop", "a|b", "--stop", "\n", "--response-format", str(schema), "--logprobs", "3")
    sent = model.requests[-1].parameters
    assert (sent.stop, sent.logprobs) == (("a|b", "\n"), 3)
    assert sent.response_format is not None
    assert json.loads(sent.response_format)["json_schema"]["name"] == "person"
    schema.write_text('{"type": "nonsense"}')
    result = run_cli("chat", BASE, "--account", "local", "-m", "x", "--response-format", str(schema))
    assert (result.code, "is no JSON schema" in result.stderr) == (2, True)


def test_turns_are_kept_as_rows_pairs_and_cases(model: ListedModel, tmp_path: Path) -> None:
    ask("-m", "Hi", "--system", "Be kind.")
    for form, more in (("example", ()), ("pair", ("--better", "Hello!")), ("case", ())):
        path = tmp_path / f"{form}.jsonl"
        result = run_cli(
            "chat", "keep", "last", "--as", form, "--to", str(path), "--turn", "1", *more, "--json"
        )
        assert result.code == 0, result.stderr
        assert [json.loads(line) for line in path.read_text().splitlines()] == [result.json()["row"]]
    assert json.loads((tmp_path / "case.jsonl").read_text())["expected"] == "Hello there."
    result = run_cli("chat", "keep", "last", "--as", "pair", "--to", str(tmp_path / "p.jsonl"))
    assert (result.code, "another text" in result.stderr) == (2, True)
    assert run_cli("chat", "keep", "last", "--as", "example", "--to", "x", "--turn", "9").code == 2


def test_a_chat_is_written_out_in_every_form(model: ListedModel, tmp_path: Path) -> None:
    ask("-m", "Hi")
    for form, begins in (("rows", '{"messages"'), ("markdown", "# Hi"), ("json", "{\n")):
        assert run_cli("chat", "export", "last", "--as", form).stdout.startswith(begins)
    path = tmp_path / "chat.md"
    assert run_cli("chat", "export", "last", "--as", "markdown", "-o", str(path)).code == 0
    assert path.read_text().startswith("# Hi")
    by_name = path.with_name("by-name.md")
    assert run_cli("chat", "export", "last", "-o", str(by_name)).code == 0
    assert by_name.read_text(encoding="utf-8").startswith("# ")
    assert run_cli("chat", "export", "last", "-o", str(path)).code == 2


def test_lines_typed_after_a_call_are_the_tools_results(
    model: ListedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.pieces, model.calls = (), (ToolCall("weather", "{}"),)
    asked: list[str] = []
    lines = iter(["Oslo?", "rain"])

    def typed(prompt: str) -> str:
        asked.append(prompt)
        if len(asked) == 2:
            model.pieces, model.calls = ("Rain.",), ()
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    result = run_cli("chat", BASE, "--account", "local")
    assert asked == ["you> ", "weather({})> ", "you> "]
    assert "Rain.\n" in result.stdout
