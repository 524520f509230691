from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.errors import ExitCode, TunedeckError
from tui.jobs.queue_wish import QueueWish, parse_queue_wish, priority_word

NIGHT = "22:00-06:00"


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()


def start(text: str, now: str, night: str = NIGHT) -> str | None:
    moment = parse_queue_wish(text, night, at(now)).start_at
    return None if moment is None else f"{datetime.fromtimestamp(moment).astimezone():%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("", "2026-11-30T12:00", None),
        ("now", "2026-11-30T12:00", None),
        ("tonight", "2026-11-30T12:00", "2026-11-30 22:00"),
        ("tonight", "2026-11-30T23:30", None),
        ("tonight", "2026-12-01T05:59", None),
        ("tonight", "2026-12-01T06:01", "2026-12-01 22:00"),
        ("23:30", "2026-11-30T12:00", "2026-11-30 23:30"),
        ("7:05", "2026-11-30T12:00", "2026-12-01 07:05"),
        ("+90m", "2026-11-30T12:00", "2026-11-30 13:30"),
        ("2026-12-31 06:00", "2026-11-30T12:00", "2026-12-31 06:00"),
        ("2026-12-31", "2026-11-30T12:00", "2026-12-31 00:00"),
        # The night in which the clocks went back had 25 hours, the one in which they go on 23.
        ("22:00", "2026-10-24T23:00", "2026-10-25 22:00"),
        ("tonight", "2027-03-27T12:00", "2027-03-27 22:00"),
        ("22:00", "2027-03-27T23:00", "2027-03-28 22:00"),
    ],
)
def test_a_start_is_read_by_this_machines_clock(text: str, now: str, expected: str | None) -> None:
    assert start(text, now) == expected


def test_a_priority_stands_anywhere() -> None:
    assert parse_queue_wish("high", NIGHT) == QueueWish(None, 1)
    wish = parse_queue_wish("low 2026-12-31 06:00", NIGHT, at("2026-11-30T12:00"))
    assert (priority_word(wish.priority), wish.start_at) == ("low", int(at("2026-12-31T06:00").timestamp()))


@pytest.mark.parametrize(
    "text",
    ["noon", "25:00", "2026-13-01", "2020-01-01", "now tonight", "high low", "+2d", "22:60", "now now"],
)
def test_what_cannot_be_read_is_refused_with_what_could(text: str) -> None:
    with pytest.raises(TunedeckError) as caught:
        parse_queue_wish(text, NIGHT, at("2026-11-30T12:00"))
    assert caught.value.exit_code == ExitCode.WRONG_USE
    assert caught.value.remedy


def test_a_night_without_an_end_is_refused() -> None:
    with pytest.raises(TunedeckError, match="night"):
        parse_queue_wish("tonight", "22:00", at("2026-11-30T12:00"))


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    now = at("2026-11-30T12:00")
    try:
        wish = parse_queue_wish(text, NIGHT, now)
    except TunedeckError:
        return
    assert wish.start_at is None or wish.start_at > now.timestamp()


@given(hour=st.integers(0, 23), minute=st.integers(0, 59), hours=st.integers(0, 24 * 400))
def test_a_clock_time_is_the_next_one_and_within_a_day(hour: int, minute: int, hours: int) -> None:
    now = at("2026-01-01T00:30") + timedelta(hours=hours)
    moment = parse_queue_wish(f"{hour:02}:{minute:02}", NIGHT, now).start_at
    assert moment is not None
    assert 0 < moment - now.timestamp() <= 25 * 3600
