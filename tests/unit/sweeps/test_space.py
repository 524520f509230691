from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.errors import TunedeckError
from tui.records.sweeps import SettingValue, Stage, Trial, TrialState
from tui.sweeps.importance import importance_of
from tui.sweeps.rungs import verdicts
from tui.sweeps.sampling import known_settings
from tui.sweeps.space import Axis, drawn, grid_of, parse_axis, size_of
from tui.sweeps.sweep_file import parse_sweep_text, read_sweep_file, sweep_file_text, terms_of_definition
from tui.sweeps.terms import Halving, Objective, RungsBy, SweepTerms

numbers = st.floats(0.001, 1000, allow_nan=False).map(lambda one: float(f"{one:.4g}"))
ranges = (
    st.tuples(numbers, numbers, st.booleans())
    .filter(lambda one: one[0] < one[1])
    .map(lambda one: {"low": one[0], "high": one[1], "log": one[2]})
)
whole = (
    st.tuples(st.integers(1, 50), st.integers(1, 50))
    .filter(lambda one: one[0] < one[1])
    .map(lambda one: {"low": one[0], "high": one[1]})
)
lists = st.lists(st.one_of(st.integers(), st.text(max_size=5)), min_size=1, max_size=6, unique=True)


@given(st.one_of(ranges, whole, lists))
def test_an_axis_reads_back_as_the_same(value: Any) -> None:
    axis = parse_axis("x", value)
    assert parse_axis("x", axis.as_json()) == axis


@given(st.one_of(ranges, whole, lists), st.integers(0, 9), st.integers(1, 50))
def test_what_is_drawn_lies_in_the_axis_and_is_the_same_again(value: Any, seed: int, number: int) -> None:
    axis = parse_axis("x", value)
    found = drawn([axis], seed, number, [])
    assert found is not None
    assert found == drawn([axis], seed, number, [])
    if axis.is_range:
        assert isinstance(found["x"], int) == axis.is_whole
        assert axis.low <= float(found["x"]) <= axis.high
    else:
        assert found["x"] in axis.values


@settings(max_examples=30)
@given(whole, st.integers(0, 3))
def test_nothing_is_drawn_twice_and_everything_once(value: Any, seed: int) -> None:
    axes = [parse_axis("x", value), parse_axis("y", ["a", "b"])]
    size = size_of(axes)
    found: list[Mapping[str, SettingValue]] = []
    while (one := drawn(axes, seed, len(found) + 1, found)) is not None:
        found.append(one)
    assert len(found) == len({tuple(sorted(one.items())) for one in found}) == size


def test_a_grid_changes_the_last_axis_first_and_needs_points() -> None:
    axes = [parse_axis("a", [1, 2]), parse_axis("b", {"low": 0.1, "high": 10.0, "log": True, "points": 3})]
    assert [tuple(one.values()) for one in grid_of(axes)] == [
        (1, 0.1), (1, 1.0), (1, 10.0), (2, 0.1), (2, 1.0), (2, 10.0),
    ]  # fmt: skip
    with pytest.raises(TunedeckError) as caught:
        next(grid_of([Axis("b", (), 0.1, 1.0)]))
    assert "points = 4" in caught.value.remedy


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ({"space": "beta = 3"}, "line 10: space.beta is neither a list nor a range"),
        ({"space": "x = { low = 3, high = 1 }"}, "low below high"),
        ({"space": "x = { low = 0, high = 1, log = true }"}, "above 0"),
        ({"space": "x = [1, 1]"}, "names a value twice"),
        ({"space": "model = [1]"}, "space.model is a list of texts"),
        ({"search": 'strategy = "magic"'}, "strategy is not 'magic'"),
        ({"search": 'strategy = "random"'}, "how many trials"),
        ({"search": "trials = 0"}, "trials is no whole number"),
        ({"search": 'stratgy = "grid"'}, "there is no 'stratgy' in [search]"),
        ({"halving": "rungs = [1, 2]"}, "rungs say how many epochs"),
        ({"halving": "rungs = [2, 1]", "hyperparameters": ""}, "rungs is no list of epochs that grow"),
        ({"caps": "money = -1"}, "money is no amount"),
        ({"objective": 'checks = ["exact"]'}, "checks goes with evaluate"),
        ({"top": "epochs = 3"}, "there is no 'epochs' in a job file"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    sweep_file: Callable[..., Path], tables: dict[str, str], words: str
) -> None:
    with pytest.raises(TunedeckError) as caught:
        read_sweep_file(sweep_file(**tables))
    assert words in caught.value.message
    assert "sweep.toml, line " in caught.value.message


def test_a_sweep_file_reads_back_as_the_same(terms_of: Callable[..., SweepTerms], tmp_path: Path) -> None:
    terms = terms_of(
        space='beta = { low = 0.1, high = 10.0, log = true }\ntraining = ["a.jsonl", "b.jsonl"]',
        search='strategy = "random"\ntrials = 5\nat_once = 3',
        objective='metric = "valid_loss"\ntake = "best"',
        caps="money = 2.5\nhours = 3", hyperparameters="", halving="rungs = [1, 2]",
    )  # fmt: skip
    assert terms.axes[1].values == (str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"))
    assert parse_sweep_text(sweep_file_text(terms), tmp_path) == terms
    assert terms_of_definition(terms.as_json()) == terms
    known = known_settings(terms)
    assert known is not None
    assert known == known_settings(terms)
    assert len(known) == 5


def stage(number: int, rung: int, value: float | None) -> Stage:
    return Stage("s", number, rung, f"run-{number}-{rung}", "openai", value=value)


@given(
    st.lists(st.one_of(st.none(), st.floats(0, 9)), min_size=1, max_size=9), st.sampled_from([0.3, 0.5, 0.9])
)
def test_a_rung_keeps_the_best_and_the_same_after_a_crash(values: list[float | None], keep: float) -> None:
    halving = Halving(RungsBy.FRESH, (1, 2, 4), keep)
    trials = [
        Trial("s", number, {}, TrialState.FAILED if value is None else TrialState.RESTING)
        for number, value in enumerate(values, 1)
    ]
    stages = [stage(number, 0, value) for number, value in enumerate(values, 1)]
    found = verdicts(halving, Objective(), trials, stages, all_asked=True)
    assert not verdicts(halving, Objective(), trials, stages, all_asked=False)
    known = sorted(value for value in values if value is not None)
    first = found[0]
    assert (
        sorted(values[number - 1] or 0.0 for number in first.winners) == known[: halving.kept_of(len(known))]
    )
    assert len(first.winners) + len(first.losers) == len(known)
    # Who has been let go of already changes nothing of what the rung says.
    after = [
        Trial("s", one.number, {}, TrialState.PRUNED if one.number in first.losers else one.state)
        for one in trials
    ]
    assert verdicts(halving, Objective(), after, stages, all_asked=True) == found


def test_the_axis_that_decides_is_found_and_the_other_is_not(terms_of: Callable[..., SweepTerms]) -> None:
    terms = terms_of(space="learning_rate_multiplier = [1.0, 2.0]\nbatch_size = { low = 1, high = 64 }")
    trials, stages = [], []
    for number in range(1, 13):
        rate = 1.0 + number % 2
        trials.append(Trial("s", number, {"learning_rate_multiplier": rate, "batch_size": number * 5}))
        stages.append(stage(number, 0, rate + 0.01 * (number % 3)))
    first, second = importance_of(terms, trials, stages)
    assert first.name == "learning_rate_multiplier"
    assert first.share == pytest.approx(1.0, abs=0.01)
    assert second.share == pytest.approx(0.0, abs=0.2)
    assert importance_of(terms, trials[:3], stages[:3])[0].share is None
