"""`tunedeck rules`: every rule of `tunedeck check`, from the data that the check itself uses."""

from __future__ import annotations

from typing import Any

import click

from tui.cli.check import unknown_rule
from tui.cli.output import json_option, print_json, print_table, say
from tui.datasets.rule_examples import shown_example
from tui.datasets.rules import RULES, Rule, fix_of
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.errors import ExitCode


@click.command("rules")
@click.argument("rule", required=False)
@click.option(
    "--provider", type=click.Choice(list(SERVICES)), help="Only the rules of this service, as bad as there."
)
@json_option
def command(rule: str | None, provider: str | None, as_json: bool) -> int:
    """List the rules of check, or explain one.

    Exit codes: 0 printed; 2 there is no such rule.
    """
    if rule is not None and rule not in RULES:
        raise unknown_rule(rule)
    if rule is not None:
        chosen = [RULES[rule]]
    else:
        chosen = [one for one in RULES.values() if provider is None or one.severity_at(provider)]
    if as_json:
        values = [rule_record(one, provider or DEFAULT_SERVICE) for one in chosen]
        print_json(values if rule is None else values[0])
    elif rule is not None:
        _explain(chosen[0])
    else:
        print_table(
            ["RULE", "SEVERITY", "LINTS", "FIX", "SUMMARY"],
            (
                [
                    one.id,
                    _severity(one, provider or DEFAULT_SERVICE),
                    one.lints,
                    fix_of(one.id) or "",
                    one.summary,
                ]
                for one in chosen
            ),
        )
    return int(ExitCode.DONE)


def rule_record(rule: Rule, service: str) -> dict[str, Any]:
    """Return a rule as JSON values, its severity that of a service."""
    return {
        "id": rule.id,
        "severity": _severity(rule, service),
        "severity_by_provider": {name: _severity(rule, name) for name in SERVICES},
        "summary": rule.summary,
        "explanation": rule.explanation,
        "source": rule.source,
        "source_date": rule.source_date,
        "service_code": rule.service_code,
        "lints": rule.lints or None,
        "example": shown_example(rule.id),
        "fix": fix_of(rule.id),
    }


def _severity(rule: Rule, service: str) -> str:
    severity = rule.severity_at(service)
    return "off" if severity is None else severity.value


def _explain(rule: Rule) -> None:
    say(f"{rule.id}: {rule.summary}")
    say(f"  {rule.explanation}")
    say("")
    say("Severity: " + ", ".join(f"{name} {_severity(rule, name)}" for name in SERVICES))
    if rule.lints:
        say(f"Quality lint: found with --lints {rule.lints}")
    say(f"Source: {rule.source} (read {rule.source_date})")
    say(f"Safe fix: {fix_of(rule.id) or 'none; only a person can decide'}")
    say("Example:")
    for line in shown_example(rule.id).split("\n"):
        say(f"  {line}")
