"""`tunedeck record`: keep what models answer before they are shut down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import agreed, settled_unasked
from tui.cli.default_verb import DefaultVerb
from tui.cli.eval import amount_of
from tui.cli.output import ProgressLine, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError

if TYPE_CHECKING:
    from tui.chat.lanes import Lane
    from tui.evals.record import RecordPlan, RecordResult
    from tui.evals.record_source import Questions
    from tui.evals.recorded import ExportKind
    from tui.records.recordings import Recording
    from tui.services import Services


@click.group(cls=DefaultVerb, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Keep what models answer before they are shut down: `record FILE --model MODEL`, `list`, `export`.

    FILE is any JSONL with questions: a validation file, a test set, recorded chats. `tunedeck record run
    --help` lists the options.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--model", "-m", "models", multiple=True, help="Whom to record; may be repeated.")
@click.option("--ending", is_flag=True, help="Every tuned model with fewer than 60 days left.")
@click.option("--chats", is_flag=True, help="Ask what was asked in the app's own chats, instead of FILE.")
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--temperature", default="0", show_default=True, help="Empty leaves it to the service.")
@click.option("--max-tokens", default="512", show_default=True, help="Most tokens of an answer.")
@click.option("--seed", default="", help="Makes answers repeatable where the service can.")
@click.option("--no-logprobs", is_flag=True, help="Do not ask how sure the model was of each token.")
@click.option("--limit", type=click.IntRange(1), help="Only so many questions, from the beginning.")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def run(file: Path | None, as_json: bool, **options: Any) -> int:
    """Ask models the questions of FILE and keep each answer with logprobs, usage and latency.

    Says price and time and asks before it sends anything that costs. The same command goes on after an
    interruption, a money cap or a crash: nothing is asked or paid for twice.

    Exit codes: 0 all is recorded; 1 something is missing; 2 wrong use or unreachable; 130 interrupted.
    """
    if (file is None) == (not options["chats"]):
        raise click.UsageError("Give either a FILE or --chats.")
    from tui.services import Services

    with Services.open() as services:
        questions = _questions(services, file, options)
        for line, reason in questions.skipped[:5]:
            narrate(f"{file}:{line}: left out: {reason}")
        plan = _plan(services, questions, options)
        settled = settled_unasked(plan, options, as_json=as_json, who=_who(plan))
        if settled is not None:
            return int(settled)
        result = _record(services, plan)
    _print(result, as_json=as_json)
    return int(ExitCode.DONE if result.complete else ExitCode.BAD)


def _questions(services: Services, file: Path | None, options: dict[str, Any]) -> Questions:
    from tui.evals.record_source import questions_of_chats, questions_of_file

    if file is None:
        return questions_of_chats(services.store, limit=options["limit"])
    return questions_of_file(file, options["limit"])


def _plan(services: Services, questions: Questions, options: dict[str, Any]) -> RecordPlan:
    from dataclasses import replace

    from tui.chat.parameters import parse_parameters
    from tui.evals.record import ALTERNATIVES, plan_recording

    texts = {name: options[name] for name in ("temperature", "max_tokens", "seed")}
    parameters = replace(parse_parameters(texts), logprobs=None if options["no_logprobs"] else ALTERNATIVES)
    return plan_recording(
        services, questions.source, questions.cases, _lanes(services, options), parameters=parameters,
        max_cost=amount_of(options["max_cost"]), at_once=options["at_once"],
    )  # fmt: skip


def _lanes(services: Services, options: dict[str, Any]) -> list[Lane]:
    from tui.chat.models import refresh_models
    from tui.evals.record_source import lanes_named, recordable_models
    from tui.money.lifetime import Lifetimes

    lanes = lanes_named(services, options["models"], options["account"])
    if options["ending"]:
        for problem in refresh_models(services, options["account"]):
            narrate(problem.message)
        lifetimes = Lifetimes(services.catalog, services.store.model_dates())
        lanes += [
            one.lane
            for one in recordable_models(services, lifetimes)
            if one.is_tuned and one.lifetime.ends_soon and options["account"] in (None, one.lane.account)
        ]
    if not lanes:
        raise TunedeckError(
            "No tuned model ends within 60 days." if options["ending"] else "No model is named.",
            "Add --model MODEL; `tunedeck models` lists them.",
        )
    return list(dict.fromkeys(lanes))


def _who(plan: RecordPlan) -> str:
    return ", ".join(lane.model for lane in plan.lanes)


def _record(services: Services, plan: RecordPlan) -> RecordResult:
    from tui.evals.record import record

    line = ProgressLine("Recording")
    try:
        return record(services, plan, on_progress=line.update)
    finally:
        line.finish()


def _print(result: RecordResult, *, as_json: bool) -> None:
    if as_json:
        print_json(result.as_json())
    else:
        spent = "" if result.spent is None else f", {result.spent.words}"
        say(f"{result.asked:,} answers were asked for{spent}.")
        _print_list(result.recordings)
    if result.without_logprobs:
        narrate("The service gives no logprobs for this model: recorded without.")
    if not result.complete:
        narrate(f"Not complete: {result.why_incomplete}. The same command goes on where it was.")


def _print_list(recordings: Any) -> None:
    print_table(
        ["ID", "MODEL", "ACCOUNT", "ANSWERS", "REFUSED", "MISSING", "BEGUN", "QUESTIONS OF"],
        [
            [
                one.id, one.model, one.account, f"{one.answered:,} of {one.rows:,}", one.refused, one.missing,
                f"{datetime.fromtimestamp(one.created_at, UTC):%Y-%m-%d %H:%M}", one.source,
            ]
            for one in recordings
        ],
        below=["MODEL", "QUESTIONS OF"],
    )  # fmt: skip


@command.command()
@click.argument("recording")
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def resume(recording: str, max_cost: str | None, yes: bool, as_json: bool) -> int:
    """Go on with RECORDING (its id, or a model's name for the newest); its file need not be there.

    Exit codes: 0 all is recorded; 1 something is missing; 2 wrong use or unreachable; 130 interrupted.
    """
    from tui.evals.record import plan_again
    from tui.evals.recorded import find_recording
    from tui.services import Services

    with Services.open() as services:
        plan = plan_again(services, find_recording(services, recording), max_cost=amount_of(max_cost))
        if not yes and not agreed(plan, who=_who(plan)):
            narrate("Nothing was asked.")
            return int(ExitCode.INTERRUPTED)
        result = _record(services, plan)
    _print(result, as_json=as_json)
    return int(ExitCode.DONE if result.complete else ExitCode.BAD)


@command.command("list")
@click.option("--model", help="Only of this model.")
@json_option
def list_recordings(model: str | None, as_json: bool) -> None:
    """List what was recorded, the newest first."""
    from tui.evals.record import recording_json
    from tui.services import Services

    with Services.open() as services:
        found: list[Recording] = services.store.recordings(model)
    if as_json:
        print_json([recording_json(one) for one in found])
    elif not found:
        say("Nothing is recorded yet. `tunedeck record FILE --model MODEL` does that.")
    else:
        _print_list(found)


@command.command()
@click.argument("recording")
@click.option("--output", "-o", type=click.Path(path_type=Path), required=True, help="The JSONL to write.")
@click.option(
    "--as", "kind", type=click.Choice(["golden", "training"]), default="golden", show_default=True,
    help="Golden answers to test with, or rows to train a successor on.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file of that name.")
@json_option
def export(recording: str, output: Path, kind: str, force: bool, as_json: bool) -> int:
    """Write the answers of RECORDING (its id, or a model's name for the newest) to a file.

    A training file is checked at once by the rules of `tunedeck check`. With it a successor is trained
    anywhere: `tunedeck launch FILE --account B`, or `tunedeck launch --like JOB --account B`.

    Exit codes: 0 written; 1 written, and the check finds errors in it; 2 wrong use.
    """
    from tui.evals.recorded import ExportKind, export_recording, find_recording
    from tui.services import Services

    with Services.open() as services:
        found = find_recording(services, recording)
        written = export_recording(services, found, output, ExportKind(kind), overwrite=force)
        problems = _checked(written.path, written.kind)
    if as_json:
        print_json({**written.as_json(), "recording": found.id, "errors": problems})
    else:
        say(f"{written.rows:,} rows in {written.path}")
        for why, count in written.left_out.items():
            say(f"Left out: {count:,} with {why}")
        for problem in problems:
            say(f"Error: {problem}")
    return int(ExitCode.BAD if problems else ExitCode.DONE)


def _checked(path: Path, kind: ExportKind) -> list[str]:
    """Return what our own check holds against a training file."""
    from tui.datasets.check import check_file
    from tui.datasets.options import CheckOptions
    from tui.datasets.report import Severity
    from tui.evals.recorded import ExportKind

    if kind is not ExportKind.TRAINING:
        return []
    report = check_file(path, CheckOptions())
    return [
        f"{path}:{one.line or 1}: {one.message}" for one in report.findings if one.severity is Severity.ERROR
    ]
