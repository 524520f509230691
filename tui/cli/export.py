"""`tunedeck export`: the weights of a tuned model, in the forms that other programs load."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.job_lookup import account_option, find_job, job_argument
from tui.cli.output import json_option, narrate, print_json, say
from tui.jobs.weights_found import STORED_AS, WeightsForm, find_exportable
from tui.services import Services


@click.command()
@job_argument
@account_option
@click.option(
    "--as",
    "forms",
    multiple=True,
    type=click.Choice([form.value for form in WeightsForm]),
    default=[WeightsForm.PEFT.value],
    show_default=True,
    help="peft: the adapter alone; merged: a folder for transformers and vLLM; gguf: a file for llama.cpp; "
    "ollama: that file with a Modelfile. May be given several times.",
)
@click.option(
    "--checkpoint", type=int, metavar="STEP", help="The checkpoint of this step, not the model itself."
)
@click.option(
    "--dtype",
    type=click.Choice(STORED_AS[WeightsForm.MERGED]),
    help="How merged weights are stored; float16 when left out.",
)
@click.option(
    "--quantisation",
    type=click.Choice(STORED_AS[WeightsForm.GGUF]),
    help="How weights in a GGUF file are stored; f16 when left out.",
)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that gets one folder per form; one named after the job when left out.",
)
@click.option("--overwrite", is_flag=True, help="Replace a form that is there already.")
@json_option
def command(
    job_id: str,
    account: str | None,
    forms: tuple[str, ...],
    checkpoint: int | None,
    dtype: str | None,
    quantisation: str | None,
    to: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Write the weights of JOB's model into folders that other programs load, each with a model card.

    Works for jobs of the local engine on this machine; `tunedeck archive` fetches the weights of services
    that give them out.
    """
    from tui.jobs.weights_export import export_weights

    stored = {WeightsForm.MERGED: dtype, WeightsForm.GGUF: quantisation, WeightsForm.OLLAMA: quantisation}
    with Services.open() as services:
        found = find_exportable(find_job(services, job_id, account), checkpoint)
        target = to or Path(found.folder_name)
        told: set[WeightsForm] = set()

        def tell(form: WeightsForm, done: int, total: int) -> None:
            if form not in told:
                told.add(form)
                narrate(f"Writing {form.value}")

        done = export_weights(
            services,
            found,
            [WeightsForm(form) for form in forms],
            target,
            stored={form: way for form, way in stored.items() if way},
            overwrite=overwrite,
            on_progress=tell,
        )
    if as_json:
        print_json({"job": found.job.id, "model": found.model, "base_model": found.base.name,
                    "forms": [one.as_json() for one in done]})  # fmt: skip
        return
    for one in done:
        say(f"{one.form.value} ({one.stored}): {sum(size for _, size in one.files):,} bytes in {one.folder}")
