"""The preflight's lines about a grader: what is wrong with it here, and what its service says of it."""

from __future__ import annotations

from collections.abc import Iterator

from tui.datasets.graders import parse_grader
from tui.errors import TunedeckError
from tui.jobs.mend import Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.ports import JobServices
from tui.providers.profiles import Profile
from tui.providers.protocol import ProviderError
from tui.records.jobs import Method
from tui.records.models import Capability

_CHOOSE = Mend(MendKind.GRADER, "choose a grader file")
_MOST_SHOWN = 3
_NO_ROUTE = (404, 405, 501)


def takes_grader(service: Profile) -> bool:
    """True for a service whose reinforcement jobs carry their grader; another names one that it holds."""
    return not any(one.where == "lambda_grader" for one in service.parameters)


def about_grader(plan: LaunchPlan, service: Profile) -> Iterator[PreflightLine]:
    """Tell what is wrong with the grader itself; what its rows lack is told with the file."""
    if plan.method is not Method.REINFORCEMENT:
        if plan.grader is not None:
            yield PreflightLine("stop", f"A {plan.method} job takes no grader.", "Leave it out.",
                                (Mend(MendKind.LEAVE_OUT, "leave the grader out", "grader"),))  # fmt: skip
        return
    if not takes_grader(service):
        if plan.grader is not None:
            wanted = next(one for one in service.parameters if one.where == "lambda_grader")
            yield PreflightLine("stop", f"{service.label} takes no grader file.",
                                f"It takes {wanted.name}: {wanted.help}",
                                (Mend(MendKind.FIELD, f"type {wanted.name}=…", "extra"),))  # fmt: skip
        return
    if plan.grader is None:
        yield PreflightLine("stop", "A reinforcement job needs a grader, which scores the answers.",
                            "Name a JSON file with one.", (_CHOOSE,))  # fmt: skip
        return
    grader = parse_grader(plan.grader)
    for problem in grader.problems[:_MOST_SHOWN]:
        yield PreflightLine("stop", f"The grader: {problem.path} {problem.message}.",
                            "Mend its file, then choose it again.", (_CHOOSE,))  # fmt: skip
    if not grader.problems:
        reads = ", ".join(dict.fromkeys(one.text for one in grader.references))
        yield PreflightLine(
            "ok", f"The {grader.kind} grader is sound{f' and reads {reads}' if reads else ''}."
        )


def ask_about_grader(plan: LaunchPlan, services: JobServices) -> list[PreflightLine]:
    """Let the service look at the grader, where it can; blocks, and makes nothing there.

    Returns no line where there is nothing to ask: no grader, or one that is wrong already.
    """
    if plan.method is not Method.REINFORCEMENT or plan.grader is None or parse_grader(plan.grader).problems:
        return []
    try:
        provider = services.provider(plan.account)
        permission = provider.can(Capability.VALIDATE_GRADER)
        if not permission:
            return [PreflightLine("ok", f"The service itself was not asked: {permission.reason}")]
        provider.validate_grader(plan.grader)
    except ProviderError as error:
        if error.status in _NO_ROUTE:
            return [PreflightLine("ok", "The service has no check of graders to ask.")]
        if error.status is not None and 400 <= error.status < 500 and not error.retryable:
            return [PreflightLine("stop", f"The service refuses the grader: {error.message}",
                                  "Mend its file, then choose it again.", (_CHOOSE,))]  # fmt: skip
        return [PreflightLine("warn", f"The service could not be asked about the grader: {error.message}",
                              error.remedy)]  # fmt: skip
    except TunedeckError as error:
        return [PreflightLine("warn", f"The service could not be asked about the grader: {error.message}",
                              error.remedy)]  # fmt: skip
    return [PreflightLine("ok", "The service takes the grader.")]
