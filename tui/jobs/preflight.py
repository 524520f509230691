"""Everything that can be known before money or time is spent, as lines; asks no remote service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from tui.datasets.duplicates import LineHashes
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report
from tui.datasets.rules import RULES
from tui.errors import TunedeckError
from tui.jobs.files import JobFiles, job_files
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.jobs.preflight_history import about_budget, about_earlier, about_name
from tui.jobs.reports import file_sha256, report_for
from tui.money.amounts import unit_price
from tui.money.base_tokenizer import load_base_tokenizer
from tui.money.catalog import STALE_AFTER_DAYS, CatalogModel
from tui.money.estimate import Estimate, estimate_cost, estimate_local_time
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.parameters import AUTO
from tui.providers.profiles import Profile, profile
from tui.records.jobs import Method
from tui.records.models import Capability

_TRAINING = {
    Method.SUPERVISED: Capability.TRAIN_SUPERVISED,
    Method.DPO: Capability.TRAIN_DPO,
    Method.REINFORCEMENT: Capability.TRAIN_REINFORCEMENT,
}
_SOON_DAYS = 90
_LARGEST_SEED = 2**31 - 1


def preflight(plan: LaunchPlan, services: JobServices) -> list[PreflightLine]:
    """Return what speaks for and against launching a plan; a "stop" line forbids it.

    Checks the file (from the kept report while its content is the same), so a large one takes time.
    """
    lines = list(_about_account(plan, services))
    try:
        model = services.catalog.model(plan.model, services.account(plan.account).provider)
    except TunedeckError as error:
        return [*lines, PreflightLine("stop", error.message, error.remedy)]
    lines += _about_model(plan, model)
    if plan.account == "local":
        lines.append(_about_base_model(plan))
    service = profile(model.provider)
    lines += _about_settings(plan, service)
    lines += _about_deployment(plan, model, service)
    try:
        files = job_files(plan)
        report = report_for(services, files.training, model, dataset_format=plan.read_as)
        split = plan.split_share is not None
        lines += _about_report(report, "training", split, plan.read_as)
        lines += _about_validation(services, plan, files, model)
        estimate = _estimate(plan, report, model)
        lines += _about_price(plan, services, estimate, model)
        lines += about_budget(plan, services, estimate, model)
        lines += about_name(plan, services)
        lines += about_earlier(plan, services, files, report.sha256)
    except TunedeckError as error:
        lines.append(PreflightLine("stop", error.message, error.remedy))
    return lines


def estimate_plan(plan: LaunchPlan, services: JobServices) -> Estimate:
    """Return the price of a plan's training part (validation is not charged).

    Raises:
        TunedeckError: The file can't be read or the model has no price.
    """
    model = services.catalog.model(plan.model, services.account(plan.account).provider)
    report = report_for(services, job_files(plan).training, model, dataset_format=plan.read_as)
    return _estimate(plan, report, model)


def _estimate(plan: LaunchPlan, report: Report, model: CatalogModel) -> Estimate:
    return estimate_cost(
        report.tokens.per_epoch,
        model,
        epochs=plan.epochs,
        examples=report.rows,
        method=plan.method,
        tier=model.tier_among(plan.hyperparameters.values()),
    )


def _about_account(plan: LaunchPlan, services: JobServices) -> Iterator[PreflightLine]:
    try:
        account = services.account(plan.account)
    except TunedeckError as error:
        yield PreflightLine("stop", error.message, error.remedy)
        return
    if not account.ready:
        yield PreflightLine("stop", f"{account.label} is not ready.", account.state)
        return
    permission = services.provider(account.name).can(_TRAINING[plan.method])
    if not permission:
        yield PreflightLine("stop", permission.reason, "Choose another account; the same file works there.")
        return
    refused = services.store.account_note(account.name, TRAINING_REFUSED)
    if refused is not None:
        day = datetime.fromtimestamp(refused[1], UTC).date()
        yield PreflightLine("warn", f"On {day} the service refused a job: {refused[0]}",
                            "A key of another organisation may be allowed.")  # fmt: skip
    eligibility = services.catalog.provider_dates(account.provider).eligibility
    if eligibility:
        yield PreflightLine("warn", eligibility, "Nothing but the launch itself can tell; a refusal is free.")
    else:
        yield PreflightLine("ok", f"{account.label} takes {plan.method} jobs.")


def _about_model(plan: LaunchPlan, model: CatalogModel) -> Iterator[PreflightLine]:
    permission = model.can_train(plan.method)
    if not permission:
        yield PreflightLine("stop", permission.reason, "Choose another model.")
    elif model.shutdown_date:
        days = (date.fromisoformat(model.shutdown_date) - datetime.now(UTC).date()).days
        lives = "1 day" if days == 1 else f"{days:,} days"
        text = (
            f"The tuned model would live {lives}: {model.id} and all that is trained on it stop answering on "
            f"{model.shutdown_date}."
        )
        yield PreflightLine("warn" if days <= _SOON_DAYS else "ok", text,
                            "Save its answers before that day." if days <= _SOON_DAYS else "")  # fmt: skip
    else:
        yield PreflightLine("ok", f"{model.id} can be trained; no end is announced.")


def _about_base_model(plan: LaunchPlan) -> PreflightLine:
    if load_base_tokenizer(plan.model) is not None:
        return PreflightLine("ok", "The base model is on this machine.")
    return PreflightLine(
        "warn", "The base model is not on this machine yet; the engine fetches it first.",
        "The job waits for it; `tunedeck engine fetch` shows the progress.",
    )  # fmt: skip


def _about_settings(plan: LaunchPlan, service: Profile) -> Iterator[PreflightLine]:
    if plan.suffix is not None and not service.suffix_fits(plan.suffix):
        remedy = f"Use {service.suffix_words}." if service.suffix else f"{service.suffix_words}."
        yield PreflightLine("stop", f"The suffix {plan.suffix!r} can't be part of a model's name.", remedy)
    if plan.seed is not None and not 0 <= plan.seed <= _LARGEST_SEED:
        yield PreflightLine("stop", f"The seed {plan.seed} is out of range.", f"0 to {_LARGEST_SEED}.")
    for name, value in plan.hyperparameters.items():
        known = service.parameter(name, plan.method)
        if known is None:
            yield PreflightLine(
                "stop", f"{plan.method} at {service.label} has no hyperparameter {name!r}.",
                _instead_of(name, service),
            )  # fmt: skip
        elif value != AUTO and (problem := known.problem(value)):
            yield PreflightLine("stop", f"{name} = {value} is out of range.", problem)
    for known in service.parameters_for(plan.method):
        if known.required and known.name not in plan.hyperparameters:
            yield PreflightLine("stop", f"{service.label} needs {known.name}.", known.help)


def _instead_of(name: str, service: Profile) -> str:
    other = {"learning_rate": "learning_rate_multiplier", "learning_rate_multiplier": "learning_rate"}.get(
        name
    )
    if other is not None:
        return f"It takes {other}, another kind of number: leave this out rather than carry it over."
    return "Leave it out."


def _about_deployment(plan: LaunchPlan, model: CatalogModel, service: Profile) -> Iterator[PreflightLine]:
    name = model.tier_among(plan.hyperparameters.values())
    tier = model.tier(name) if name is not None else None
    per_hour = model.hosting_price_per_hour
    if tier is not None and tier.hosting_price_per_hour is not None:
        per_hour = tier.hosting_price_per_hour
    if per_hour:
        price = unit_price(per_hour, model.currency)
        text = f"Once deployed, the tuned model costs {price} per hour, used or not."
        yield PreflightLine("warn", text, service.deployment)
    elif service.deployment:
        text = "The tuned model has to be deployed; what that costs is not published."
        yield PreflightLine("warn", text, service.deployment)


def _about_report(
    report: Report, role: str, split: bool, read_as: DatasetFormat | None = None
) -> Iterator[PreflightLine]:
    errors, warnings = report.counts.get("error", 0), _warnings(report, role)
    name = Path(report.file).name
    chosen = f", read as {read_as}" if read_as is not None else ""
    if not report.valid:
        yield PreflightLine("stop", f"The {role} file {name} has {_count(errors, 'error')}{chosen}.",
                            f"`tunedeck check` lists them: {_first_error(report)}")  # fmt: skip
    elif warnings:
        yield PreflightLine("warn", f"{_subject(report, role, split)}{chosen}: {', '.join(warnings)}.",
                            "The service would accept it." if split else
                            "Check shows where; the service would accept the file.")  # fmt: skip
    else:
        yield PreflightLine("ok", f"The {role} file {name} is sound: {report.rows:,} examples{chosen}.")
    if report.tokens.over_limit:
        yield PreflightLine(
            "warn",
            f"{_count(report.tokens.over_limit, 'example')} of {name} exceed {report.tokens.limit:,} tokens; "
            f"{report.tokens.lost_tokens:,} tokens at their ends, where the answer stands, are cut.",
            "Shorten them, or leave them out.",
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
    services: JobServices, plan: LaunchPlan, files: JobFiles, model: CatalogModel
) -> Iterator[PreflightLine]:
    if files.validation is None:
        yield PreflightLine("warn", "Without validation rows nothing shows when it starts to memorise.",
                            "Give a validation file or split 10 % off.")  # fmt: skip
        return
    read_as = services.formats.of(files.validation) or plan.read_as
    report = report_for(services, files.validation, model, validation=True, dataset_format=read_as)
    yield from _about_report(report, "validation", plan.split_share is not None, read_as)
    if file_sha256(files.validation) == file_sha256(files.training):
        yield PreflightLine("warn", "Training and validation file are the same.",
                            "The validation loss then says nothing new.")  # fmt: skip
        return
    shared = LineHashes.of_file(files.validation).count_shared(LineHashes.of_file(files.training))
    if shared:
        rows = f"{_count(shared, 'validation row')} of {report.rows:,}"
        yield PreflightLine("warn", f"In training too: {rows}.",
                            "Take them out of one file: the validation loss flatters.")  # fmt: skip


def _about_price(
    plan: LaunchPlan, services: JobServices, estimate: Estimate, model: CatalogModel
) -> Iterator[PreflightLine]:
    if estimate.is_free:
        rates = services.store.training_rates(plan.account)
        time = estimate_local_time(estimate.tokens_per_epoch, estimate.epochs, rates)
        yield PreflightLine("ok", f"{estimate.formula}; {time.text}, {time.source}.")
        return
    if estimate.total is None:
        yield PreflightLine("warn", f"{estimate.formula}.", "Look at the service's own price list first.")
        return
    age = model.price_age_days()
    stale = age is not None and age > STALE_AFTER_DAYS
    yield PreflightLine(
        "warn" if stale else "ok", f"{estimate.formula} (price read on {estimate.price_read_on}).",
        f"That is {age} days ago; compare with {estimate.price_source}." if stale else "",
    )  # fmt: skip


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
