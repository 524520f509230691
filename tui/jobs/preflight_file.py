"""The preflight's lines about the files: findings, truncation, validation rows, and what a method wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tui.datasets.duplicates import LineHashes
from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import parse_grader
from tui.datasets.report import Report
from tui.datasets.rules import RULES
from tui.jobs.file_costs import method_for
from tui.jobs.files import JobFiles
from tui.jobs.mend import ELSEWHERE, OTHER_MODEL, SPLIT, Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.jobs.reports import file_sha256, report_for
from tui.money.catalog import CatalogModel
from tui.records.jobs import Method

_IMAGES_SEEN = "images-may-be-skipped"
"""The rule that every file with images breaks."""


def report_of_plan(
    services: JobServices, plan: LaunchPlan, path: Path, model: CatalogModel, *, validation: bool = False,
    cancelled: Callable[[], bool] | None = None,
) -> Report:  # fmt: skip
    """Return the report of a file of a plan; rows of a reinforcement job are held to its grader.

    Raises:
        TunedeckError: The file can't be read.
        CheckCancelled: `cancelled` said so.
    """
    graded = plan.method is Method.REINFORCEMENT
    asked = plan.hyperparameters.get("max_tokens_per_example")  # only profiles of our engine have it
    if isinstance(asked, int):
        model = replace(model, training_example_limit=asked)
    return report_for(
        services, path, model, validation=validation,
        dataset_format=_read_as(services, plan, path, validation=validation),
        grader=parse_grader(plan.grader) if graded and plan.grader is not None else None,
        cancelled=cancelled,
    )  # fmt: skip


def _read_as(
    services: JobServices, plan: LaunchPlan, path: Path, *, validation: bool = False
) -> DatasetFormat | None:
    """Return what the rows are read as; a reinforcement job takes nothing else, whatever they look like."""
    chosen = services.formats.of(path) if validation else None
    if (chosen or plan.read_as) is None and plan.method is Method.REINFORCEMENT:
        return DatasetFormat.REINFORCEMENT
    return chosen or plan.read_as


def about_files(
    plan: LaunchPlan, services: JobServices, files: JobFiles, report: Report, model: CatalogModel
) -> Iterator[PreflightLine]:
    """Tell what is wrong with the training and the validation file.

    Raises:
        TunedeckError: A file can't be read.
    """
    yield from _about_method(plan, report, model)
    yield from _about_images(plan, services, report, model)
    yield from _about_report(plan, report, "training", plan.read_as)
    yield from _about_validation(plan, services, files, model)


def _about_method(plan: LaunchPlan, report: Report, model: CatalogModel) -> Iterator[PreflightLine]:
    fitting = method_for(report)
    if report.format is DatasetFormat.UNKNOWN or fitting is plan.method:
        return
    yield PreflightLine(
        "stop", f"{plan.training.name} holds {report.format} rows, which {plan.method} can't be trained on.",
        f"They are for {fitting}.",
        (Mend(MendKind.METHOD, f"train by {fitting}", str(fitting)),) if fitting in model.methods
        else (OTHER_MODEL, ELSEWHERE),
    )  # fmt: skip


def _about_images(
    plan: LaunchPlan, services: JobServices, report: Report, model: CatalogModel
) -> Iterator[PreflightLine]:
    """Tell of images for a model that its service does not name among those that are trained on them."""
    if model.vision or not any(one.rule == _IMAGES_SEEN for one in report.findings):
        return
    seeing = [one.id for one in services.catalog.models if one.provider == model.provider and one.vision]
    if seeing:
        yield PreflightLine(
            "warn", f"{plan.training.name} holds images, and {model.id} is not named among the models that "
            f"are trained on them.", f"Named: {', '.join(seeing)}.", (OTHER_MODEL,),
        )  # fmt: skip


def _about_report(
    plan: LaunchPlan, report: Report, role: str, read_as: DatasetFormat | None
) -> Iterator[PreflightLine]:
    errors, warnings = report.counts.get("error", 0), _warnings(report, role)
    split = plan.split_share is not None
    # The parts of a split are made anew for each content: what is mended is the file they come from.
    source = plan.training if split or role == "training" or plan.validation is None else plan.validation
    check = Mend(MendKind.CHECK, f"look at {source.name} in Check, where F fixes", str(source))
    name = Path(report.file).name
    chosen = f", read as {read_as}" if read_as is not None else ""
    if not report.valid and split:  # lines of a part are not the lines of the person's file
        yield PreflightLine("stop", f"{_subject(report, role, split)}: {_count(errors, 'error')}{chosen}.",
                            f"Check lists them all in {source.name}.", (check,))  # fmt: skip
    elif not report.valid:
        yield PreflightLine("stop", f"The {role} file {name} has {_count(errors, 'error')}{chosen}.",
                            f"`tunedeck check` lists them: {_first_error(report)}", (check,))  # fmt: skip
    elif warnings:
        yield PreflightLine("warn", f"{_subject(report, role, split)}{chosen}: {', '.join(warnings)}.",
                            "The service would accept it." if split else
                            "Check shows where; the service would accept the file.", (check,))  # fmt: skip
    elif split:
        verb = "is" if report.rows == 1 else "are"
        yield PreflightLine("ok", f"{_subject(report, role, split)} {verb} sound{chosen}.")
    else:
        yield PreflightLine("ok", f"The {role} file {name} is sound: {report.rows:,} examples{chosen}.")
    if report.tokens.over_limit:
        yield PreflightLine(
            "warn",
            f"{_count(report.tokens.over_limit, 'example')} of {name} exceed {report.tokens.limit:,} tokens; "
            f"{report.tokens.lost_tokens:,} tokens at their ends, where the answer stands, are cut.",
            "Shorten them, or leave them out.",
            (Mend(MendKind.RESHAPE, f"make a file that fits of {source.name}", str(source)), check),
        )


def _subject(report: Report, role: str, split: bool) -> str:
    """Return what a report is about: the person's own file, or the part that a split made of it."""
    if not split:
        return f"The {role} file {Path(report.file).name} ({_count(report.rows, 'example')})"
    use = "left to train on" if role == "training" else "put aside for validation"
    return f"The {_count(report.rows, 'row')} {use}"


def _warnings(report: Report, role: str) -> list[str]:
    """Return what a report warns of, a rule at a time, with how often where that is more than once."""
    found = Counter(one.rule for one in report.findings if one.severity == "warning")
    if role == "validation":
        # More examples are advised to learn from; a file that is only measured may well be small.
        found.pop("few-examples", None)
    words = []
    for rule, kept in found.items():
        times = kept + report.findings_truncated.get(rule, 0)
        summary = RULES[rule].summary
        # Inside the sentence; a key's name or an abbreviation stays as it is written.
        summary = summary if summary[1:2].isupper() else summary[0].lower() + summary[1:]
        words.append(summary if times == 1 else f"{summary} ({times:,} times)")
    return words


def _first_error(report: Report) -> str:
    first = next((one for one in report.findings if one.severity == "error"), None)
    if first is None:
        return ""
    return f"line {first.line}: {first.message}" if first.line else first.message


def _about_validation(
    plan: LaunchPlan, services: JobServices, files: JobFiles, model: CatalogModel
) -> Iterator[PreflightLine]:
    if files.validation is None:
        if plan.method is Method.REINFORCEMENT:  # by OpenAI's guide of reinforcement, read 2026-11-21
            yield PreflightLine("stop", "A reinforcement job needs validation rows.",
                                "Give a validation file or split 10 % off.", (SPLIT,))  # fmt: skip
            return
        yield PreflightLine("warn", "Without validation rows nothing shows when it starts to memorise.",
                            "Give a validation file or split 10 % off.", (SPLIT,))  # fmt: skip
        return
    report = report_of_plan(services, plan, files.validation, model, validation=True)
    chosen = services.formats.of(files.validation) or plan.read_as
    yield from _about_report(plan, report, "validation", chosen)
    if file_sha256(files.validation) == file_sha256(files.training):
        yield PreflightLine("warn", "Training and validation file are the same.",
                            "The validation loss then says nothing new.", (SPLIT,))  # fmt: skip
        return
    shared = LineHashes.of_file(files.validation).count_shared(LineHashes.of_file(files.training))
    if shared:
        rows = f"{_count(shared, 'validation row')} of {report.rows:,}"
        dedupe = Mend(
            MendKind.RESHAPE, f"leave repeated rows out of {plan.training.name}", str(plan.training)
        )
        yield PreflightLine("warn", f"In training too: {rows}.",
                            "Take them out of one file: the validation loss flatters.",
                            (dedupe,) if plan.split_share is not None else (SPLIT, dedupe))  # fmt: skip


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
