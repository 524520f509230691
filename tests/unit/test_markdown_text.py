from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.widgets.markdown_text import GrowingMarkdown, markdown_content

RICH = """# Title

Some **bold** and *slanted* with `code [b]` and [a link](http://x.y).

- one
- two
  - nested

1. first
2. second

> quoted

```python
def f(x):
    return [x]
```

| a | bb |
|---|----|
| 1 | 2 |
"""


def test_markdown_is_read_into_text_with_the_marks_gone() -> None:
    assert markdown_content(RICH).plain == (
        "Title\n\nSome bold and slanted with code [b] and a link (http://x.y).\n\n• one\n• two\n  • nested"
        "\n\n1. first\n2. second\n\n▌ quoted\n\n  def f(x):\n      return [x]\n\na │ bb\n1 │ 2"
    )


@pytest.mark.parametrize(
    "text",
    ["&#8238;evil", "&#x1b;[31m", "\x1b]52;c;aGk=\x07", "`\x1b[2J`", "[x](http://a/\u202e)", "![\x07](y)",
     "```\n\x9b31m\n```", "| \x1b | b |\n|---|---|\n| \u2066 | \x00 |", "<b onclick='\x1b'>"],
)  # fmt: skip
def test_no_control_character_comes_through(text: str) -> None:
    shown = markdown_content(text).plain
    assert all(unicodedata.category(sign) not in ("Cc", "Cf") or sign in "\n\t" for sign in shown)


def test_what_looks_like_our_own_markup_is_plain_text() -> None:
    assert markdown_content("[b]x[/b] [/] [$error]").plain == "[b]x[/b] [/] [$error]"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab \n#*_`[]()>-|1.&;:~\x1b\u202e", max_size=200))
def test_any_text_is_drawn(text: str) -> None:
    shown = markdown_content(text).plain
    assert "\x1b" not in shown
    assert "\u202e" not in shown


@pytest.mark.parametrize("step", [130, 400, 5_000])
def test_a_growing_text_ends_as_the_whole_one(step: int) -> None:
    text = f"{RICH}\n\n" * 60
    growing = GrowingMarkdown()
    for end in range(1, len(text), step):
        growing.grown(text[:end])
    assert growing.grown(text).plain == markdown_content(text).plain


def test_a_text_that_would_take_too_long_stays_as_it_is() -> None:
    for text in ("[" * 3_000, "word " * 2_000):
        assert markdown_content(text).plain == text
