from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tui.clock import TODAY_VARIABLE, today
from tui.errors import TunedeckError


def test_today_is_the_named_day_or_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, "2027-01-15")
    assert today() == date(2027, 1, 15)
    monkeypatch.delenv(TODAY_VARIABLE)
    before = datetime.now(UTC).date()
    assert before <= today() <= datetime.now(UTC).date()


@pytest.mark.parametrize("word", ["tomorrow", "2027-13-01", "15.1.2027"])
def test_a_word_that_is_no_date_is_refused(monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv(TODAY_VARIABLE, word)
    with pytest.raises(TunedeckError, match="TUNEDECK_TODAY is no date"):
        today()
