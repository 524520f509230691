from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tui.datasets import file_rules
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.graders import parse_grader
from tui.datasets.report import Report, Severity
from tui.datasets.rule_examples import RuleExample, rule_example, shown_example
from tui.datasets.rules import RULES, severities_at
from tui.datasets.services import SERVICES

LIMITS = {rule for rule, entry in RULES.items() if "limit" in entry.example}


def check_example(folder: Path, example: RuleExample, **more: Any) -> Report:
    path = folder / "example.jsonl"
    path.write_bytes(example.content)
    training = folder / "training.jsonl"
    training.write_bytes(example.training or b"")
    options = CheckOptions(
        format=example.format,
        provider=example.service,
        validation=example.validation,
        minimum_examples=1 if example.validation else SERVICES[example.service].minimum_examples,
        training_file=training if example.training is not None else None,
        grader=parse_grader(example.grader) if example.grader is not None else None,
        token_limit=example.token_limit,
        count_tokens=example.token_limit is not None,
        lints="all",
        **more,
    )
    return check_file(path, options)


@pytest.mark.parametrize("rule", sorted(set(RULES) - LIMITS))
def test_the_example_of_each_rule_breaks_it(tmp_path: Path, rule: str) -> None:
    example = rule_example(rule)
    assert example is not None
    report = check_example(tmp_path, example)
    broken = {finding.rule: finding for finding in report.findings}
    assert rule in broken, sorted(broken)
    assert broken[rule].severity is RULES[rule].severity_at(example.service)


@pytest.mark.parametrize("rule", sorted(set(RULES) - LIMITS))
def test_a_rule_that_is_switched_off_finds_nothing_in_its_example(tmp_path: Path, rule: str) -> None:
    example = rule_example(rule)
    assert example is not None
    report = check_example(tmp_path, example, ignored_rules=frozenset({rule}))
    assert rule not in {finding.rule for finding in report.findings}


def test_the_rules_without_a_tiny_example_are_broken_by_tiny_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_moderation = {"moderation-flag", "moderation-unjudged"}  # see tests/unit/core/test_moderation.py
    assert {"file-too-large", "large-file", "line-too-long", *of_moderation} == LIMITS
    example = rule_example("few-examples")
    assert example is not None
    monkeypatch.setattr(file_rules, "LARGE_FILE_BYTES", 10)
    assert "large-file" in rules_of(check_example(tmp_path, example))
    tiny = {name: replace(service, maximum_bytes=10) for name, service in SERVICES.items()}
    monkeypatch.setattr(file_rules, "SERVICES", tiny)
    assert "file-too-large" in rules_of(check_example(tmp_path, example))


def rules_of(report: Report) -> set[str]:
    return {finding.rule for finding in report.findings}


def test_a_lint_never_makes_a_file_invalid() -> None:
    for rule in RULES.values():
        if rule.lints:
            assert {rule.severity_at(name) for name in SERVICES} <= {Severity.WARNING, Severity.INFO, None}


def test_severities_differ_by_service() -> None:
    assert severities_at("openai")["byte-order-mark"] is Severity.ERROR
    assert "byte-order-mark" not in severities_at("azure")
    assert severities_at("azure")["byte-order-mark-missing"] is Severity.WARNING
    assert "roles-alternate" not in severities_at("openai")
    assert severities_at("together")["roles-alternate"] is Severity.ERROR


def test_a_service_is_not_given_the_words_of_another(tmp_path: Path) -> None:
    for service in SERVICES:
        example = rule_example("missing-key")
        assert example is not None
        report = check_example(tmp_path, replace(example, service=service))
        said = [finding.service_text for finding in report.findings if finding.rule == "missing-key"]
        assert (said[0] is not None) == (service in ("openai", "azure", "local")), service


def test_bare_text_is_taken_by_one_service_only(tmp_path: Path) -> None:
    example = rule_example("text-format")
    assert example is not None
    for service in SERVICES:
        report = check_example(tmp_path, replace(example, service=service))
        assert report.valid == (service == "together")


def test_shown_examples_are_short_and_plain() -> None:
    for rule in RULES:
        shown = shown_example(rule)
        assert 0 < len(shown) < 2_000
        assert all(char == "\n" or char.isprintable() for char in shown), rule
