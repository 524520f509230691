"""A row that breaks each rule with a fix, and what the fix makes of it."""

# ruff: noqa: E501  a row of JSON Lines is one line

from __future__ import annotations

OK = '{"role": "assistant", "content": "Hello."}'
HI = '{"role": "user", "content": "Hi"}'
WEATHER = '{"type": "function", "function": {"name": "weather"}}'
PAIR = f'"preferred_output": [{OK}], "non_preferred_output": [{{"role": "assistant", "content": "No."}}]'


def chat(*messages: str, more: str = "") -> str:
    return f'{{"messages": [{", ".join(messages)}]{more}}}'


def calling(call: str, answer: str = '"tool_call_id": "call_1"') -> str:
    return chat(
        HI,
        f'{{"role": "assistant", "tool_calls": [{call}]}}',
        f'{{"role": "tool", {answer}, "content": "sunny"}}',
        OK,
        more=f', "tools": [{WEATHER}]',
    )


def a_call(arguments: str = r'"{\"city\": 1.50}"', call_id: str = "call_1") -> str:
    return f'{{"id": "{call_id}", "type": "function", "function": {{"name": "weather", "arguments": {arguments}}}}}'


GOOD = chat(HI, OK)
LONG_ID = "x" * 41
EXAMPLES: list[tuple[str, str | bytes, list[str] | None]] = [
    ("byte-order-mark", "\ufeff" + GOOD, [GOOD]),
    ("byte-order-mark-inside", "\ufeff\ufeff" + GOOD, [GOOD]),
    ("nul-byte", f"\0\0{GOOD}\0", [GOOD]),
    ("nul-byte", "\0\0\0", []),
    ("nul-byte", chat(HI, '{"role": "assistant", "content": "He\0llo."}'), None),
    (
        "lone-surrogate",
        chat(HI, r'{"role": "assistant", "content": "\ud83d!"}'),
        [chat(HI, r'{"role": "assistant", "content": "\ufffd!"}')],
    ),
    (
        "lone-surrogate",
        chat(HI, r'{"role": "assistant", "content": "\ud83d\ude00\\ud83d\ude00"}'),
        [chat(HI, r'{"role": "assistant", "content": "\ud83d\ude00\\ud83d\ufffd"}')],
    ),
    ("invalid-json", GOOD + ",", [GOOD]),
    ("invalid-json", GOOD + GOOD, [GOOD, GOOD]),
    ("invalid-json", f"{GOOD}, {GOOD},", [GOOD, GOOD]),
    (
        "invalid-json",
        chat(HI, '{"role": "assistant", "content": "a\tb"}'),
        [chat(HI, r'{"role": "assistant", "content": "a\tb"}')],
    ),
    ("invalid-json", '{"messages": [}', None),
    ("invalid-json", f"{GOOD} {{", None),
    ("not-an-object", f"[{GOOD}, {GOOD}]", [GOOD, GOOD]),
    ("not-an-object", f"[{HI}, {OK}]", [GOOD]),
    ("not-an-object", r'"{\"messages\": []}"', ['{"messages": []}']),
    ("not-an-object", "[1, 2]", None),
    ("blank-line", "  \t", []),
    (
        "duplicate-key",
        chat(HI, '{"role": "user", "role": "assistant", "content": "x", "content": "Hello."}'),
        [GOOD],
    ),
    (
        "identical-outputs",
        f'{{"input": {{"messages": [{HI}]}}, "preferred_output": [{OK}], "non_preferred_output": [{OK}]}}',
        [],
    ),
    ("messages-empty", '{"messages": []}', []),
    ("nothing-trained", chat(HI, '{"role": "assistant", "content": "Hello.", "weight": 0}'), []),
    ("missing-key", f'{{"conversations": [{HI}, {OK}]}}', [GOOD]),
    (
        "missing-key",
        f'{{"input": {{"messages": [{HI}]}}, {PAIR.replace("output", "completion")}}}',
        [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}'],
    ),
    (
        "missing-key",
        f'{{"input": {{"messages": [{HI}]}}, {PAIR.replace("n_preferred_output", "n_preferred_completion")}}}',
        [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}'],
    ),
    ("missing-key", '{"tools": []}', None),
    (
        "extra-key",
        f'{{"id": 1, "messages": [{HI}, {OK}], "n":1.50 , "tools": [{WEATHER}]}}',
        [chat(HI, OK, more=f' , "tools": [{WEATHER}]')],
    ),
    (
        "extra-key",
        f'{{"messages" : [{HI}, {OK}], "n": [1, {{"a": "}}"}}]}}',
        [f'{{"messages" : [{HI}, {OK}]}}'],
    ),
    ("extra-key", f'{{"conversation": [{HI}, {OK}]}}', None),
    ("messages-not-list", f'{{"messages": {OK}}}', [chat(OK)]),
    ("messages-not-list", '{"messages": 7}', None),
    ("message-not-object", chat("null", HI, "null", OK, "null"), [GOOD]),
    ("message-not-object", chat(HI, '"Hello."'), None),
    (
        "missing-role",
        '{"messages": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}]}',
        [GOOD],
    ),
    ("missing-role", chat(HI, '{"content": "Hello."}'), None),
    ("unknown-role", chat(HI.replace("user", "Human "), OK.replace("assistant", "GPT")), [GOOD]),
    ("unknown-role", chat(HI, OK.replace("assistant", "narrator")), None),
    (
        "developer-role",
        chat('{"role": "developer", "content": "Be short."}', HI, OK),
        [chat('{"role": "system", "content": "Be short."}', HI, OK)],
    ),
    (
        "system-role",
        f'{{"messages": [{{"role": "system", "content": "Be short."}}, {HI}], "answer": 4}}',
        [f'{{"messages": [{{"role": "developer", "content": "Be short."}}, {HI}], "answer": 4}}'],
    ),
    ("message-extra-key", chat('{"id": 4, "role": "user", "content": "Hi", "thinking": "x"}', OK), [GOOD]),
    ("message-extra-key", chat('{"role": "user", "value": "Hi"}', OK), None),
    ("missing-content", chat('{"role": "system"}', HI, OK, '{"role": "user", "content": null}'), [GOOD]),
    ("missing-content", chat(HI, '{"role": "assistant"}', HI, OK), None),
    (
        "missing-content",
        calling(a_call()).replace(', "content": "sunny"', ""),
        [
            calling(a_call())
            .replace(', "content": "sunny"', "")
            .replace('"call_1"}', '"call_1", "content": ""}')
        ],
    ),
    (
        "content-type",
        chat('{"role": "user", "content": 1.50}', OK),
        [chat('{"role": "user", "content": "1.50"}', OK)],
    ),
    (
        "content-type",
        chat(HI, '{"role": "assistant", "content": {"b": 1, "a":2}}'),
        [chat(HI, r'{"role": "assistant", "content": "{\"b\": 1, \"a\":2}"}')],
    ),
    (
        "content-type",
        chat('{"role": "user", "content": {"type": "text", "text": "Hi"}}', OK),
        [chat('{"role": "user", "content": [{"type": "text", "text": "Hi"}]}', OK)],
    ),
    ("content-type", chat('{"role": "user", "content": []}', OK), None),
    (
        "content-part",
        chat('{"role": "user", "content": ["a", {"text": "b"}, {"type": "input_text", "text": "c"}]}', OK),
        [
            chat(
                '{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "text", "text": "c"}]}',
                OK,
            )
        ],
    ),
    ("content-part", chat('{"role": "user", "content": [{"type": "sound"}]}', OK), None),
    ("name-type", chat('{"role": "user", "name": null, "content": "Hi"}', OK), [GOOD]),
    (
        "name-type",
        chat('{"role": "user", "name": 7, "content": "Hi"}', OK),
        [chat('{"role": "user", "name": "7", "content": "Hi"}', OK)],
    ),
    ("name-type", chat('{"role": "user", "name": [], "content": "Hi"}', OK), None),
    ("empty-content", chat('{"role": "system", "content": " "}', HI, OK), [GOOD]),
    ("empty-content", chat('{"role": "user", "content": " "}', OK), None),
    (
        "empty-content",
        chat(HI, '{"role": "assistant", "content": ""}', '{"role": "user", "content": ""}', OK),
        [GOOD],
    ),
    (
        "weight-value",
        chat(HI, OK[:-1] + ', "weight": true}', HI, OK[:-1] + ', "weight": "0"}'),
        [chat(HI, OK[:-1] + ', "weight": 1}', HI, OK[:-1] + ', "weight": 0}')],
    ),
    ("weight-value", chat(HI, OK[:-1] + ', "weight": null}'), [GOOD]),
    ("weight-value", chat(HI, OK[:-1] + ', "weight": 0.5}'), None),
    ("weight-form", chat(HI, OK[:-1] + ', "weight": 1.0}'), [chat(HI, OK[:-1] + ', "weight": 1}')]),
    ("weight-role", chat(HI[:-1] + ', "weight": 0}', OK), [GOOD]),
    (
        "weight-in-output",
        f'{{"input": {{"messages": [{HI}]}}, {PAIR.replace("Hello.", "Hello.").replace(OK, OK[:-1] + ", " + chr(34) + "weight" + chr(34) + ": 1}")}}}',
        [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}'],
    ),
    ("last-not-assistant", chat(HI, OK, HI, HI), [GOOD]),
    (
        "tools-malformed",
        chat(HI, OK, more=', "tools": [{"name": "weather", "strict" : true}], "parallel_tool_calls": "True"'),
        [
            chat(
                HI,
                OK,
                more=', "tools": [{"type": "function", "function": {"name": "weather", "strict" : true}}], "parallel_tool_calls": true',
            )
        ],
    ),
    (
        "tools-malformed",
        chat(HI, OK, more=', "tools": [{"type": "function", "name": "weather"}]'),
        [chat(HI, OK, more=f', "tools": [{WEATHER}]')],
    ),
    ("tools-malformed", chat(HI, OK, more=', "tools": null'), [GOOD]),
    ("tools-malformed", chat(HI, OK, more=', "tools": [{"type": "function"}]'), None),
    ("tool-calls-malformed", chat(HI, OK[:-1] + ', "tool_calls": []}'), [GOOD]),
    (
        "tool-calls-malformed",
        calling(a_call().replace('"type": "function", ', "")),
        [calling(a_call().replace('"type": "function", ', "")[:-1] + ', "type": "function"}')],
    ),
    (
        "tool-calls-malformed",
        calling('{"id": "call_1", "type": "function", "function": {"name": "weather"}}'),
        [calling(a_call('"{}"'))],
    ),
    ("tool-calls-malformed", calling('{"id": "call_1"}'), None),
    ("tool-arguments-not-text", calling(a_call('{"city": 1.50}')), [calling(a_call())]),
    ("tool-arguments-not-json", calling(a_call('" "')), [calling(a_call('"{}"'))]),
    (
        "tool-arguments-not-json",
        calling(a_call("\"{'city': True}\"")),
        [calling(a_call(r'"{\"city\": true}"'))],
    ),
    ("tool-arguments-not-json", calling(a_call('"Paris"')), None),
    ("tool-call-id", calling(a_call(), '"tool_call_id": "call_9"'), [calling(a_call())]),
    ("tool-call-id", calling(f"{a_call()}, {a_call(call_id='call_2')}", '"tool_call_id": "call_9"'), None),
    (
        "tool-call-id-long",
        calling(a_call(call_id=LONG_ID), f'"tool_call_id": "{LONG_ID}"'),
        [calling(a_call(call_id="SHORT"), '"tool_call_id": "SHORT"')],
    ),
    ("tool-call-id-form", calling(a_call()), [calling(a_call(call_id="SHORT"), '"tool_call_id": "SHORT"')]),
    (
        "deprecated-functions",
        chat(
            HI,
            '{"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}}',
            '{"role": "function", "name": "weather", "content": "sunny"}',
            OK,
            more=', "functions": [{"name": "weather"}]',
        ),
        [
            chat(
                HI,
                '{"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]}',
                '{"role": "tool", "name": "weather", "content": "sunny", "tool_call_id": "call_1"}',
                OK,
                more=f', "tools": [{WEATHER}]',
            )
        ],
    ),
    (
        "deprecated-functions",
        chat(HI, '{"role": "function", "name": "weather", "content": "sunny"}', OK),
        None,
    ),
    ("input-not-object", f'{{"input": "Hi", {PAIR}}}', [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}']),
    ("input-not-object", f'{{"input": [{HI}], {PAIR}}}', [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}']),
    ("input-not-object", f'{{"input": 4, {PAIR}}}', None),
    (
        "output-count",
        f'{{"input": {{"messages": [{HI}]}}, {PAIR.replace(f"[{OK}]", OK)}}}',
        [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}'],
    ),
    (
        "output-count",
        f'{{"input": {{"messages": [{HI}]}}, {PAIR.replace(f"[{OK}]", chr(34) + "Hello." + chr(34))}}}',
        [f'{{"input": {{"messages": [{HI}]}}, {PAIR}}}'],
    ),
    ("completion-format", '{"prompt": "Hi ", "completion": " Hello."}', [GOOD]),
    (
        "value-not-text",
        '{"prompt": 3.10, "completion": "Hello."}',
        ['{"prompt": "3.10", "completion": "Hello."}'],
    ),
    (
        "image-address",
        chat('{"role": "user", "content": [{"type": "image_url", "image_url": "https://a.b/c.png"}]}', OK),
        [
            chat(
                '{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png"}}]}',
                OK,
            )
        ],
    ),
    (
        "image-address",
        chat(
            '{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png", "detail": "HIGH"}}]}',
            OK,
        ),
        [
            chat(
                '{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/c.png", "detail": "high"}}]}',
                OK,
            )
        ],
    ),
    (
        "image-address",
        chat(
            '{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///c.png"}}]}', OK
        ),
        None,
    ),
    (
        "control-characters",
        chat(HI, r'{"role": "assistant", "content": "\u001b[31mHe\bllo.\t"}'),
        [chat(HI, r'{"role": "assistant", "content": "Hello.\t"}')],
    ),
    ("invisible-characters", chat(HI, '{"role": "assistant", "content": "Hel\u200blo.\U000e0041"}'), [GOOD]),
    ("special-token", chat(HI, '{"role": "assistant", "content": "Hello.<|endoftext|>"}'), [GOOD]),
    ("special-token", chat(HI, '{"role": "assistant", "content": "The token <|endoftext|> ends it."}'), None),
    ("chat-markup", chat('{"role": "user", "content": "<|im_start|>Hi<|im_end|>"}', OK), [GOOD]),
]
