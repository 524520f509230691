"""The form for new files of rows on the screen: a line for each field, and a sentence below."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus
from textual.widget import Widget
from textual.widgets import Input, Static

from screens.reshape_form import FIELDS, OPERATIONS, Field, ReshapeForm
from tui.widgets.choice_field import ChoiceField
from tui.widgets.tones import content

_OPERATION = Field("operation", "Do what", "split", "←→ changes what is done; ctrl+n too.", OPERATIONS)


class ReshapePane(Vertical):
    """Shows a form; the fields' own messages go to the screen.

    Args:
        form: What is shown; the screen changes it.
        models: Models whose rows can be cut, as (id, label).
    """

    def __init__(self, form: ReshapeForm, models: Sequence[tuple[str, str]]) -> None:
        super().__init__(id="reshape-form", classes="pane")
        self.form = form
        self._models = models

    def compose(self) -> ComposeResult:
        """Yield the lines of every operation; those of the one chosen are shown."""
        yield from self._line(_OPERATION, "operation")
        for operation, fields in FIELDS.items():
            for field in fields:
                yield from self._line(field, f"{operation}-{field.name}")
        yield Static("", id="reshape-hint", markup=False)

    def _line(self, field: Field, name: str) -> ComposeResult:
        with Horizontal(classes="row", id=f"row-{name}"):
            yield Static(field.label, classes="label", markup=False)
            if field.choices or field.name in ("model", "others"):
                yield ChoiceField(id=name)
            else:
                yield Input(field.default, placeholder="none", id=name, compact=True)

    def on_mount(self) -> None:
        """Fill the fields."""
        self.show_form()

    def show_form(self) -> None:
        """Show the fields that count now, with what stands in them."""
        form = self.form
        self.query_one("#operation", ChoiceField).set_options(OPERATIONS, form.operation)
        shown = {f"row-{form.operation}-{field.name}" for field in form.fields()} | {"row-operation"}
        for row in self.query(".row"):
            row.display = row.id in shown
        for field in FIELDS[form.operation]:
            widget = self.query_one(f"#{form.operation}-{field.name}")
            if isinstance(widget, ChoiceField):
                widget.set_options(*self._options(field))
            elif isinstance(widget, Input) and widget.value != form.value(field.name):
                widget.value = form.value(field.name)
        self.show_hint()

    def _options(self, field: Field) -> tuple[Sequence[tuple[str, str]], str]:
        if field.name == "others":
            return [("", self.form.others_label())], ""
        return field.choices or self._models, self.form.value(field.name)

    def field_of(self, widget: Widget | None) -> Field | None:
        """Return the field that a widget shows."""
        name = (widget.id or "") if widget is not None else ""
        if name == "operation":
            return _OPERATION
        operation, _, rest = name.partition("-")
        return next((one for one in FIELDS.get(operation, ()) if one.name == rest), None)

    def show_hint(self) -> None:
        """Explain the field that has the keys."""
        field = self.field_of(self.screen.focused)
        self.query_one("#reshape-hint", Static).update(content((field.hint if field else "", "muted")))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain the field that has the keys."""
        self.show_hint()
