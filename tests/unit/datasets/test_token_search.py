from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, user
from tui.datasets.formats import DatasetFormat
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.token_search import TokenSearch
from tui.datasets.token_view import TokenView, view_row

READER = TiktokenReader("o200k_base")
words = st.lists(st.sampled_from(["sun", " moon", " 你好", "🙂", "\n", " unbelievable"]), max_size=12).map(
    "".join
)


def view(*contents: str) -> TokenView:
    return view_row(chat(*map(user, contents), assistant("yes")), DatasetFormat.CHAT, READER, None)


def text_of(found: TokenView, first: int, last: int) -> bytes:
    return b"".join(found.raw(number) for number in range(first, last + 1))


@given(words, words, st.integers(0, 40), st.sampled_from([1, -1]))
def test_a_match_holds_what_was_looked_for(text: str, wanted: str, start: int, direction: int) -> None:
    row = view(text, "between", text)
    match = TokenSearch(row).find(wanted, start % row.span_count, direction)
    whole = text_of(row, 0, row.span_count - 1)
    assert (match is not None) == bool(wanted and wanted.encode() in whole)
    if match is not None:
        assert wanted.encode() in text_of(row, *match)


def test_matches_are_visited_one_after_the_other_and_round_the_end() -> None:
    row = view("one sun", "two sun", "three Sun")
    search = TokenSearch(row)
    visited = [0]
    for _ in range(4):
        match = search.find("sun", visited[-1], 1)
        assert match is not None
        visited.append(match[0])
    assert visited[1] < visited[2] < visited[3]
    assert visited[4] == visited[1]
    back = search.find("sun", visited[3], -1)
    assert back is not None
    assert back[0] == visited[2]


def test_text_is_found_across_tokens_and_from_the_middle_of_one() -> None:
    row = view("unbelievable moonlight")
    match = TokenSearch(row).find("LIEVABLE MOON", 0, 1)
    assert match is not None
    assert match[1] > match[0]
    assert b"lievable moon" in text_of(row, *match)


def test_nothing_is_found_in_a_row_without_tokens() -> None:
    row = view_row({"prompt": "", "completion": ""}, DatasetFormat.COMPLETION, READER, None)
    assert TokenSearch(row).find("x", 0, 1) is None
