"""`python -m tui.engine.export FORM` writes one form of a tuned model, told as JSON on stdin.

It tells its progress as JSON lines on stdout, so that whoever started it can show it, and stops when it is
ended: the folder that it writes into belongs to its caller, who throws a half one away.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.errors import ExitCode, TunedeckError, is_out_of_space

GGUF_NAME, MODELFILE = "model.gguf", "Modelfile"


def main() -> int:
    """Write and return the exit code; the last line holds `error` and `remedy` when it failed."""
    try:
        _write(json.loads(sys.stdin.read()))
    except TunedeckError as error:
        _tell({"error": error.message, "remedy": error.remedy})
        return ExitCode.BAD
    except MemoryError:
        _tell(
            {"error": "There is not enough memory to export this model.", "remedy": "Close other programs."}
        )
        return ExitCode.BAD
    except OSError as error:
        full = is_out_of_space(error)
        _tell({"error": "The disk is full." if full else f"The export can't be written: {error.strerror}.",
               "remedy": "Free some space, or choose another folder: --to"})  # fmt: skip
        return ExitCode.BAD
    return ExitCode.DONE


def _write(told: Mapping[str, Any]) -> None:
    # Imported here so that a missing library is told as an error like any other.
    from tui.engine.export.gguf_file import write_gguf
    from tui.engine.export.hugging_face import write_merged
    from tui.engine.export.merge import fits_float16
    from tui.engine.export.ollama import modelfile
    from tui.engine.llama.base_model import load_base_model
    from tui.engine.llama.peft_files import load_peft

    base_folder, target = Path(told["base"]), Path(told["target"])
    base = load_base_model(base_folder)
    adapter = load_peft(Path(told["adapter"]), base.config) if told.get("adapter") else None
    stored = str(told["stored"])
    if stored in ("float16", "f16") and not fits_float16(base, adapter):
        raise TunedeckError(
            f"A weight of this model is too large for {stored}.",
            "Store it as float32 (--dtype float32) or f32.",
        )
    if told["form"] == "merged":
        write_merged(base, base_folder, adapter, target, stored, _on_step)
        return
    write_gguf(base, base_folder, adapter, target / GGUF_NAME, quantisation=stored, title=str(told["title"]),
               on_step=_on_step)  # fmt: skip
    if told["form"] == "ollama":
        (target / MODELFILE).write_text(modelfile(base, GGUF_NAME, told.get("licence")), "utf-8")


def _on_step(done: int, total: int) -> None:
    _tell({"done": done, "total": total})


def _tell(fields: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
