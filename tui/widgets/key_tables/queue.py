"""Keys of the screen that lists what waits to start."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

QUEUE = (
    Key("up", ("K",), "move_waiting('up')", "Up", "Move it up among those of its priority.", footer=True),
    Key("down", ("J",), "move_waiting('down')", "Down", "Move it down.", footer=True),
    Key("first", ("F",), "move_waiting('first')", "First", "Make it the first of its priority."),
    Key("last", ("B",), "move_waiting('last')", "Last", "Make it the last of its priority."),
    Key("priority", ("p",), "raise_waiting", "Priority", "Low, normal, high.", footer=True),
    Key("time", ("t",), "time_waiting", "When", "Say when it may start: tonight, 23:30, +2h.", footer=True),
    Key("now", ("n",), "start_waiting", "Now", "Let it start as soon as there is a place.", footer=True),
    Key("drop", ("x",), "drop_waiting", "Drop", "Take it out of the queue.", footer=True),
)

KEYS: dict[str, tuple[Key, ...]] = {"queue": QUEUE}
"""Area -> its keys."""
