"""`tunedeck augment`: training rows said otherwise, proposed beside those that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tui.cli.making import lines_of, make, temperatures_of
from tui.cli.output import json_option

_KINDS = ("paraphrase", "noise", "persona", "translation")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--kind", "-k", type=click.Choice(_KINDS), required=True, help="How rows are changed.")
@click.option("--lines", callback=lines_of, metavar="LINES", help="Only these lines: 3,7,10-12.")
@click.option("--model", "-m", default="", help="Who rewrites them; noise needs none.")
@click.option("--account", help="Whose model it is; left out, found by name.")
@click.option(
    "--count", "-n", type=click.IntRange(1, 10_000), help="Rows that are wanted; each once unless said."
)
@click.option("--into", type=click.Path(path_type=Path), help="The training file; FILE unless said.")
@click.option("--persona", default="", help="Who the user is; without it six are taken in turn.")
@click.option("--language", default="", help="Of a translation, such as French.")
@click.option(
    "--answers", type=click.Choice(["keep", "translate", "again"]),
    help="What becomes of answers; kept unless said, and translated with a translation.",
)  # fmt: skip
@click.option("--task", "-t", default="", help="What answers that are written again have to do.")
@click.option(
    "--temperatures", default="0.4,0.7", show_default=True, callback=temperatures_of,
    help="Of the askings in turn.",
)  # fmt: skip
@click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, help="Of one answer.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another one makes other rows.")
@click.option(
    "--validation", type=click.Path(path_type=Path), multiple=True, help="Held-out rows to keep clear of."
)
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once it would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def command(file: Path, as_json: bool, dry_run: bool, yes: bool, **options: Any) -> int:
    """Propose changed copies of FILE's rows; a person keeps, edits or rejects each (`tunedeck review`).

    paraphrase: the question in other words, the answer kept. noise: slips of the keyboard in the question,
    made on this machine without a model, the answer kept. persona: the question as somebody else would put
    it, the answer kept. translation: question and answer in another language; with `--answers keep` the
    question alone, as for labels. `--answers again` lets the model write the answer anew, which you must
    look at with more care.

    Exit codes: 0 done; 1 fewer rows than wanted, stopped or capped; 2 wrong use or unreachable;
    130 interrupted.
    """
    from tui.cli.eval import amount_of
    from tui.proposals.definition import Answers
    from tui.proposals.setup import MakingWish
    from tui.records.proposals import MakingKind

    kind = MakingKind(options["kind"])
    detail = options["language"] if kind is MakingKind.TRANSLATION else options["persona"]
    wish = MakingWish(
        kind=kind, target=options["into"], task=options["task"], examples=file, lines=options["lines"],
        model=options["model"], account=options["account"], count=options["count"],
        temperatures=options["temperatures"], max_tokens=options["max_tokens"], seed=options["seed"],
        detail=detail, answers=Answers(options["answers"]) if options["answers"] else None,
        validation=options["validation"], max_cost=amount_of(options["max_cost"]), at_once=options["at_once"],
    )  # fmt: skip
    return make(wish, dry_run=dry_run, yes=yes, as_json=as_json)
