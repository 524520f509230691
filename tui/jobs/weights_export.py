"""Takes a tuned model of the local engine along: as PEFT adapter, merged weights, GGUF or for Ollama.

The weights are computed by the engine's own code in a process of its own; this module starts it, tells its
progress and puts each form in its place when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.errors import ExitCode, TunedeckError, is_out_of_space
from tui.jobs.model_card import BaseFacts, CardForm, model_card, read_base_facts
from tui.jobs.ports import JobServices
from tui.jobs.weights_found import PEFT_FILES, STORED_AS, Exportable, WeightsForm, WeightsPlan

CARD = "README.md"
_HEADROOM = 1.05
"""Times the weights that must be free: the tokenizer and the card want a little too."""

_LOADING = {
    WeightsForm.PEFT: CardForm(
        "peft",
        "```python\nfrom peft import PeftModel\nfrom transformers import AutoModelForCausalLM\n\n"
        "base = AutoModelForCausalLM.from_pretrained(BASE)  # a folder or hub name of the base model\n"
        "model = PeftModel.from_pretrained(base, FOLDER)  # this folder\n```\n\n"
        "The adapter was trained on the base file named below; with a base of other precision the answers "
        "differ a little.",
    ),
    WeightsForm.MERGED: CardForm(
        "transformers",
        "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
        "model = AutoModelForCausalLM.from_pretrained(FOLDER)  # this folder\n"
        "tokenizer = AutoTokenizer.from_pretrained(FOLDER)\n```",
    ),
    WeightsForm.GGUF: CardForm("gguf", "```sh\nllama-cli -m model.gguf -cnv\n```"),
    WeightsForm.OLLAMA: CardForm("gguf", "```sh\nollama create NAME -f Modelfile\nollama run NAME\n```"),
}


@dataclass(frozen=True, slots=True)
class ExportedForm:
    """One form, whole and in its place."""

    form: WeightsForm
    folder: Path
    stored: str
    files: tuple[tuple[str, int], ...]
    """(name, bytes)."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        files = [{"name": name, "bytes": size} for name, size in self.files]
        return {"form": self.form.value, "folder": str(self.folder), "stored_as": self.stored, "files": files}


def export_weights(
    services: JobServices,
    found: Exportable,
    forms: Sequence[WeightsForm],
    target: Path,
    *,
    stored: Mapping[WeightsForm, str] | None = None,
    overwrite: bool = False,
    on_progress: Callable[[WeightsForm, int, int], None] = lambda form, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[ExportedForm]:
    """Write each form into a folder of its name below `target`, whole or not at all, and return them.

    Args:
        services: The store is asked for what the model card says.
        found: From `find_exportable`.
        forms: Which; the GGUF file is written once for both of its forms.
        target: Made if it is not there.
        stored: How the numbers of a form are stored; its usual way where nothing is said.
        overwrite: Replace a form that is there already.
        on_progress: Called with a form, tensors done and in all.
        cancelled: Asked between tensors; what was not whole by then is gone.

    Raises:
        TunedeckError: A form is there already, there is too little room, or it can't be written.
    """
    ways = {form: (stored or {}).get(form) or STORED_AS[form][0] for form in dict.fromkeys(forms)}
    if WeightsForm.OLLAMA in ways:
        ways.pop(WeightsForm.GGUF, None)  # its folder holds the same file, with a Modelfile beside it
    _refuse_before_work(found, ways, target, overwrite)
    facts = read_base_facts(found.base)
    done: list[ExportedForm] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for form, way in ways.items():
            place = target / form.value
            with _room_beside(place) as work:
                if form is WeightsForm.PEFT:
                    _copy_adapter(found, work)
                    on_progress(form, 1, 1)
                else:
                    _compute(found, facts, form, way, work, on_progress, cancelled)
                text = model_card(
                    services, found.job, facts, _LOADING[form], model=found.model, step=found.step
                )
                (work / CARD).write_text(text, "utf-8")
                if place.exists():
                    shutil.rmtree(place)
                os.replace(work, place)
            sizes = sorted((one.name, one.stat().st_size) for one in place.iterdir())
            done.append(ExportedForm(form, place, way, tuple(sizes)))
    except OSError as error:
        what = (
            "The disk is full." if is_out_of_space(error) else f"{target} can't be written: {error.strerror}."
        )
        raise TunedeckError(what, "Free some space, or choose another folder.") from None
    return done


def writer(
    services: JobServices,
) -> Callable[[WeightsPlan, Callable[[str, int, int], None], Callable[[], bool]], list[ExportedForm]]:
    """Return what writes a plan, tells (what, done, in all), and asks whether to stop."""

    def write(
        plan: WeightsPlan, tell: Callable[[str, int, int], None], cancelled: Callable[[], bool]
    ) -> list[ExportedForm]:
        return export_weights(
            services,
            plan.found,
            [plan.form],
            plan.target,
            stored={plan.form: plan.stored},
            on_progress=lambda form, done, total: tell(f"Writing {form.value}", done, total),
            cancelled=cancelled,
        )

    return write


def _refuse_before_work(
    found: Exportable, ways: Mapping[WeightsForm, str], target: Path, overwrite: bool
) -> None:
    for form, way in ways.items():
        if form is not WeightsForm.PEFT and not found.can_be_merged:
            raise TunedeckError(
                f"The base model {found.base.name} is kept as TRL reads it, so tunedeck can't merge into it.",
                "Write the adapter, --as peft: vLLM loads it so, and PEFT's merge_and_unload merges it.",
            )
        if way not in STORED_AS[form]:
            raise TunedeckError(
                f"{form.value} is not stored as {way}.", f"Choose of {', '.join(STORED_AS[form])}."
            )
        if (target / form.value).exists() and not overwrite:
            raise TunedeckError(
                f"{target / form.value} is there already.", "Name another folder, or replace it: --overwrite"
            )
    wanted = int(sum(found.bytes_of(form, way) for form, way in ways.items()) * _HEADROOM)
    nearest = next(one for one in (target, *target.absolute().parents) if one.exists())
    free = shutil.disk_usage(nearest).free
    if free < wanted:
        raise TunedeckError(
            f"The export takes about {wanted / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free there.",
            "Free some space, choose fewer forms, or another folder.",
        )


@contextmanager
def _room_beside(place: Path) -> Iterator[Path]:
    """Give an empty folder beside a place; what was not moved by the end is gone."""
    work = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _copy_adapter(found: Exportable, work: Path) -> None:
    for name in PEFT_FILES:
        shutil.copyfile(found.adapter / name, work / name)
    for name in ("tokenizer.json", "chat_template.jinja"):
        with suppress(FileNotFoundError):
            shutil.copyfile(found.base / name, work / name)


def _compute(
    found: Exportable,
    facts: BaseFacts,
    form: WeightsForm,
    way: str,
    work: Path,
    on_progress: Callable[[WeightsForm, int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    told = {
        "form": form.value, "base": str(found.base), "adapter": str(found.adapter), "target": str(work),
        "stored": way, "title": found.model, "licence": facts.licence,
    }  # fmt: skip
    last: Mapping[str, Any] = {}
    with tempfile.TemporaryFile() as words, subprocess.Popen(
        [sys.executable, "-m", "tui.engine.export"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, env=_environment(),
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            with suppress(BrokenPipeError):  # it ended at once; its code says so below
                child.stdin.write(json.dumps(told).encode())
                child.stdin.close()
            for line in child.stdout:
                last = json.loads(line)
                if cancelled():
                    raise TunedeckError(
                        f"The export was stopped; {form.value} is not written.",
                        exit_code=ExitCode.INTERRUPTED,
                    )
                if "done" in last:
                    on_progress(form, int(last["done"]), int(last["total"]))
        except BaseException:
            child.kill()
            raise
    if child.returncode:
        raise _failed(last, child.returncode)


def _failed(last: Mapping[str, Any], code: int) -> TunedeckError:
    if "error" in last:
        return TunedeckError(str(last["error"]), str(last.get("remedy") or ""))
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return TunedeckError(
        f"The exporting process ended with {how}.", "It may have run out of memory: close other programs."
    )


def _environment() -> dict[str, str]:
    """Return this process's, with where it found the program."""
    root = str(Path(__file__).parents[2])
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH")))),
    }  # fmt: skip
