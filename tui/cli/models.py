"""`tunedeck models`: what can be trained and what can be talked to."""

from __future__ import annotations

from dataclasses import asdict

import click

from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.jobs.inventory import account_models
from tui.records.models import ModelInfo
from tui.services import Services


@click.command()
@click.option("--account", help="Only this account's.")
@click.option("--tuned", is_flag=True, help="Only fine-tuned models.")
@click.option("--trainable", is_flag=True, help="Only models on which a job can be created today.")
@json_option
def command(account: str | None, tuned: bool, trainable: bool, as_json: bool) -> None:
    """List the models of every account, with the day they stop answering."""
    with Services.open() as services:
        if account is not None:
            services.account(account)
        models = [
            model
            for model in _all_models(services, account)
            if (model.is_fine_tuned or not tuned) and (model.can_train or not trainable)
        ]
    if as_json:
        print_json([{**asdict(model), "is_fine_tuned": model.is_fine_tuned} for model in models])
    elif not models:
        say("No models. `tunedeck doctor` tests each account.")
    else:
        print_table(
            ["MODEL", "ACCOUNT", "TRAINED FROM", "TRAINABLE", "STOPS ON"],
            [
                [one.id, one.account, one.base_model or "-", "yes" if one.can_train else "no",
                 one.shutdown_date or "-"]
                for one in models
            ],
        )  # fmt: skip


def _all_models(services: Services, account: str | None) -> list[ModelInfo]:
    found: list[ModelInfo] = []
    for one in services.accounts():
        if account not in (None, one.name):
            continue
        try:
            models, note = account_models(services, one.name)
        except TunedeckError as error:
            models, note = services.store.models(one.name), error.message
        if note:
            narrate(note)
        found += models
    return found
