"""A job in a form that starts the same again: a job file, curl or Python; keys stay in the environment."""

from __future__ import annotations

import json
import pprint
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.job_file import JobTerms, job_file_text
from tui.jobs.own_shape_export import own_python, own_request
from tui.jobs.plan import RUN_ID_KEY, LaunchPlan
from tui.jobs.ports import JobServices
from tui.providers.job_request import job_arguments, wandb_of
from tui.providers.parameters import told_choice
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import Profile, profile
from tui.providers.redaction import redact
from tui.providers.registry import query_options
from tui.records.jobs import Job, Method
from tui.records.requests import SWEEP_KEY, JobRequest

_KNOWN_DATASETS = 1000
_LOCAL_URL, _LOCAL_KEY = "TUNEDECK_ENGINE_URL", "TUNEDECK_ENGINE_TOKEN"
_NO_FILE_ID = "TRAINING_FILE_ID"


class ExportForm(StrEnum):
    """A form of an exported job."""

    TOML = "toml"
    CURL = "curl"
    PYTHON = "python"


def terms_of_job(services: JobServices, job: Job) -> JobTerms:
    """Return what a job was made from: as it was confirmed here, else as the service tells it.

    Of a job made elsewhere the numbers are those that the service resolved, and the training file is known
    only when a file of the same content was looked at here.
    """
    record = services.store.launch_of_job(job.account, job.id)
    if record is not None:
        from tui.jobs.queue import plan_of

        rules = services.store.stop_rules(job.account, job.id)
        return replace(terms_of_plan(plan_of(record)), training=record.dataset_path, stop_rules=rules or None)
    return JobTerms(
        account=job.account,
        model=job.model or None,
        method=job.method,
        training=_dataset_of(services, job.account, job.training_file),
        validation=_dataset_of(services, job.account, job.validation_file),
        suffix=job.suffix,
        seed=job.seed,
        hyperparameters=_resolved(job, profile(services.account(job.account).provider)),
        metadata=_own_metadata(job.metadata),
        grader=_grader_of(job),
        wandb=wandb_of(job.raw),
        stop_rules=services.store.stop_rules(job.account, job.id) or None,
    )


def terms_of_plan(plan: LaunchPlan) -> JobTerms:
    """Return what a plan makes a job from."""
    return JobTerms(
        plan.account, plan.model, plan.method, plan.training, plan.validation, plan.split_share, plan.suffix,
        plan.seed, plan.chosen_hyperparameters, _own_metadata(plan.metadata), plan.grader, plan.wandb,
        plan.stop_rules or None, plan.read_as,
    )  # fmt: skip


def export_job(services: JobServices, job: Job, form: ExportForm) -> str:
    """Return a job as text that starts the same job again, with names of variables in place of keys.

    Raises:
        TunedeckError: Its account is not known any more, or its service has no place for a part of it.
    """
    terms = terms_of_job(services, job)
    match form:
        case ExportForm.TOML:
            return job_file_text(terms, _notes(job, terms))
        case ExportForm.CURL:
            return _as_curl(services, job, terms)
        case ExportForm.PYTHON:
            return _as_python(services, job, terms)


def _notes(job: Job, terms: JobTerms) -> tuple[str, ...]:
    notes = [f"Made from the job {job.id} of the account {job.account}."]
    if terms.training is None:
        held = f"; {job.account} holds it as {job.training_file}" if job.training_file else ""
        notes.append(f"The training file is not known here{held}. Name one: training = 'FILE.jsonl'")
    given = terms.grader is not None or any("grader" in name for name in terms.hyperparameters)
    if job.method is Method.REINFORCEMENT and not given:
        notes.append("The service does not tell the grader. Name one: grader = 'FILE.json'")
    return tuple(notes)


def _own_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in metadata.items() if name not in (RUN_ID_KEY, SWEEP_KEY)}


def _grader_of(job: Job) -> dict[str, Any] | None:
    """Return the grader that a service tells of a job; a Lambda function is one of its choices instead."""
    method = job.raw.get("method")
    told = method.get("reinforcement") if isinstance(method, Mapping) else None
    grader = told.get("grader") if isinstance(told, Mapping) else None
    return dict(grader) if isinstance(grader, Mapping) and grader.get("type") != "lambda" else None


def _dataset_of(services: JobServices, account: str, file_id: str | None) -> Path | None:
    sha256 = services.store.content_of_file(account, file_id) if file_id else None
    if sha256 is None:
        return None
    known = services.store.recent_datasets(_KNOWN_DATASETS)
    return next((one.path for one in known if one.sha256 == sha256 and one.path.is_file()), None)


def _resolved(job: Job, service: Profile) -> dict[str, int | float | str]:
    """Return the numbers of a job made elsewhere that can be asked for again."""
    found: dict[str, int | float | str] = {}
    for known in service.parameters_for(job.method):
        value = (
            told_choice(job.raw, known.name) if known.where == "body" else job.hyperparameters.get(known.name)
        )
        if isinstance(value, int | float | str) and not known.problem(value):
            found[known.name] = value
    return found


def _request(job: Job, terms: JobTerms) -> JobRequest:
    return JobRequest(
        model=job.model or terms.model or "",
        training_file=job.training_file or _NO_FILE_ID,
        method=job.method,
        validation_file=job.validation_file,
        hyperparameters=terms.hyperparameters,
        suffix=terms.suffix,
        seed=terms.seed,
        metadata=terms.metadata,
        grader=terms.grader,
        wandb=terms.wandb,
    )


def _body(services: JobServices, job: Job, terms: JobTerms) -> dict[str, Any]:
    body = job_arguments(_request(job, terms), profile(services.account(job.account).provider))
    told = job.raw.get("method")
    if job.method is Method.REINFORCEMENT and isinstance(told, Mapping):
        body["method"] = dict(told)  # with its grader, which nothing else here holds
    return body


def _key_variable(services: JobServices, account: str) -> str:
    if account == LOCAL_NAME:
        return _LOCAL_KEY
    source = services.account(account).key_source
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", source) and source != "keyring":
        return source
    return re.sub(r"\W", "_", account.upper(), flags=re.ASCII).lstrip("0123456789_") + "_API_KEY"


def _query(services: JobServices, account: str) -> dict[str, str]:
    provider = services.account(account).provider
    chosen = query_options(provider, services.declared_account(account))
    return {name: str(value) for name, value in chosen.items()}


def _base_url(services: JobServices, account: str) -> str | None:
    known = services.account(account)
    if known.base_url is None and account != LOCAL_NAME:
        raise TunedeckError(f"The account {account} has no address.", known.state)
    return known.base_url.rstrip("/") if known.base_url else None


def _heading(job: Job, terms: JobTerms, variable: str) -> list[str]:
    lines = [f"The job {job.id} again, as a job of its own: running this starts one, and may cost money.",
             f"Needs the key in {variable}."]  # fmt: skip
    if job.account == LOCAL_NAME:
        lines.append(f"`tunedeck engine status` says {_LOCAL_URL}, `tunedeck engine token` the key.")
    if terms.training is not None:
        lines.append(f"The training file was {terms.training}.")
    if job.training_file is None:
        lines.append(f"Put the id of an uploaded file in place of {_NO_FILE_ID}.")
    else:
        lines.append("A file that the service has deleted since has to be uploaded again.")
    return [f"# {redact(''.join(one if one.isprintable() else ' ' for one in line))}" for line in lines]


def _route_and_body(services: JobServices, job: Job, terms: JobTerms) -> tuple[str, dict[str, Any]]:
    """Return where a creation goes, below the account's address, and its JSON, in the service's shape."""
    shape = profile(services.account(job.account).provider).shape
    if shape != "openai":
        return own_request(shape, _base_url(services, job.account) or "", _request(job, terms))
    body = _body(services, job, terms)
    body |= body.pop("extra_body", {})
    return "/fine_tuning/jobs", body


def _as_curl(services: JobServices, job: Job, terms: JobTerms) -> str:
    route, body = _route_and_body(services, job, terms)
    variable = _key_variable(services, job.account)
    base, query = _base_url(services, job.account), _query(services, job.account)
    from urllib.parse import urlencode

    rest = route + (f"?{urlencode(query)}" if query else "")
    address = shlex.quote(base + rest) if base else f'"${{{_LOCAL_URL}}}"{shlex.quote(rest)}'
    return "\n".join([
        *_heading(job, terms, variable),
        f"curl --fail-with-body --silent --show-error {address} \\",
        f'  -H "Authorization: Bearer ${{{variable}}}" \\',
        '  -H "Content-Type: application/json" \\',
        "  --data-binary @- <<'JSON'",
        redact(json.dumps(body, indent=2)),  # no text in JSON has a line of its own that could end the input
        "JSON",
        "",
    ])  # fmt: skip


def _as_python(services: JobServices, job: Job, terms: JobTerms) -> str:
    variable = _key_variable(services, job.account)
    if profile(services.account(job.account).provider).shape != "openai":
        route, sent = _route_and_body(services, job, terms)
        address = repr(f"{_base_url(services, job.account)}{route}")
        lines = own_python(address, variable, _indented(sent))
        return "\n".join([*_heading(job, terms, variable), *lines])
    body = _body(services, job, terms)
    base, query = _base_url(services, job.account), _query(services, job.account)
    address = repr(base) if base else f'os.environ["{_LOCAL_URL}"]'
    arguments = [f'    api_key=os.environ["{variable}"],', f"    base_url={address},"]
    if query:
        arguments.append(f"    default_query={query!r},")
    return "\n".join([
        *_heading(job, terms, variable),
        "import os",
        "",
        "import openai",
        "",
        "client = openai.OpenAI(",
        *arguments,
        "    max_retries=0,  # a creation that was sent twice may make two jobs",
        ")",
        "job = client.fine_tuning.jobs.create(",
        *(f"    {name}={_indented(value)}," for name, value in body.items()),
        ")",
        "print(job.id, job.status)",
        "",
    ])  # fmt: skip


def _indented(value: Any) -> str:
    return redact(pprint.pformat(value, width=90, sort_dicts=False)).replace("\n", "\n    ")
