"""A list of any length with a cursor: only the lines on the screen are ever made."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.widgets.keys import bindings
from tui.widgets.tones import Line, tone_style


class LineList(ScrollView, can_focus=True, inherit_bindings=False):
    """Base of every list: subclasses say how many items there are and what line each one is.

    Posts `Moved` when the cursor changes place and `Opened` on enter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("list")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--cursor", "line-list--cursor-blurred"}
    DEFAULT_CSS = """
    LineList {
        height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        & > .line-list--cursor { background: $block-cursor-background; color: $block-cursor-foreground;
            text-style: $block-cursor-text-style; }
        & > .line-list--cursor-blurred { background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground; text-style: $block-cursor-blurred-text-style; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """Index of the item the cursor is on."""

    class Moved(Message):
        """The cursor came to another item."""

        def __init__(self, list: LineList, index: int) -> None:  # noqa: A002 - named as Textual names it
            super().__init__()
            self.list = list
            self.index = index

        @property
        def control(self) -> LineList:
            """The list, so that `@on` can tell lists apart."""
            return self.list

    class Opened(Message):
        """The item under the cursor was chosen."""

        def __init__(self, list: LineList, index: int) -> None:  # noqa: A002 - named as Textual names it
            super().__init__()
            self.list = list
            self.index = index

        @property
        def control(self) -> LineList:
            """The list, so that `@on` can tell lists apart."""
            return self.list

    def __init__(self, *, id: str | None = None, classes: str | None = None, empty: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._strips: LRUCache[tuple[object, ...], Strip] = LRUCache(1024)
        self.empty_text = empty
        """What is shown when there is nothing to list."""

    # What a subclass answers

    def item_count(self) -> int:
        """Return how many items there are."""
        raise NotImplementedError

    def item_line(self, index: int, width: int) -> Line:
        """Return item `index` as one line at most `width` columns wide."""
        raise NotImplementedError

    def header_line(self, width: int) -> Line | None:
        """Return a line that stays at the top, or None."""
        return None

    def has_header(self) -> bool:
        """Say whether there is a header line; asked for every line that is drawn, so it must be quick."""
        return self.header_line(1) is not None

    # Changes

    def items_changed(self) -> None:
        """Draw anew after the items changed; the cursor stays where it can."""
        self._strips.clear()
        self._fit_to_items()
        self.cursor = self.cursor
        self.refresh()

    def items_appended(self) -> None:
        """Make room for more items at the end; lines already drawn stay."""
        self._fit_to_items()
        self.refresh()

    def _fit_to_items(self) -> None:
        size = Size(self.scrollable_content_region.width, self.item_count() + self._header_rows)
        old = self.virtual_size
        page = self.scrollable_content_region.height
        if page and (size.height > page) == (old.height > page):
            # The scrollbar stays or stays away: no need to lay out, and so repaint, the whole screen. The
            # width alone moves nothing either: a list never scrolls sideways.
            self.set_reactive(LineList.virtual_size, size)
            if self.show_vertical_scrollbar:
                self.vertical_scrollbar.window_virtual_size = size.height
        else:
            self.virtual_size = size

    @property
    def _header_rows(self) -> int:
        return 1 if self.has_header() else 0

    def notify_style_update(self) -> None:
        """Forget lines drawn in the old theme."""
        super().notify_style_update()
        self._strips.clear()

    def on_mount(self) -> None:
        """Take the size of what there is already."""
        self._fit_to_items()

    def on_resize(self) -> None:
        """Keep the cursor in view at the new size."""
        self._fit_to_items()
        self._show_cursor()

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Put the scrollbar's thumb where the list was scrolled to before it had a scrollbar."""
        if shown:
            self.vertical_scrollbar.position = round(self.scroll_y)

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on an item."""
        return max(0, min(cursor, self.item_count() - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw the two lines concerned and tell who listens."""
        self.refresh_line(old + self._header_rows)
        self.refresh_line(new + self._header_rows)
        self._show_cursor()
        self.post_message(self.Moved(self, new))

    def _show_cursor(self) -> None:
        if not self.size:  # not laid out yet: `on_resize` comes back here
            return
        if self.virtual_size.height < self.item_count() + self._header_rows:
            self._fit_to_items()  # a list that grows is told of it now and then, and its cursor may be ahead
        visible = self._page_rows
        top = round(self.scroll_target_y)
        # Forced, because Textual scrolls only what has a scrollbar, and a list that just outgrew its page
        # gets one with the next layout. That layout leaves the size as it is, so no resize makes up for it.
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + visible:
            self.scroll_to(y=self.cursor - visible + 1, animate=False, force=True)

    @property
    def _page_rows(self) -> int:
        return max(1, self.scrollable_content_region.height - self._header_rows)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.scrollable_content_region.width
        header_rows = self._header_rows
        if y < header_rows:
            return self._strip(self.header_line(width) or (), width, self.rich_style)
        index = y - header_rows + self.scroll_offset.y
        count = self.item_count()
        return self._item_strip(index, width) if index < count else self._strip_below(index, count, width)

    def _strip_below(self, index: int, count: int, width: int) -> Strip:
        """Draw a line below the items; one is much like another, and each new one asks for styles."""
        said = _wrapped(self.empty_text, max(1, width)) if count == 0 else ()
        words = said[index] if index < len(said) else ""
        key = (words, width)
        if (known := self._strips.get(key)) is None:
            known = self._strip([(words, "muted")] if words else (), width, self.rich_style)
            self._strips[key] = known
        return known

    def _item_strip(self, index: int, width: int) -> Strip:
        on_cursor = index == self.cursor
        key = (index, width, on_cursor, self.has_focus and on_cursor)
        if (known := self._strips.get(key)) is not None:
            return known
        base = self.rich_style
        if on_cursor:
            name = "line-list--cursor" if self.has_focus else "line-list--cursor-blurred"
            base += self.get_component_rich_style(name)
        strip = self._strip(self.item_line(index, width), width, base, on_cursor and self.has_focus)
        self._strips[key] = strip
        return strip

    def _strip(self, line: Line, width: int, base: Style, plain: bool = False) -> Strip:
        segments = [Segment(text, base if plain else base + tone_style(self, tone)) for text, tone in line]
        return Strip(segments).adjust_cell_length(width, base)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show by the cursor's colour whether keys come here."""
        super().watch_has_focus(has_focus)
        self.refresh_line(self.cursor + self._header_rows)

    # Keys

    def action_cursor_down(self) -> None:
        """Move down one item."""
        self.cursor += 1

    def action_cursor_up(self) -> None:
        """Move up one item."""
        self.cursor -= 1

    def action_cursor_first(self) -> None:
        """Move to the first item."""
        self.cursor = 0

    def action_cursor_last(self) -> None:
        """Move to the last item."""
        self.cursor = self.item_count() - 1

    def action_cursor_half(self, direction: int) -> None:
        """Move half a page."""
        self.cursor += direction * max(1, self._page_rows // 2)

    def action_cursor_page(self, direction: int) -> None:
        """Move a page."""
        self.cursor += direction * max(1, self._page_rows - 1)

    def action_open_item(self) -> None:
        """Choose the item under the cursor."""
        if self.item_count():
            self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: Click) -> None:
        """Move the cursor to the line clicked on; a click on the cursor chooses it."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        index = offset.y - self._header_rows + self.scroll_offset.y
        if offset.y < self._header_rows or index >= self.item_count():
            return
        if index == self.cursor and event.chain > 1:
            self.action_open_item()
        self.cursor = index


@lru_cache(32)
def _wrapped(text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(text, width)
