"""`tunedeck arms`: should I fine-tune at all? A long prompt, nearest examples, the tuned model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import settled_unasked
from tui.cli.eval import amount_of
from tui.cli.output import ProgressLine, confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode

if TYPE_CHECKING:
    from tui.evals.arms.setup import ArmsWish
    from tui.evals.test_set import TestSet
    from tui.services import Services


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", "-m", required=True, help="The tuned model.")
@click.option("--against", default="base", show_default=True, help="Who gets the prompt and the examples.")
@click.option(
    "--check", "checks", multiple=True, metavar="CHECK", help="How answers are judged; may be repeated."
)
@click.option("--training", type=click.Path(path_type=Path), help="What it was trained on, where not known.")
@click.option("--prompt", type=click.Path(path_type=Path), help="The long prompt; the rows' own unless said.")
@click.option(
    "--examples", type=click.IntRange(1, 50), default=4, show_default=True, help="Nearest rows in a prompt."
)
@click.option(
    "--nearest", default="words", show_default=True, metavar="HOW",
    help="words, the id of a model that embeds, or model2vec:FOLDER.",
)  # fmt: skip
@click.option("--nearest-account", help="Whose that model is; the tuned model's account unless said.")
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--temperature", default="0", show_default=True, help="Empty leaves it to the service.")
@click.option("--max-tokens", default="512", show_default=True, help="Most tokens of an answer.")
@click.option("--limit", type=click.IntRange(1), help="Only so many rows, from the beginning.")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--report", type=click.Path(path_type=Path), multiple=True, help="Write .md, .html or .json.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def command(file: Path, as_json: bool, **options: Any) -> int:
    """Say whether fine-tuning is worth it: three ways on the held-out rows of FILE.

    The base with the long prompt, the base with the nearest training rows in its prompt, and the tuned
    model: score with interval, what a thousand calls cost, and how new knowledge gets in. The price comes
    first; answers and vectors are kept, and nothing is asked twice.

    Exit codes: 0 done; 1 not complete; 2 wrong use or unreachable; 130 interrupted.
    """
    from tui.evals.arms.arms import run_arms
    from tui.evals.arms.report import HEADINGS, arm_cells, arms_json, sentences, write_arms
    from tui.evals.arms.setup import planned_arms
    from tui.evals.reports.files import report_format
    from tui.evals.test_set import read_test_set
    from tui.services import Services

    for path in options["report"]:
        report_format(path)
    with Services.open() as services:
        test_set = read_test_set(file, limit=options["limit"])
        wish = _wish(options, test_set)
        if not _embedded(services, wish, test_set, options):
            narrate("Nothing was asked.")
            return int(ExitCode.DONE if options["dry_run"] else ExitCode.INTERRUPTED)
        plan = planned_arms(services, wish, test_set)
        settled = settled_unasked(plan.plan, options, as_json=as_json)
        if settled is not None:
            return int(settled)
        line = ProgressLine("Asking")
        arms = run_arms(services, plan, on_progress=lambda what, done, total: line.update(done, total))
        line.finish()
    for path in options["report"]:
        write_arms(arms, path)
        narrate(f"Report: {path}")
    if as_json:
        print_json(arms_json(arms))
    else:
        for sentence in sentences(arms):
            say(sentence)
        print_table([head.upper() for head in HEADINGS], [arm_cells(one) for one in arms.arms])
    return int(ExitCode.DONE if arms.result.complete else ExitCode.BAD)


def _wish(options: dict[str, Any], test_set: TestSet) -> ArmsWish:
    from tui.evals.arms.setup import ArmsWish
    from tui.evals.suggested import suggested_checks

    checks = options["checks"]
    if not checks:
        found = suggested_checks(test_set.cases)
        checks = found.checks
        narrate(f"Check: {', '.join(checks) or 'none'} ({found.why}).")
    return ArmsWish(
        model=options["model"], account=options["account"], against=options["against"],
        training=options["training"], checks=checks, prompt=options["prompt"], examples=options["examples"],
        nearest=options["nearest"], nearest_account=options["nearest_account"],
        temperature=options["temperature"], max_tokens=options["max_tokens"],
        max_cost=amount_of(options["max_cost"]), at_once=options["at_once"],
    )  # fmt: skip


def _embedded(services: Services, wish: ArmsWish, test_set: TestSet, options: dict[str, Any]) -> bool:
    """See to it that every text has a vector, where a service's are wanted; False when that was refused."""
    from tui.evals.arms.nearest import embed_missing, missing_texts, texts_of
    from tui.evals.arms.setup import lanes_of, nearness_of, training_of

    tuned = lanes_of(services, wish)[1]
    lane = nearness_of(services, wish, tuned).lane
    if lane is None:
        return True
    texts = texts_of(test_set.cases, training_of(services, wish, tuned).cases)
    missing = missing_texts(services, lane, texts)
    if not missing:
        return True
    size = sum(len(text) for text in missing.values())
    words = (
        f"{len(missing):,} texts ({size:,} characters) to embed with {lane.model} at {lane.account}; "
        "no price of it is in the catalog."
    )
    narrate(words)
    if options["dry_run"]:
        return False
    is_free = services.account(lane.account).provider == "local"
    if not options["yes"] and not is_free and not confirmed("Embed them?", words, "Add --yes to agree."):
        return False
    line = ProgressLine("Embedding")
    embed_missing(services, lane, texts, on_progress=line.update)
    line.finish()
    return True
