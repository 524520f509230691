"""What people do today to look over a chat file: `python -m benchmarks.scan_rivals WHAT FILE`.

`notebook` is the logic of OpenAI's published notebook on preparing chat data, written anew: every row is
parsed into memory, checked for the notebook's handful of formal errors, and every message counted with
tiktoken, the assistant's a second time. One thing is kinder than the original, which ends with the first line
that is no JSON and with text that spells a special token: here both are passed over, so that it reaches the
end. `batch` gives all texts to tiktoken's own call for many texts, with two threads. `together` is the check
of Together's client, if that is installed (version 1 or later).
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.datasets.vocabulary import encoder

_KEYS = ("role", "content", "name", "function_call", "weight")
_ROLES = ("system", "user", "assistant", "function")


def read_all(path: Path) -> list[Any]:
    """Return every row, as the notebook keeps them."""
    rows = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                rows.append(json.loads(line))
            except ValueError:
                rows.append(None)
    return rows


def notebook(path: Path) -> dict[str, Any]:
    """Check and count a file as the notebook does."""
    rows = read_all(path)
    errors: Counter[str] = Counter()
    for row in rows:
        errors.update(errors_of(row))
    encoding = encoder("o200k_base")
    lengths, assistant = [], []
    for row in rows:
        messages = row.get("messages") if isinstance(row, dict) else None
        lengths.append(tokens_of(messages, encoding))
        assistant.append(assistant_tokens_of(messages, encoding))
    return {"rows": len(rows), "errors": dict(errors), "tokens": sum(lengths), "assistant": sum(assistant)}


def errors_of(row: Any) -> Iterator[str]:
    """Yield the notebook's names of what is wrong with a row."""
    if not isinstance(row, dict):
        yield "data_type"
        return
    messages = row.get("messages")
    if not messages:
        yield "missing_messages_list"
        return
    for message in messages:
        if "role" not in message or "content" not in message:
            yield "message_missing_key"
        if any(key not in _KEYS for key in message):
            yield "message_unrecognized_key"
        if message.get("role") not in _ROLES:
            yield "unrecognized_role"
        content = message.get("content")
        if (not content and not message.get("function_call")) or not isinstance(content, str):
            yield "missing_content"
    if not any(message.get("role") == "assistant" for message in messages):
        yield "example_missing_assistant_message"


def tokens_of(messages: Any, encoding: Any) -> int:
    """Return a row's tokens: three of framing for each message and for the row, and every text."""
    total = 3
    for message in messages or []:
        total += 3
        for key, value in message.items():
            if isinstance(value, str):
                total += len(encoding.encode(value, disallowed_special=())) + (key == "name")
    return total


def assistant_tokens_of(messages: Any, encoding: Any) -> int:
    """Return the tokens of a row's answers."""
    answers = (message for message in messages or [] if message.get("role") == "assistant")
    texts = (answer.get("content") for answer in answers)
    return sum(len(encoding.encode(text, disallowed_special=())) for text in texts if isinstance(text, str))


def batch(path: Path) -> dict[str, Any]:
    """Count a file with tiktoken's call for many texts, a thousand rows at a time."""
    encoding = encoder("o200k_base")
    total = rows = 0
    texts: list[str] = []
    with path.open("rb") as file:
        for line in file:
            rows += 1
            try:
                messages = json.loads(line)["messages"]
                texts += [message["content"] for message in messages if "content" in message]
            except (ValueError, KeyError, TypeError):
                continue
            if rows % 1_000 == 0:
                total += sum(map(len, encoding.encode_ordinary_batch(texts, num_threads=2)))
                texts = []
    total += sum(map(len, encoding.encode_ordinary_batch(texts, num_threads=2)))
    return {"rows": rows, "tokens": total}


def together_check() -> Any:
    """Return Together's check of a local file, or None where its client is not installed."""
    for module, name in (("together.utils.files", "check_file"), ("together.lib.utils.files", "check_file")):
        try:
            return getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            continue
    return None


def together(path: Path) -> dict[str, Any]:
    """Check a file with Together's client."""
    check = together_check()
    if check is None:
        raise SystemExit("Together's client is not installed.")
    found = check(path)
    return {"passed": found.get("is_check_passed"), "message": str(found.get("message"))[:200]}


def main() -> int:
    """Run one rival on one file and print what it found."""
    rivals = {"notebook": notebook, "batch": batch, "together": together}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=rivals)
    parser.add_argument("file", type=Path)
    chosen = parser.parse_args()
    print(json.dumps(rivals[chosen.what](chosen.file)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
