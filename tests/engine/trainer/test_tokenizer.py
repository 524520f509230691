from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.trainer.models import tiny_tokenizer
from tui.engine.llama.chat_template import Message
from tui.engine.llama.tokenizer import NO_TARGET, TrainingExample
from tui.errors import TunedeckError

START, END = 1, 2
DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nBe kind<|im_end|>\n' }}{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOOL_TEMPLATE = (
    "{% if tools %}{{ '<|im_start|>tools\n' }}{{ tools | tojson }}{{ '<|im_end|>\n' }}{% endif %}"
    "{% for message in messages %}{{ '<|im_start|>' + message.role + '\n' + message.content }}"
    "{% for call in message.tool_calls or [] %}{{ call.function | tojson }}{% endfor %}"
    "{{ '<|im_end|>\n' }}{% endfor %}"
)
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Köln"}'}}

pieces = st.sampled_from([*"<|>im_endstarx\n ", "<|im_end|>", "<|im_start|>", "<|im_", "é", "你"])
nasty = st.lists(pieces, max_size=12).map("".join)


def learned_text(example: TrainingExample, template: str = DEFAULT_SYSTEM) -> str:
    tokenizer = tiny_tokenizer(template)
    learned = [int(token) for token in example.targets if token != NO_TARGET]
    return b"".join(tokenizer.token_bytes(token) for token in learned).decode()


def test_text_survives_encoding_and_decoding() -> None:
    tokenizer = tiny_tokenizer()
    text = "The théâtre 你好 🙂\n\t 12.5 <|im_end|>"
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(st.text())
def test_any_text_survives_encoding_and_decoding(text: str) -> None:
    tokenizer = tiny_tokenizer()
    expected = text.encode("utf-8", "replace").decode()
    assert tokenizer.decode(tokenizer.encode(text)) == expected


def test_control_tokens_are_read_as_such_only_when_asked() -> None:
    tokenizer = tiny_tokenizer()
    assert tokenizer.encode("<|im_end|>", special=True) == [END]
    assert END not in tokenizer.encode("<|im_end|>")


@given(nasty, nasty, nasty)
def test_messages_can_not_forge_control_tokens(system: str, user: str, answer: str) -> None:
    tokenizer = tiny_tokenizer(DEFAULT_SYSTEM)
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
        {"role": "assistant", "content": answer},
    ]
    ids = tokenizer.encode_chat(messages)
    assert (ids.count(START), ids.count(END)) == (4, 3)
    wanted = tokenizer.template.render(messages, None, True)
    assert b"".join(map(tokenizer.token_bytes, ids)).decode() == wanted


@given(nasty, nasty)
def test_tools_and_tool_calls_can_not_forge_control_tokens(name: str, argument: str) -> None:
    tokenizer = tiny_tokenizer(TOOL_TEMPLATE)
    tool = {"type": "function", "function": {"name": name, "parameters": {argument: name}}}
    call = {"type": "function", "function": {"name": name, "arguments": json.dumps({argument: argument})}}
    ids = tokenizer.encode_chat([{"role": "assistant", "content": None, "tool_calls": [call]}], [tool], False)
    assert (ids.count(START), ids.count(END)) == (2, 2)


def test_only_the_assistant_and_the_end_of_its_turn_are_learned() -> None:
    example = tiny_tokenizer(DEFAULT_SYSTEM).encode_example(
        [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "first"},
            {"role": "user", "content": "two"},
            {"role": "assistant", "content": "not this", "weight": 0},
            {"role": "user", "content": "three"},
            {"role": "assistant", "content": "third", "weight": 1},
        ]
    )
    assert learned_text(example) == "first<|im_end|>third<|im_end|>"


def test_every_target_is_the_token_that_follows() -> None:
    tokenizer = tiny_tokenizer()
    messages = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "bye"}]
    example = tokenizer.encode_example(messages)
    whole = tokenizer.encode_chat(messages, add_generation_prompt=False)
    assert list(example.ids) == whole[: len(example.ids)]
    assert example.token_count == len(whole)
    for position, target in enumerate(example.targets):
        assert target in (NO_TARGET, whole[position + 1])


def test_an_answer_is_learned_from_exactly_the_tokens_that_a_chat_request_gives() -> None:
    tokenizer = tiny_tokenizer(DEFAULT_SYSTEM)
    asked = [{"role": "user", "content": "the answer"}]
    example = tokenizer.encode_example([*asked, {"role": "assistant", "content": "er on"}])
    prompt = tokenizer.encode_chat(asked)
    assert list(example.ids[: len(prompt)]) == prompt
    assert list(example.targets[: len(prompt) - 1]) == [NO_TARGET] * (len(prompt) - 1)
    assert example.targets[len(prompt) - 1] != NO_TARGET


def test_an_assistant_that_speaks_first_is_learned_too() -> None:
    example = tiny_tokenizer(DEFAULT_SYSTEM).encode_example([{"role": "assistant", "content": "hello"}])
    assert learned_text(example) == "hello<|im_end|>"


def test_what_exceeds_the_limit_is_cut_off_at_the_end() -> None:
    messages = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "a" * 100}]
    tokenizer = tiny_tokenizer()
    whole, cut = tokenizer.encode_example(messages), tokenizer.encode_example(messages, max_tokens=60)
    assert cut.token_count == 60
    assert list(cut.ids) == list(whole.ids[:59])
    assert list(cut.targets) == list(whole.targets[:59])
    assert not len(tokenizer.encode_example(messages, max_tokens=5).ids)


def test_content_may_be_missing_or_come_in_parts() -> None:
    tokenizer = tiny_tokenizer()
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    in_parts = tokenizer.render([{"role": "user", "content": parts}, {"role": "assistant", "content": None}])
    assert in_parts.startswith("<|im_start|>user\none two<|im_end|>\n<|im_start|>assistant\n<|im_end|>")


def test_tools_are_in_the_text_even_when_the_template_ignores_them() -> None:
    tokenizer = tiny_tokenizer(DEFAULT_SYSTEM)
    messages: list[Message] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        {"role": "assistant", "content": "It rains."},
    ]
    text = tokenizer.render(messages, [TOOL], add_generation_prompt=False)
    assert "Be brief." in text.split("<tools>")[0]
    assert '"name": "weather", "parameters"' in text
    call = '<tool_call>{"name": "weather", "arguments": {"city": "Köln"}}</tool_call>'
    assert call in text
    assert "<|im_start|>tool\nrain<|im_end|>" in text
    example = tokenizer.encode_example(messages, [TOOL])
    assert learned_text(example) == f"{call}<|im_end|>It rains.<|im_end|>"


def test_tools_go_to_the_template_when_it_takes_them() -> None:
    text = tiny_tokenizer(TOOL_TEMPLATE).render(
        [{"role": "assistant", "content": None, "tool_calls": [CALL]}], [TOOL], False
    )
    assert text.count("weather") == 2
    assert "<tool_call>" not in text
    assert '{"city": "Köln"}' in text


def test_developer_turns_are_system_turns() -> None:
    text = tiny_tokenizer().render([{"role": "developer", "content": "x"}], add_generation_prompt=False)
    assert text == "<|im_start|>system\nx<|im_end|>\n"


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.append(1) }}",
        "{{ raise_exception('no such roles') }}",
    ],
)
def test_a_template_can_neither_reach_out_nor_fail_without_a_sentence(template: str) -> None:
    with pytest.raises(TunedeckError, match="chat template refuses"):
        tiny_tokenizer(template).render([{"role": "user", "content": "x"}])


def test_a_broken_template_is_told_when_the_model_is_opened() -> None:
    with pytest.raises(TunedeckError, match="can't be read"):
        tiny_tokenizer("{% for %}")


def test_a_template_that_rewrites_what_was_said_is_refused_for_training() -> None:
    rewriting = "{{ messages | length }}{% for m in messages %}{{ '<|im_start|>' + m.content }}{% endfor %}"
    with pytest.raises(TunedeckError, match="writes message 2 otherwise once others follow"):
        tiny_tokenizer(rewriting).encode_example(
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ]
        )


def test_a_legacy_completion_is_learned_without_a_template() -> None:
    example = tiny_tokenizer().encode_completion("2+2=", " 4", None)
    assert learned_text(example) == " 4<|im_end|>"
