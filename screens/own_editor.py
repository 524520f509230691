"""Hands the terminal to the person's own editor for a text, and takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tui.errors import TunedeckError

if TYPE_CHECKING:
    from textual.app import App


def edit_in_own_editor(app: App[None], text: str, name: str) -> str:
    """Return a text as the person left it; blocks, for there is no screen to draw on meanwhile.

    Args:
        app: Whose terminal it is.
        text: What they begin with.
        name: Of the file, so that the editor knows what it is.

    Raises:
        TunedeckError: There is no editor, it failed, or no terminal can be given to it.
    """
    from tui.text_editor import edit_text, editor_command

    editor_command()  # what is missing is told without a flicker
    failure: TunedeckError | None = None
    try:
        with app.suspend():
            # An error must not leave this block: the terminal would not be taken back.
            try:
                text = edit_text(text, name)
            except TunedeckError as error:
                failure = error
    except SuspendNotSupported:
        raise TunedeckError("This terminal can't be handed to an editor.", "Write the text here.") from None
    if failure is not None:
        raise failure
    return text
