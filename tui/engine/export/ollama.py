"""A Modelfile: what Ollama wants to know beside the GGUF file, so that it asks as the model was trained."""

from __future__ import annotations

from tui.engine.llama.base_model import BaseModel

_PROBE = "tunedeck-probe"
_CHATML = """{{- range .Messages }}<|im_start|>{{ .Role }}
{{ .Content }}<|im_end|>
{{ end }}<|im_start|>assistant
"""
_LLAMA3 = """<|begin_of_text|>{{- range .Messages }}<|start_header_id|>{{ .Role }}<|end_header_id|>

{{ .Content }}<|eot_id|>{{ end }}<|start_header_id|>assistant<|end_header_id|>

"""
_USUAL_STOPS = ("<|im_end|>", "<|eot_id|>")


def modelfile(base: BaseModel, gguf_name: str, licence: str | None) -> str:
    """Return the text of a Modelfile.

    The template is told only where it was recognised by what it renders: Ollama's own language has no way
    to say every Jinja template, and a wrong one would make the model look untrained.

    Args:
        base: The model that was tuned; its template is asked.
        gguf_name: File name of the weights beside the Modelfile.
        licence: The base model's, in a word.
    """
    asked = base.tokenizer.render([{"role": "user", "content": _PROBE}])
    lines = ["# ollama create NAME -f Modelfile", f"FROM ./{gguf_name}", ""]
    template, system = _recognised(asked)
    if template is None:
        lines += [
            "# The chat template stands in the GGUF file; Ollama takes the one that it recognises there.",
            "",
        ]
    else:
        lines += [f'TEMPLATE """{template}"""', ""]
    if system:
        lines += [
            "# What the model was given where a conversation had no system prompt.",
            f'SYSTEM """{system}"""',
            "",
        ]
    stops = [stop for stop in _USUAL_STOPS if stop in asked] or _end_texts(base)
    lines += [f'PARAMETER stop "{stop}"' for stop in stops]
    lines += [f"PARAMETER num_ctx {base.config.context_length}"]
    if licence:
        lines += ["", f'LICENSE """{licence}"""']
    return "\n".join(lines) + "\n"


def _recognised(asked: str) -> tuple[str | None, str]:
    """Return Ollama's form of the template that wrote `asked`, and the system prompt that it put there."""
    turn = f"<|im_start|>user\n{_PROBE}<|im_end|>\n<|im_start|>assistant\n"
    if asked == turn:
        return _CHATML, ""
    opening, closing = "<|im_start|>system\n", "<|im_end|>\n" + turn
    if asked.startswith(opening) and asked.endswith(closing):
        return _CHATML, asked[len(opening) : -len(closing)].replace('"""', "'''")
    header = "<|start_header_id|>{}<|end_header_id|>\n\n"
    llama3 = f"<|begin_of_text|>{header.format('user')}{_PROBE}<|eot_id|>{header.format('assistant')}"
    return (_LLAMA3, "") if asked == llama3 else (None, "")


def _end_texts(base: BaseModel) -> list[str]:
    return [
        base.tokenizer.token_bytes(number).decode("utf-8", "replace") for number in base.config.end_token_ids
    ]
