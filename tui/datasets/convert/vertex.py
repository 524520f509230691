"""Vertex contents (role user/model, parts, functionCall) to messages and back.

Source of the form: Google's "Prepare supervised fine-tuning data for Gemini models", read 2026-11-25:
contents with role and parts of text or fileData, systemInstruction with parts, whose role is ignored.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any

from tui.datasets.convert.example import Example, Message
from tui.datasets.convert.losses import LossList, RowProblem
from tui.datasets.convert.turns import CallIds, make_call, parsed_json
from tui.datasets.quoting import json_text, quoted

_OUTPUT = "output"
"""Key under which a tool's answer stands when it is no JSON object."""


def read_content(turn: Mapping[str, Any], ids: CallIds, losses: LossList) -> list[Message]:
    """Return the messages of one content: text and calls, or one message for each tool answer.

    Raises:
        RowProblem: Its parts are no list.
    """
    parts, speaker = turn.get("parts"), turn.get("role", "user")
    if not isinstance(parts, list):
        raise RowProblem(f"parts is no list: {quoted(parts, 40)}")
    role = {"user": "user", "model": "assistant", "system": "system", "function": "user", "tool": "user"}.get(
        str(speaker)
    )
    if role is None:
        losses.note("role", str(speaker), "not known, the turn is left out")
        return []
    for key in turn.keys() - {"role", "parts"}:
        losses.note("message key", key)
    content: list[dict[str, Any]] = []
    calls: list[dict[str, Any]] = []
    answers: list[Message] = []
    for part in parts:
        _read_part(part, role, content, calls, answers, ids, losses)
    messages = answers
    if content or calls or not answers:
        message: Message = {"role": role}
        if content or not calls:
            message["content"] = _content(content)
        if calls:
            message["tool_calls"] = calls
        messages = [*answers, message]
    return messages


def _content(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if not parts:
        return ""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts


def _read_part(
    part: object,
    role: str,
    content: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    answers: list[Message],
    ids: CallIds,
    losses: LossList,
) -> None:
    if not isinstance(part, dict):
        losses.note("part", quoted(part, 40))
        return
    call = part.get("functionCall", part.get("function_call"))
    answer = part.get("functionResponse", part.get("function_response"))
    if isinstance(part.get("text"), str):
        if part.get("thought"):
            losses.note("part", "thought")
        else:
            content.append({"type": "text", "text": part["text"]})
    elif isinstance(call, dict) and isinstance(call.get("name"), str):
        calls.append(make_call(ids.new(call["name"]), call["name"], call.get("args") or {}))
    elif isinstance(answer, dict):
        answers.append(_read_answer(answer, ids))
    elif (image := _read_image(part)) is not None and role == "user":
        content.append(image)
    else:
        losses.note("part", ", ".join(part) or "empty")


def _read_answer(answer: Mapping[str, Any], ids: CallIds) -> Message:
    name = str(answer.get("name", ""))
    call_id = ids.answered(name) or ids.answered()
    if call_id is None:
        raise RowProblem(f'the answer of "{name}" follows no call of it')
    response = answer.get("response")
    if isinstance(response, dict) and response.keys() == {_OUTPUT} and isinstance(response[_OUTPUT], str):
        text = response[_OUTPUT]
    else:
        text = response if isinstance(response, str) else json_text(response)
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def _read_image(part: Mapping[str, Any]) -> dict[str, Any] | None:
    inline = part.get("inlineData", part.get("inline_data"))
    if isinstance(inline, dict) and isinstance(inline.get("data"), str):
        kind = inline.get("mimeType", inline.get("mime_type", ""))
        if str(kind).startswith("image/"):
            return {"type": "image_url", "image_url": {"url": f"data:{kind};base64,{inline['data']}"}}
    file = part.get("fileData", part.get("file_data"))
    if isinstance(file, dict):
        address = file.get("fileUri", file.get("file_uri"))
        kind = str(file.get("mimeType", file.get("mime_type", "image/")))
        # A gs: address is nothing that other services can fetch; it stays, and is told by the check.
        if isinstance(address, str) and kind.startswith("image/"):
            return {"type": "image_url", "image_url": {"url": address}}
    return None


def system_text(value: object) -> str | None:
    """Return the text of a systemInstruction; None when it is none."""
    if isinstance(value, dict):
        value = value.get("parts", value.get("content"))
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list):
        texts = [part.get("text") if isinstance(part, dict) else part for part in value]
        return "\n".join(text for text in texts if isinstance(text, str))
    return value if isinstance(value, str) else None


def write_vertex(example: Example, losses: LossList) -> dict[str, Any]:
    """Return an example as Vertex wants it.

    Raises:
        RowProblem: It holds what can't be said there.
    """
    row: dict[str, Any] = {}
    messages = list(example.messages)
    system: list[dict[str, Any]] = []
    while messages and messages[0]["role"] in ("system", "developer"):
        head = messages.pop(0)
        if head["role"] == "developer":
            losses.note("role", "developer", "written as system instruction")
        system.append({"text": _text(head, losses)})
    if len(system) > 1:
        losses.note("system message", "", "several became one instruction")
    if system:
        row["systemInstruction"] = {"role": "system", "parts": system}
    row["contents"] = _contents(messages, losses)
    if example.tools:
        row["tools"] = [{"functionDeclarations": [_declaration(tool, losses) for tool in example.tools]}]
    return row


def _contents(messages: list[Message], losses: LossList) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    ids = CallIds()
    names: dict[str, str] = {}
    for message in messages:
        _note_lost_keys(message, losses)
        role = message["role"]
        if role in ("system", "developer"):
            losses.note("system message", "", "left out in the middle of a conversation")
        elif role == "user":
            contents.append({"role": "user", "parts": _user_parts(message, losses)})
        elif role == "tool":
            part = _answer_part(message, names, ids, losses)
            if contents and "functionResponse" in contents[-1]["parts"][-1]:
                contents[-1]["parts"].append(part)
            else:
                contents.append({"role": "user", "parts": [part]})
        else:
            contents.append({"role": "model", "parts": _model_parts(message, names, ids, losses)})
    return contents


def _note_lost_keys(message: Message, losses: LossList) -> None:
    for key in message.keys() & {"name", "reasoning", "audio"}:
        losses.note("message key", key)
    if message.get("weight") == 0:
        losses.note("weight", "", "0 is left out: Vertex learns every answer")


def _text(message: Message, losses: LossList) -> str:
    content = message.get("content")
    if isinstance(content, list):
        losses.note("content parts", "", "joined to one text")
        return "\n".join(part.get("text", "") for part in content)
    return content or ""


def _user_parts(message: Message, losses: LossList) -> list[dict[str, Any]]:
    content = message.get("content")
    if not isinstance(content, list):
        return [{"text": content or ""}]
    if len(content) < 2 and all(part["type"] == "text" for part in content):
        losses.note("content parts", "", "a list of one text became the text")
    parts = []
    for part in content:
        if part["type"] == "text":
            parts.append({"text": part["text"]})
        elif part["type"] == "image_url":
            parts.append(_image_part(part["image_url"], losses))
        else:
            losses.note("content part", part["type"])
    return parts or [{"text": ""}]


def _image_part(image: Mapping[str, Any], losses: LossList) -> dict[str, Any]:
    address: str = image["url"]
    if "detail" in image:
        losses.note("image detail")
    if address.startswith("data:"):
        kind, _, data = address[5:].partition(";base64,")
        return {"inlineData": {"mimeType": kind, "data": data}}
    if not address.startswith("gs://"):
        losses.note("image", "http", "kept, but Vertex reads images from gs:// only")
    kind = mimetypes.guess_type(address)[0] or "image/png"
    return {"fileData": {"mimeType": kind, "fileUri": address}}


def _model_parts(
    message: Message, names: dict[str, str], ids: CallIds, losses: LossList
) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    text = _text(message, losses)
    if message.get("refusal"):
        losses.note("refusal", "", "became plain text")
        text = text or str(message["refusal"])
    calls = message.get("tool_calls") or []
    if text or not calls:
        parts.append({"text": text})
    for call in calls:
        function = call["function"]
        arguments = parsed_json(function["arguments"])
        if not isinstance(arguments, dict):
            raise RowProblem(
                f'the arguments of "{function["name"]}" are no JSON object, as Vertex needs them'
            )
        if json_text(arguments) != function["arguments"]:
            losses.note("tool arguments", "", "written anew: spaces may differ")
        if call["id"] != ids.new(function["name"]):
            losses.note("tool call id", "", "calls are matched by name and order")
        names[call["id"]] = function["name"]
        parts.append({"functionCall": {"name": function["name"], "args": arguments}})
    return parts


def _answer_part(
    message: Message, names: Mapping[str, str], ids: CallIds, losses: LossList
) -> dict[str, Any]:
    call_id = message.get("tool_call_id", "")
    if call_id not in names:
        raise RowProblem("a tool message answers no call before it")
    if ids.answered(names[call_id]) != call_id:
        losses.note("tool call id", "", "calls are matched by name and order")
    text = _text(message, losses)
    parsed = parsed_json(text)
    if not isinstance(parsed, dict) or parsed.keys() == {_OUTPUT}:
        parsed = {_OUTPUT: text}
    elif json_text(parsed) != text:
        losses.note("tool answer", "", "written anew: spaces may differ")
    return {"functionResponse": {"name": names[call_id], "response": parsed}}


def _declaration(tool: object, losses: LossList) -> dict[str, Any]:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RowProblem("a tool definition has no function with a name")
    for key in function.keys() - {"name", "description", "parameters"}:
        losses.note("tool key", key)
    return {key: function[key] for key in ("name", "description", "parameters") if key in function}
