from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.jobs.curve_levels import Point
from tui.jobs.diagnosis import Curves, curves_of, diagnose
from tui.jobs.diagnosis_rules import RULES, Severity

REAL = json.loads((Path(__file__).parent / "real_curves.json").read_text("utf-8"))
"""Name -> curve of a real job with the rule that people who looked at it agree on."""
ALARMS = {"diverging", "rate-too-high", "overfitting", "flat"}


def noisy(
    random_numbers: random.Random, course: Callable[[float], float], steps: int, noise: float
) -> list[Point]:
    """Return a course over 0..1 with multiplied noise, as batch losses have it."""
    return [
        (step, course(step / steps) * math.exp(random_numbers.gauss(0, noise)))
        for step in range(1, steps + 1)
    ]


def made(seed: int, train: Callable[[float], float], valid: Callable[[float], float] | None = None) -> Curves:
    numbers = random.Random(seed)
    steps = numbers.choice([40, 66, 150, 500, 1200])
    noise = numbers.choice([0.02, 0.1, 0.25])
    points = noisy(numbers, train, steps, noise)
    if valid is None:
        return Curves(tuple(points), total_steps=steps)
    sampled = noisy(numbers, valid, steps, noise)[9::10]
    whole = [(round(steps * share / 6), valid(share / 6)) for share in range(1, 7)]
    return Curves(tuple(points), tuple(sampled), tuple(whole), steps, True)


def learning(share: float) -> float:
    return 0.6 + 1.6 * math.exp(-5 * share)


def rule_of(curves: Curves) -> str:
    found = diagnose(curves)
    assert found is not None
    return found.rule.name


@pytest.mark.parametrize("validated", [True, False])
def test_none_of_a_thousand_sound_curves_raises_an_alarm(validated: bool) -> None:
    rules = Counter(
        rule_of(made(seed, learning, (lambda share: learning(share) + 0.1) if validated else None))
        for seed in range(500)
    )
    assert set(rules) == {"learning" if validated else "no-validation"}


def test_a_sound_curve_raises_no_alarm_at_any_step_of_the_way() -> None:
    for seed in range(12):
        whole = made(seed, learning, lambda share: learning(share) + 0.1)
        for step in range(1, len(whole.train), max(1, len(whole.train) // 60)):
            so_far = Curves(
                whole.train[:step],
                tuple(point for point in whole.sampled if point[0] <= step),
                tuple(point for point in whole.whole if point[0] <= step),
                whole.total_steps,
                True,
            )
            assert rule_of(so_far) not in ALARMS, (seed, step)


def test_a_loss_that_blows_up_late_is_diverging_since_its_lowest() -> None:
    for seed in range(200):
        curves = made(seed, lambda share: learning(share) if share < 0.6 else 0.7 + 12 * (share - 0.6))
        found = diagnose(curves)
        assert found is not None
        assert found.rule.name == "diverging", seed
        assert found.since_step is not None
        assert curves.train[-1][0] / 3 < found.since_step < 0.8 * curves.train[-1][0]
        assert f"since step {found.since_step:,}" in found.sentence


def test_a_loss_that_blows_up_at_once_has_too_high_a_rate() -> None:
    def course(share: float) -> float:
        return 2.0 - 4 * share if share < 0.15 else 1.4 + 6 * min(share - 0.15, 0.5)

    found = Counter(rule_of(made(seed, course)) for seed in range(200))
    assert found["rate-too-high"] >= 195, found  # in 40 steps of great noise six low ones may be missed
    assert set(found) <= {"rate-too-high", "no-validation"}


def test_a_single_spike_is_no_divergence() -> None:
    curves = made(1, learning)
    spiked = Curves((*curves.train[:-3], (curves.train[-3][0], 90.0), *curves.train[-2:]))
    assert rule_of(spiked) == "no-validation"


def test_validation_that_rises_while_training_falls_is_overfitting() -> None:
    rises: Counter[str] = Counter()
    for seed in range(200):
        found = diagnose(made(seed, lambda share: 2 * math.exp(-4 * share), lambda s: 1 + 2 * (s - 0.4) ** 2))
        assert found is not None
        rises[found.rule.name] += 1
        assert "full validation loss rose from" in found.sentence
        assert "while training loss went from" in found.sentence
    assert rises == {"overfitting": 200}


def test_overfitting_is_seen_in_sampled_validation_too() -> None:
    train = tuple((step, 2 * math.exp(-step / 40)) for step in range(1, 121))
    sampled = tuple((step, 1.0 + abs(step - 40) / 60) for step in range(5, 121, 5))
    found = diagnose(Curves(train, sampled, (), 120, True))
    assert found is not None
    assert found.rule.name == "overfitting"
    assert found.since_step == pytest.approx(40, abs=10)


def test_both_losses_rising_together_is_not_called_overfitting() -> None:
    curves = made(3, lambda share: 1 + share * 0.4, lambda share: 1 + share * 0.4)
    assert rule_of(curves) != "overfitting"


def test_a_loss_that_never_moves_is_flat_and_one_that_fell_at_once_is_not() -> None:
    flat = Counter(rule_of(made(seed, lambda _: 1.9)) for seed in range(200))
    assert flat["flat"] >= 180
    assert set(flat) <= {"flat", "no-validation"}  # noise can hide how flat it is, and nothing worse
    fell = Counter(
        rule_of(made(seed, lambda share: 0.8 + 1.2 * math.exp(-20 * share))) for seed in range(200)
    )
    assert fell["flat"] <= 6, fell


def test_few_steps_are_too_early_and_none_is_no_diagnosis() -> None:
    assert rule_of(Curves(tuple((step, 2.0) for step in range(1, 7)))) == "too-early"
    assert diagnose(Curves(())) is None


def test_the_curves_are_taken_from_what_the_store_keeps() -> None:
    metrics = {2: {"train_loss": 1.0, "valid_loss": 1.2}, 1: {"train_loss": 2.0}, 3: {"full_valid_loss": 1.1}}
    assert curves_of(metrics, total_steps=9, has_validation=True) == Curves(
        ((1, 2.0), (2, 1.0)), ((2, 1.2),), ((3, 1.1),), 9, True
    )


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_real_curve_is_judged_as_people_judge_it(name: str) -> None:
    real = REAL[name]
    metrics = {int(step): values for step, values in real["metrics"].items()}
    found = diagnose(curves_of(metrics, total_steps=max(metrics), has_validation=real["has_validation"]))
    assert found is not None
    assert found.rule.name == real["rule"]


values = st.floats(allow_nan=False, allow_infinity=False, width=32)


@given(st.lists(values, max_size=80), st.lists(values, max_size=20), st.lists(values, max_size=5))
def test_no_numbers_are_an_accident(train: list[float], sampled: list[float], whole: list[float]) -> None:
    curves = [tuple(enumerate(numbers, 1)) for numbers in (train, sampled, whole)]
    found = diagnose(Curves(curves[0], curves[1], curves[2], 80, True))
    assert (found is None) == (not train)
    assert found is None or found.sentence.endswith(".")


def test_rules_are_told_apart_and_alarms_say_what_to_do() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert bool(rule.advice) == (
            rule.severity in (Severity.BAD, Severity.WARNING) or rule.name == "no-validation"
        )
