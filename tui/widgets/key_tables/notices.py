"""Keys of the screen that says where you are told of what."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

NOTICES = (
    Key("test", ("t",), "test_channel", "Test", "Send a test message through this channel.", footer=True),
    Key("add", ("n",), "add_address", "New address", "Add mail, Slack, ntfy or a webhook.", footer=True),
    Key("remove", ("x",), "remove_address", "Remove", "Remove this address and its rules.", footer=True),
    Key("refresh", ("r",), "reload", "Refresh", "Look again what works here and what was told."),
)

NOTICE_RULE = (
    Key("toggle", ("space",), "toggle_channel", "Take", "Tell through this channel, or not.", footer=True),
    Key("none", ("backspace",), "choose_none", "None", "Tell through no channel."),
    Key("close", ("escape", "q"), "close", "Close", "Leave the rule as it is.", footer=True),
)

ADDRESS_FORM = (
    Key("take", ("ctrl+s",), "take", "Save", "Save the address.", footer=True),
    Key("next-field", ("down",), "app.focus_next", "Next field", "Go to the next field."),
    Key("previous-field", ("up",), "app.focus_previous", "Field before", "Go to the field before."),
    Key("close", ("escape",), "close", "Close", "Leave everything as it is.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {
    "notices": NOTICES,
    "notice-rule": NOTICE_RULE,
    "address-form": ADDRESS_FORM,
}
