"""`tunedeck compare`: several models on the same prompts, rated blind, or one job through its training."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.compare_options import (
    cases_from,
    file_option,
    message_option,
    money_options,
    parameters_from,
    sampling_options,
    sides_from,
    system_option,
)
from tui.cli.compare_output import print_comparisons, print_prompts, print_standing, prompts_json
from tui.cli.default_verb import DefaultVerb
from tui.cli.eval import amount_of
from tui.cli.output import ProgressLine, json_option, narrate, print_json, say
from tui.errors import ExitCode, TunedeckError

if TYPE_CHECKING:
    from tui.evals.asking import AskingOutcome
    from tui.evals.compare.asking import ComparePlan
    from tui.services import Services


class _ModelsOrVerb(DefaultVerb):
    """A group whose first word may be a model."""

    DEFAULT = "ask"


@click.group(cls=_ModelsOrVerb, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Compare models: `compare MODEL MODEL -m TEXT`, `rate`, `ratings`, `export`, `scrub`.

    `tunedeck compare ask --help` lists the options of the first. Answers are kept: nothing is asked or paid
    for twice.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command()
@click.argument("models", nargs=-1, required=True, metavar="MODEL MODEL...")
@message_option
@file_option
@system_option
@sampling_options(for_each=True)
@money_options
@json_option
def ask(
    models: tuple[str, ...], messages: tuple[str, ...], file: Path | None, systems: tuple[str, ...],
    as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Put the same prompts to two to four MODELs; say where the answers differ, by word and by token.

    Exit codes: 0 all answered; 1 an answer is missing; 2 wrong use or unreachable; 130 interrupted.
    """
    if not 2 <= len(models) <= 4:
        raise click.UsageError("Name two to four models.")
    from tui.chat.model_names import numbered_names
    from tui.evals.compare.asking import kept_answers, kept_logprobs, plan_sides
    from tui.evals.compare.standing import side_json
    from tui.evals.record import ALTERNATIVES
    from tui.services import Services

    with Services.open() as services:
        source, cases = cases_from(messages, file, options["limit"])
        sides = sides_from(services, models, systems, options, logprobs=ALTERNATIVES)
        plan = plan_sides(services, source, cases, sides, amount_of(options["max_cost"]))
        if not _agreed(plan, options, as_json=as_json):
            return int(ExitCode.DONE if options["dry_run"] else ExitCode.INTERRUPTED)
        _ask(services, plan)
        answers, logprobs = kept_answers(services, plan), kept_logprobs(services, plan)
    models = tuple(side.model for side in sides)
    if as_json:
        print_json({
            "models": models, "sides": [side_json(one) for one in sides],
            "prompts": prompts_json(cases, answers, logprobs),
        })  # fmt: skip
    else:
        print_prompts(numbered_names(models), cases, answers, logprobs)
    return int(ExitCode.BAD if any(None in row for row in answers) else ExitCode.DONE)


@command.command()
@click.argument("job_id", metavar="JOB")
@click.option("--message", "-m", required=True, help="The prompt.")
@click.option("--system", help="System prompt; left out, the one of the training file.")
@sampling_options(for_each=False)
@money_options
@json_option
def scrub(job_id: str, message: str, system: str | None, as_json: bool, **options: Any) -> int:
    """Show one prompt's answer at each moment of a JOB's training: base, every checkpoint, final model.

    Exit codes: 0 all answered; 1 an answer is missing; 2 wrong use or unreachable; 130 interrupted.
    """
    from tui.chat.lanes import Lane
    from tui.chat.trained_prompt import trained_prompt
    from tui.cli.job_lookup import find_job
    from tui.evals.compare.asking import kept_answers, kept_logprobs, plan_sides
    from tui.evals.compare.scrub import stop_sides, training_stops
    from tui.evals.record import ALTERNATIVES
    from tui.services import Services

    with Services.open() as services:
        job = find_job(services, job_id, options["account"])
        stops = training_stops(services, job)
        if system is None:
            system = trained_prompt(services.store, [Lane(job.account, stops[-1].model)])
        sides = stop_sides(
            job, stops, system=system, parameters=parameters_from(options, logprobs=ALTERNATIVES)
        )
        source, cases = cases_from((message,), None, None)
        plan = plan_sides(services, source, cases, sides, amount_of(options["max_cost"]))
        if not _agreed(plan, options, as_json=as_json):
            return int(ExitCode.DONE if options["dry_run"] else ExitCode.INTERRUPTED)
        _ask(services, plan)
        answers, logprobs = kept_answers(services, plan), kept_logprobs(services, plan)
    labels = [one.label for one in stops]
    if as_json:
        told = [
            {"label": stop.label, "step": stop.step, "model": stop.model,
             "text": None if answer is None else answer.text}
            for stop, answer in zip(stops, answers[0], strict=True)
        ]  # fmt: skip
        print_json({"job": job.id, "prompt": message, "system": system, "stops": told})
    else:
        print_prompts(labels, cases, answers, logprobs)
    return int(ExitCode.BAD if None in answers[0] else ExitCode.DONE)


@command.command()
@click.argument("models", nargs=2, metavar="FIRST SECOND")
@message_option
@file_option
@system_option
@click.option("--order", default=0, show_default=True, help="Seed of which answer stands left.")
@sampling_options(for_each=True)
@money_options
@json_option
def rate(
    models: tuple[str, str], messages: tuple[str, ...], file: Path | None, systems: tuple[str, ...],
    order: int, as_json: bool, **options: Any,
) -> int:  # fmt: skip
    """Rate two models blind: after each pair a line with left, right, tie, bad, back or quit (l r t b u q).

    Which answer stands left is by chance and kept before it is shown. Ratings are kept as they are given;
    the same command goes on where it was. Lines may come from a pipe.

    Exit codes: 0 all is rated, or you stopped; 1 an answer is missing; 2 wrong use; 130 interrupted.
    """
    from tui.cli.compare_rate import rate_pairs
    from tui.evals.compare.blind import BlindRating
    from tui.evals.compare.standing import comparison_json
    from tui.services import Services

    with Services.open() as services:
        source, cases = cases_from(messages, file, options["limit"])
        # Nobody sees logprobs blind.
        first, second = sides_from(services, models, systems, options, logprobs=None)
        rating = BlindRating.begin(services, source, cases, (first, second), seed=order)
        plan = rating.plan(amount_of(options["max_cost"]))
        if not _agreed(plan, options, as_json=as_json):
            return int(ExitCode.DONE if options["dry_run"] else ExitCode.INTERRUPTED)
        _ask(services, plan)
        missing = rate_pairs(rating, narrate if as_json else say)
        if as_json:
            print_json(comparison_json(rating))
        else:
            print_standing(rating)
            narrate(f"`tunedeck compare export {rating.comparison.id} --to FILE` makes a preference file.")
    return int(ExitCode.BAD if missing else ExitCode.DONE)


@command.command()
@click.argument("comparison", required=False)
@json_option
def ratings(comparison: str | None, as_json: bool) -> None:
    """List blind comparisons, or show how one stands: win rate, interval, whether you can stop."""
    from tui.evals.compare.blind import BlindRating
    from tui.evals.compare.standing import comparison_json
    from tui.services import Services

    with Services.open() as services:
        if comparison is not None:
            rating = BlindRating.resume(services, comparison)
            print_json(comparison_json(rating)) if as_json else print_standing(rating)
            return
        found = [BlindRating(services, one) for one in services.store.comparisons()]
        if as_json:
            print_json([comparison_json(one) for one in found])
        elif not found:
            say("Nothing was compared blind yet: `tunedeck compare rate MODEL MODEL --file FILE`.")
        else:
            print_comparisons(found)


@command.command()
@click.argument("comparison")
@click.option("--to", "path", type=click.Path(path_type=Path), required=True, help="New file to write.")
@json_option
def export(comparison: str, path: Path, as_json: bool) -> None:
    """Write the ratings of a COMPARISON as a preference (DPO) file, which `tunedeck check` accepts."""
    from tui.evals.compare.blind import BlindRating
    from tui.evals.compare.pairs import export_pairs
    from tui.services import Services

    with Services.open() as services:
        written = export_pairs(BlindRating.resume(services, comparison), path)
    if as_json:
        print_json({"path": str(path), "rows": written.rows, "left_out": written.left_out})
        return
    say(f"{written.rows:,} pairs in {path}.")
    for reason, count in written.left_out.items():
        say(f"Left out: {count:,} ({reason}).")


def _agreed(plan: ComparePlan, options: dict[str, Any], *, as_json: bool) -> bool:
    """Say what is asked and what it costs; False when nothing shall be asked."""
    if options["dry_run"]:
        print_json(plan.as_json()) if as_json else say(plan.words)
        return False
    narrate(plan.words)
    if options["yes"] or plan.is_free:
        return True
    if not sys.stdin.isatty():
        raise TunedeckError(
            f"{plan.words} There is no terminal to ask on.", "Add --yes to agree, or --max-cost with it."
        )
    if click.confirm("Ask them?", default=False, err=True):
        return True
    narrate("Nothing was asked.")
    return False


def _ask(services: Services, plan: ComparePlan) -> AskingOutcome:
    from tui.evals.compare.asking import ask_sides

    line = ProgressLine("Asking")
    try:
        outcome = ask_sides(services, plan, on_answer=line.update)
    finally:
        line.finish()
    if outcome.capped:
        narrate("The money cap was reached; what is left was not asked.")
    for (lane, _), why in list(outcome.refused.items())[:3]:
        narrate(f"{lane.model} refused: {why}")
    return outcome
