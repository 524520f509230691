"""One account to fill in; the key is typed unseen and goes to the keyring alone."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar, Self

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from screens.base import DeckDialog
from tui.errors import TunedeckError
from tui.providers.account_settings import DeclaredAccount, save_account
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import profiles
from tui.records.models import Account
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.tones import content

_VARIABLE, _KEYRING, _ENTRA = "variable", "keyring", "entra"
_ROWS = (
    ("name", "Name"),
    ("provider", "Service"),
    ("base_url", "Address"),
    ("options", "Options"),
    ("source", "Key from"),
    ("key_variable", "Variable"),
    ("key", "Key"),
)


@dataclass(frozen=True, slots=True)
class FilledForm:
    """The fields as they stand; the key is not among them."""

    name: str = ""
    provider: str = "openai"
    base_url: str = ""
    options: str = ""
    source: str = _VARIABLE
    key_variable: str = ""
    label: str | None = None

    @classmethod
    def of(cls, account: Account | None, declared: DeclaredAccount | None) -> Self:
        """Return the fields of an account; of none, those to begin with."""
        if account is None:
            return cls()
        if declared is None:
            return cls(account.name, account.provider)
        return cls(
            declared.name, declared.provider, declared.base_url or "",
            " ".join(f"{name}={value}" for name, value in declared.options.items()),
            _KEYRING if declared.in_keyring else _ENTRA if declared.by_entra else _VARIABLE,
            declared.key_variable or "", declared.label,
        )  # fmt: skip

    def declared(self) -> DeclaredAccount:
        """Return the account that the fields describe.

        Raises:
            TunedeckError: The options can't be read.
        """
        pairs = [one.partition("=") for one in self.options.split()]
        if not all(sign for _, sign, _ in pairs):
            raise TunedeckError("Options are written as name=value, with blanks between.", "")
        variable = self.key_variable.strip() if self.source == _VARIABLE else ""
        return DeclaredAccount(
            self.name.strip(), self.provider, self.base_url.strip() or None, variable or None,
            self.source == _KEYRING, self.label, {name: value for name, _, value in pairs},
            by_entra=self.source == _ENTRA,
        )  # fmt: skip


class AccountDialog(DeckDialog, inherit_bindings=False):
    """Dismissed with the name of the account that was saved, or with None.

    Args:
        form: What the fields begin with.
        is_new: The name can be chosen.
        taken: Names that a new account can't have.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("account-form", "screen")]
    CSS_PATH = "account_form.tcss"

    def __init__(self, form: FilledForm, *, is_new: bool, taken: Set[str] = frozenset()) -> None:
        super().__init__()
        self._form = form
        self._is_new = is_new
        self._taken = taken

    def compose(self) -> ComposeResult:
        """Yield a line for each field, with a note beside it."""
        with Vertical(id="account-form") as frame:
            frame.border_title = content(
                "New account" if self._is_new else f"Account {safe_line(self._form.name, 40)}"
            )
            frame.border_subtitle = "^s saves, esc leaves"
            for name, label in _ROWS:
                with Horizontal(classes="row", id=f"row-{name}"):
                    yield Static(label, classes="label", markup=False)
                    if name in ("provider", "source"):
                        yield ChoiceField(id=name)
                    else:
                        value = getattr(self._form, name, "")
                        yield Input(
                            value, id=name, compact=True, password=name == "key",
                            disabled=name == "name" and not self._is_new,
                        )  # fmt: skip
                    yield Static("", classes="note", id=f"note-{name}", markup=False)
            yield Static("", id="account-note", markup=False)

    def on_mount(self) -> None:
        """Offer services and places for the key."""
        known = [(name, one.label) for name, one in profiles().items() if name != LOCAL_NAME]
        self.query_one("#provider", ChoiceField).set_options(known, self._form.provider)
        places = [
            (_VARIABLE, "an environment variable"), (_KEYRING, "the keyring"),
            (_ENTRA, "Microsoft Entra, as `az login`"),
        ]  # fmt: skip
        self.query_one("#source", ChoiceField).set_options(places, self._form.source)
        self._explain()

    @on(ChoiceField.Changed)
    def _explain(self) -> None:
        """Say what the chosen service asks for, and show only the fields that matter."""
        service = profiles()[self.query_one("#provider", ChoiceField).value]
        source = self.query_one("#source", ChoiceField).value
        self.query_one("#row-key_variable").display = source == _VARIABLE
        self.query_one("#row-key").display = source == _KEYRING
        self.query_one("#row-options").display = bool(service.options)
        self.query_one("#base_url", Input).placeholder = service.base_url or service.base_url_hint
        self.query_one("#key_variable", Input).placeholder = service.key_variable or "MY_KEY"
        self.query_one("#options", Input).placeholder = " ".join(
            f"{one.name}={one.default or '…'}" for one in service.options
        )
        kept = not self._is_new and self._form.source == _KEYRING
        self.query_one("#key", Input).placeholder = "unchanged" if kept else ""
        if self._is_new:
            self.query_one("#note-name", Static).update(content(("a-z 0-9 . - _", "muted")))
        rate = "the rate itself" if service.learning_rate == "absolute" else "a factor on its own rate"
        words = [f"{one.name}: {one.help}" for one in service.options]
        words.append(f"Its learning rate is {rate}. Read on {service.read_on} in {service.source}.")
        self.query_one("#account-note", Static).update(content((safe_line(" ".join(words)), "muted")))

    @on(Input.Submitted)
    @on(ChoiceField.Opened)
    def _go_on(self) -> None:
        self.focus_next()

    def action_take(self) -> None:
        """Save what is written, unless something is wrong with it."""
        fields = {
            name: self.query_one(f"#{name}", Input).value
            for name in ("name", "base_url", "options", "key_variable")
        }
        choices = {name: self.query_one(f"#{name}", ChoiceField).value for name in ("provider", "source")}
        filled = FilledForm(**fields, **choices, label=self._form.label)
        if filled.name.strip() in self._taken:
            self.tell(f"There is an account {filled.name.strip()} already: e changes it.", severity="error")
            return
        self._save(filled, self.query_one("#key", Input).value.strip())

    @work(group="save-account", exclusive=True, exit_on_error=False, description="save an account")
    async def _save(self, filled: FilledForm, typed_key: str) -> None:
        kept = not self._is_new and self._form.source == _KEYRING and not typed_key
        key = typed_key if filled.source == _KEYRING and not kept else None
        try:
            declared = filled.declared()
            # The keyring may ask the person to unlock it.
            await asyncio.to_thread(save_account, declared, key)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.dismiss(declared.name)
