from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import Row, assistant, chat, clean_chats, user, write
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.reshape.keys import Key, KeyKind
from tui.datasets.reshape.plan import Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.sample import SampleWish, plan_sample
from tui.datasets.reshape.split import Amount, SplitWish, Together, plan_split
from tui.datasets.reshape.write import target_names, write_plan
from tui.errors import TunedeckError

LEAKS = {"train-overlap", "near-train-overlap"}


def split(path: Path, wish: SplitWish) -> tuple[Plan, list[list[Row]]]:
    with RowTable.open(path) as table:
        plan = plan_split(table, wish)
        written = write_plan(plan, target_names(plan), overwrite=True)
    return plan, [
        [json.loads(line) for line in file.path.read_bytes().splitlines()] for file in written.files
    ]


def leaks(path: Path, name: str, training: str = "training", lints: str = "none") -> list[str]:
    options = CheckOptions(
        training_file=path.with_name(f"rows.{training}.jsonl"),
        minimum_examples=1,
        count_tokens=False,
        lints=lints,
    )
    report = check_file(path.with_name(f"rows.{name}.jsonl"), options)
    return [finding.rule for finding in report.findings if finding.rule in LEAKS]


REPEATED = st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["yes", "no"])), min_size=3, max_size=30)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(REPEATED, st.integers(0, 2**64 - 1), st.floats(0.01, 0.5), st.booleans(), st.booleans())
def test_no_split_leaks_by_the_check_of_the_validation_file(
    tmp_path_factory: pytest.TempPathFactory,
    kinds: list[tuple[int, str]],
    seed: int,
    share: float,
    by_answer: bool,
    by_system: bool,
) -> None:
    path = tmp_path_factory.mktemp("split") / "rows.jsonl"
    rows = [
        chat({"role": "system", "content": f"You are {kind % 3}."}, user(f"Question {kind}"), assistant(said))
        for kind, said in kinds
    ]
    write(path, rows)
    wish = SplitWish(
        Amount(share=share),
        seed=seed,
        stratify=Key(KeyKind.ANSWER) if by_answer else None,
        together=Together.SYSTEM if by_system else Together.SAME,
    )
    groups = {kind % 3 for kind, _ in kinds} if by_system else {json.dumps(row) for row in rows}
    if len(groups) < 2:
        with pytest.raises(TunedeckError, match="must not be parted"):
            split(path, wish)
        return
    _, parts = split(path, wish)
    assert all(parts)
    assert sorted(map(json.dumps, parts[0] + parts[1])) == sorted(map(json.dumps, rows))
    assert leaks(path, "validation") == []
    if by_system:
        systems = [{row["messages"][0]["content"] for row in part} for part in parts]
        assert not systems[0] & systems[1]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=8, max_size=40), st.integers(0, 99))
def test_near_duplicates_are_never_parted_by_the_lint_of_both_files(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[int, int]], seed: int
) -> None:
    path = tmp_path_factory.mktemp("near") / "rows.jsonl"
    write(
        path,
        [
            chat(
                user(" ".join(f"w{base}x{number}" for number in range(40)) + f" end{tail}"), assistant("Ok.")
            )
            for base, tail in kinds
        ],
    )
    wish = SplitWish(Amount(share=0.3), Amount(share=0.2), seed, together=Together.NEAR)
    if len({base for base, _ in kinds}) < 3:
        return
    split(path, wish)
    assert leaks(path, "validation", lints="all") == []
    assert leaks(path, "test", lints="all") == []
    assert leaks(path, "test", "validation", lints="all") == []


def test_the_leak_rule_does_find_what_together_none_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [chat()] * 20)
    with pytest.raises(TunedeckError, match="must not be parted"):
        split(path, SplitWish())
    plan, parts = split(path, SplitWish(together=Together.NONE))
    assert [len(part) for part in parts] == [18, 2]
    assert leaks(path, "validation") == ["train-overlap", "train-overlap"]
    assert any("--training" in note for note in plan.notes)


def test_a_split_keeps_the_mix_and_counts_it(tmp_path: Path) -> None:
    rows = [chat(user(f"Q{number}"), assistant("yes" if number % 4 else "no")) for number in range(400)]
    path = write(tmp_path / "rows.jsonl", rows)
    wish = SplitWish(Amount(rows=40), Amount(share=0.2), stratify=Key(KeyKind.ANSWER))
    plan, parts = split(path, wish)
    assert [len(part) for part in parts] == [280, 40, 80]
    (table,) = plan.tables
    assert table.lines == (("yes", (210, 30, 60)), ("no", (70, 10, 20)))


def test_rows_with_one_value_stay_together_and_those_without_stand_alone(tmp_path: Path) -> None:
    rows: list[Row] = [
        {**chat(user(f"Q{number}")), "who": None if number % 10 == 0 else f"person {number % 7}"}
        for number in range(100)
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    plan, parts = split(path, SplitWish(Amount(share=0.3), group="who"))
    people: list[set[Any]] = [{row["who"] for row in part} - {None} for part in parts]
    assert people[0]
    assert people[1]
    assert not people[0] & people[1]
    assert plan.facts["groups"] == 17
    assert any("10 rows have no value" in note for note in plan.notes)


def test_a_rows_chance_does_not_hang_on_the_rows_around_it(tmp_path: Path) -> None:
    rows = clean_chats(200)
    first = write(tmp_path / "rows.jsonl", rows)
    _, before = split(first, SplitWish(Amount(share=0.2)))
    second = write(tmp_path / "rows.jsonl", rows[::-1])
    _, after = split(second, SplitWish(Amount(share=0.2)))
    assert before[1] == after[1][::-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10%", Amount(share=0.1)),
        ("0.25", Amount(share=0.25)),
        ("7", Amount(rows=7)),
        (" 5 % ", Amount(share=0.05)),
    ],
)
def test_an_amount_is_read(text: str, expected: Amount) -> None:
    assert Amount.parse(text) == expected


@pytest.mark.parametrize("text", ["", "0", "-3", "100%", "1.5", "many", "nan", "0%"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(TunedeckError, match="no number of rows"):
        Amount.parse(text)


@pytest.mark.parametrize(("validation", "test"), [("50", None), ("40", "20"), ("60%", "40%")])
def test_a_split_without_training_rows_is_refused(tmp_path: Path, validation: str, test: str | None) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(50))
    wish = SplitWish(Amount.parse(validation), None if test is None else Amount.parse(test))
    with pytest.raises(TunedeckError, match="leave none to train on"):
        split(path, wish)


def test_a_sample_keeps_the_mix_and_the_order(tmp_path: Path) -> None:
    rows = [chat(user(f"Q{number}"), assistant("a" if number % 5 else "b")) for number in range(100)]
    path = write(tmp_path / "rows.jsonl", rows)
    with RowTable.open(path) as table:
        plan = plan_sample(table, SampleWish(Amount(rows=10), stratify=Key(KeyKind.ANSWER)))
        again = plan_sample(table, SampleWish(Amount(rows=10), stratify=Key(KeyKind.ANSWER)))
        other = plan_sample(table, SampleWish(Amount(rows=10), seed=1))
        with pytest.raises(TunedeckError, match="100 rows; 101 were asked for"):
            plan_sample(table, SampleWish(Amount(rows=101)))
    positions = plan.outputs[0].parts[0].positions.tolist()
    assert positions == sorted(positions) == again.outputs[0].parts[0].positions.tolist()
    assert positions != other.outputs[0].parts[0].positions.tolist()
    assert plan.tables[0].lines == (("a", (8,)), ("b", (2,)))
