"""`tunedeck eval`: how good a model is on rows it never saw, and whether it is better than its base."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.agreeing import agreed, settled_unasked
from tui.cli.default_verb import DefaultVerb
from tui.cli.eval_past import COMMANDS
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError

if TYPE_CHECKING:
    from tui.evals.plan import EvalPlan
    from tui.evals.result import EvalResult
    from tui.evals.setup import EvalWish
    from tui.services import Services

_WORST_SHOWN = 5
ENGINE_KEY = "TUNEDECK_ENGINE_TOKEN"
"""Where other tools look for the local engine's token, which `tunedeck engine token` prints."""


@click.group("eval", cls=DefaultVerb, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Examine a model: `eval FILE --model MODEL`; `list`, `show`, `compare`, `export` for runs from before.

    `tunedeck eval run --help` lists the options.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


for _past in COMMANDS:
    command.add_command(_past)


@command.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--model", "-m", help="Whom to examine: a model's id, its end, or a checkpoint.")
@click.option("--against", help="Compare with this model, row by row; `base` for the model's own base.")
@click.option("--pack", type=click.Choice(["behaviour"]), help="A shipped test set in place of FILE.")
@click.option(
    "--check", "checks", multiple=True, metavar="CHECK", help="How answers are judged; may be repeated."
)
@click.option(
    "--checks", "check_file", type=click.Path(path_type=Path), help="TOML file of [[check]] tables."
)
@click.option("--list-checks", is_flag=True, help="List the checks and their options.")
@click.option("--account", help="Whose models they are; left out, found by name.")
@click.option("--system", help="System prompt for the model in place of the rows' own.")
@click.option("--against-system", help="The same for the model it is compared with.")
@click.option("--temperature", default="0", show_default=True, help="Empty leaves it to the service.")
@click.option("--max-tokens", default="512", show_default=True, help="Most tokens of an answer.")
@click.option("--seed", default="", help="Makes answers repeatable where the service can.")
@click.option("--limit", type=click.IntRange(1), help="Only so many rows, from the beginning.")
@click.option(
    "--ratings", type=click.Path(path_type=Path), help="JSONL of people's ratings, to hold a judge against."
)
@click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more once answers would cost more than this.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=4, show_default=True, help="Requests at a time."
)
@click.option("--batch", is_flag=True, help="By the service's Batch API: cheaper, within a day.")
@click.option("--wait", is_flag=True, help="With --batch: wait until it is done, and report.")
@click.option("--anew", is_flag=True, help="Ask again what has an answer kept from before.")
@click.option("--no-perplexity", is_flag=True, help="Leave the expected answers unscored.")
@click.option("--report", type=click.Path(path_type=Path), multiple=True, help="Write .md, .html or .json.")
@click.option(
    "--export", "exports", multiple=True, metavar="TOOL:PATH", help="promptfoo:FILE or inspect:FILE.py."
)
@click.option("--fail-under", type=click.FloatRange(0, 100), help="Exit 1 when the score of 100 is lower.")
@click.option("--fail-if-worse", is_flag=True, help="Exit 1 when it is worse than --against.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs; ask nothing.")
@click.option("--yes", is_flag=True, help="Ask without being asked.")
@json_option
def run(file: Path | None, list_checks: bool, as_json: bool, **options: Any) -> int:
    """Examine a model on the rows of FILE: a held-out split, OpenAI Evals JSONL, or golden answers.

    Says the price and asks before it sends anything that costs. Every answer is kept as it arrives: a run
    that was interrupted, capped or killed goes on where it was, and nothing is paid for twice.

    --pack behaviour examines what fine-tuning cost: skills forgotten, refusals, longer answers, decisions
    that turn with a name or a gender; each with its interval.

    Exit codes: 0 done; 1 below --fail-under, worse with --fail-if-worse, or not complete; 2 wrong use or
    unreachable; 130 interrupted.
    """
    if list_checks:
        return _list_checks(as_json=as_json)
    pack = options["pack"]
    if pack is not None:
        from tui.data.packs import PACKS

        if file is not None:
            raise TunedeckError("A pack stands in place of a file.", "Leave one of them out.")
        file = PACKS[pack]
    if file is None or not options["model"]:
        raise TunedeckError(
            "A test set and --model are needed.", "tunedeck eval FILE --model MODEL --check exact"
        )
    from tui.evals.setup import EvalWish
    from tui.services import Services

    wish = EvalWish(
        file=file, model=options["model"], against=options["against"], account=options["account"],
        checks=options["checks"], check_file=options["check_file"], system=options["system"],
        against_system=options["against_system"], temperature=options["temperature"],
        max_tokens=options["max_tokens"], seed=options["seed"], limit=options["limit"],
        ratings=options["ratings"], max_cost=amount_of(options["max_cost"]), at_once=options["at_once"],
        anew=options["anew"], perplexity=not options["no_perplexity"],
        batch=options["batch"], behaviour=pack == "behaviour",
    )  # fmt: skip
    with Services.open() as services:
        return int(_run(services, wish, options, as_json=as_json))


def _run(services: Services, wish: EvalWish, options: dict[str, Any], *, as_json: bool) -> ExitCode:
    from tui.evals.reports.files import report_format, write_report
    from tui.evals.run import run_evaluation
    from tui.evals.setup import planned

    for path in options["report"]:
        report_format(path)
        _refuse_existing(path)
    plan = planned(services, wish)
    for line, reason in plan.test_set.skipped[:5]:
        narrate(f"{wish.file}:{line}: left out: {reason}")
    _export(services, plan, options["exports"])
    refused = None
    if options["batch"] and not options["dry_run"]:
        from tui.cli.eval_batch import batched  # few runs are large

        found = batched(services, wish, plan, options, confirmed=agreed, as_json=as_json)
        if isinstance(found, ExitCode):
            return found
        plan, refused = found
    else:
        settled = settled_unasked(plan, options, as_json=as_json)
        if settled is not None:
            return settled
    result = run_evaluation(services, plan, on_progress=_Narrator(), refused=refused)
    for path in options["report"]:
        write_report(result, path)
        narrate(f"Report: {path}")
    if as_json:
        print_json(result.as_json())
    else:
        print_result(result)
    return exit_code(result, options["fail_under"], fail_if_worse=options["fail_if_worse"])


def amount_of(text: str | None) -> Decimal | None:
    """Return an amount of money that was typed.

    Raises:
        TunedeckError: It is none.
    """
    if text is None:
        return None
    try:
        amount = Decimal(text.strip().lstrip("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise TunedeckError(f"--max-cost {text} is no amount.", "Write it like 2.50.")
    return amount


def _refuse_existing(path: Path) -> None:
    from tui.datasets.atomic import refuse_existing

    refuse_existing(path)


def _export(services: Services, plan: EvalPlan, exports: tuple[str, ...]) -> None:
    from tui.evals.reports.exports import export_test_set
    from tui.providers.profile_data import LOCAL_NAME

    for text in exports:
        tool, colon, name = text.partition(":")
        if not colon or not name:
            raise TunedeckError(
                f"--export {text}: no file is named.", "Write promptfoo:FILE or inspect:FILE.py."
            )
        addresses = {name: _address(services, name) for name in plan.accounts}
        local = {name for name in plan.accounts if services.account(name).provider == LOCAL_NAME}
        export = export_test_set(
            tool, Path(name), plan.test_set, plan.contenders, plan.options.checks,
            parameters=plan.options.parameters,
            base_urls={account: url for account, url in addresses.items() if url},
            key_names=dict.fromkeys(local, ENGINE_KEY),
        )  # fmt: skip
        narrate(f"{export.rows:,} rows for {tool}: {', '.join(str(path) for path in export.files)}")
        for what in export.left_out:
            narrate(f"Left out: {what}.")


def _address(services: Services, account: str) -> str | None:
    """Return where an account's models answer, if that is not the service's own address."""
    from tui.local_engine import find_engine
    from tui.providers.profile_data import LOCAL_NAME

    found = services.account(account)
    if found.base_url or found.provider != LOCAL_NAME:
        return found.base_url
    engine = find_engine()
    return None if engine is None else engine.url


class _Narrator:
    """Progress of each part on a line of its own."""

    def __init__(self) -> None:
        from tui.cli.output import ProgressLine

        self._make = ProgressLine
        self._what = ""
        self._line: ProgressLine | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it."""
        if what != self._what or self._line is None:
            self._what, self._line = what, self._make(what)
        self._line.update(done, total)
        if done == total:
            self._line.finish()


def exit_code(result: EvalResult, fail_under: float | None, *, fail_if_worse: bool) -> ExitCode:
    """Return 1 for a result that the caller asked not to accept, or that is not complete."""
    from tui.evals.statistics.verdict import Word, reaches

    score = result.contenders[-1].score.estimate
    if not result.complete:
        narrate(f"Not complete: {result.why_incomplete}. The same command goes on where it was.")
        return ExitCode.BAD
    if fail_under is not None and not reaches(score, fail_under):
        known = "No row has a score, which" if math.isnan(score) else f"The score of {100 * score:.2f}"
        narrate(f"{known} is under {fail_under:g}.")
        return ExitCode.BAD
    worse = result.verdict is not None and result.verdict.word is Word.WORSE
    return ExitCode.BAD if fail_if_worse and worse else ExitCode.DONE


def print_result(result: EvalResult) -> None:
    """Print a result for people: the blocks of the report, without its methods."""
    from tui.cli.report_output import print_blocks
    from tui.evals.reports.blocks import report_blocks

    print_blocks(report_blocks(result, worst=_WORST_SHOWN))
    if result.spent is not None:
        times = "once" if result.asked == 1 else f"{result.asked:,} times"
        say(f"\nThis run asked {times}, {result.spent.words}.")


def _list_checks(*, as_json: bool) -> int:
    from tui.evals.checks.registry import described_checks

    described = described_checks()
    if as_json:
        print_json(
            [{"name": one.name, "summary": one.summary, "options": list(one.options)} for one in described]
        )
    else:
        print_table(("Check", "Options", "What it asks"),
                    [(one.name, ", ".join(one.options), one.summary) for one in described])  # fmt: skip
    return int(ExitCode.DONE)
