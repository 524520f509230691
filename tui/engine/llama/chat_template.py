"""Turns messages into the text a model was trained on, by the template that came with the model.

Templates are code written by others: they run in Jinja's immutable sandbox and see only messages and tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
import jinja2.ext
import jinja2.meta
import jinja2.sandbox

from tui.errors import TunedeckError

Message = Mapping[str, Any]

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""The most common format; taken for a model that brings no template."""

TOOLS_INTRODUCTION = (
    "You can call the tools below. To call one, answer with "
    '<tool_call>{"name": "...", "arguments": {...}}</tool_call>.'
)
"""Precedes the tools in the system text of a model whose own template has no place for them."""

_GENERATION_TAGS = re.compile(r"{%-?\s*(end)?generation\s*-?%}")
"""Marks that only transformers' training code knows."""


class ChatTemplate:
    """A compiled chat template.

    Args:
        source: Jinja text.
        variables: What the template may ask beside messages, such as `bos_token`.
    """

    def __init__(self, source: str, variables: Mapping[str, str]) -> None:
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols]
        )
        environment.filters["tojson"] = _plain_json
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = lambda pattern: datetime.now().astimezone().strftime(pattern)
        cleaned = _GENERATION_TAGS.sub("", source)
        try:
            asked = jinja2.meta.find_undeclared_variables(environment.parse(cleaned))
            self._template = environment.from_string(cleaned)
        except jinja2.TemplateError as error:
            raise TunedeckError(f"The model's chat template can't be read: {error}.") from error
        self.source = source
        self._variables = dict(variables)
        self._takes_tools = "tools" in asked
        self._takes_tool_calls = "tool_calls" in cleaned

    def render(
        self, messages: Sequence[Message], tools: Sequence[Any] | None, add_generation_prompt: bool
    ) -> str:
        """Return the conversation as text.

        Raises:
            TunedeckError: The template refuses these messages, in its own words.
        """
        plain = [self._plain_message(message) for message in messages]
        if tools and not self._takes_tools:
            plain = _with_tools_in_system_text(plain, tools)
        try:
            return self._template.render(
                messages=plain,
                tools=list(tools) if tools and self._takes_tools else None,
                add_generation_prompt=add_generation_prompt,
                **self._variables,
            )
        except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
            raise TunedeckError(f"The model's chat template refuses the messages: {error}.") from error

    def _plain_message(self, message: Message) -> dict[str, Any]:
        """Reduce a message to what templates know: a role, text, and tool calls where it takes them."""
        role = {"developer": "system", "function": "tool"}.get(str(message.get("role")), message.get("role"))
        plain: dict[str, Any] = {"role": str(role), "content": text_of(message.get("content"))}
        calls = tool_calls_of(message)
        if calls and self._takes_tool_calls:
            plain["tool_calls"] = [{"type": "function", "function": call} for call in calls]
        elif calls:
            lines = [f"<tool_call>{_plain_json(call)}</tool_call>" for call in calls]
            plain["content"] = "\n".join([plain["content"], *lines] if plain["content"] else lines)
        for key in ("name", "tool_call_id"):
            if isinstance(message.get(key), str):
                plain[key] = message[key]
        return plain


def text_of(content: object) -> str:
    """Return the text of a message's content: a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    parts = (
        part if isinstance(part, str) else part.get("text")
        for part in content
        if isinstance(part, str | Mapping)
    )
    return "".join(part for part in parts if isinstance(part, str))


def tool_calls_of(message: Message) -> list[dict[str, Any]]:
    """Return name and arguments of each call; arguments parsed, for templates write the JSON."""
    functions = [
        call.get("function") for call in message.get("tool_calls") or () if isinstance(call, Mapping)
    ]
    if isinstance(message.get("function_call"), Mapping):
        functions.append(message["function_call"])
    return [
        {"name": str(function.get("name", "")), "arguments": _parsed(function.get("arguments"))}
        for function in functions
        if isinstance(function, Mapping)
    ]


def _parsed(arguments: object) -> object:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def _with_tools_in_system_text(messages: list[dict[str, Any]], tools: Sequence[Any]) -> list[dict[str, Any]]:
    listing = "\n".join([TOOLS_INTRODUCTION, "<tools>", *(_plain_json(tool) for tool in tools), "</tools>"])
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{listing}".lstrip("\n")}
        return [first, *messages[1:]]
    return [{"role": "system", "content": listing}, *messages]


def _plain_json(value: object, indent: int | None = None, **_: object) -> str:
    """Write JSON as transformers' templates expect it: readable text, no HTML escapes."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)
