"""Keys of sweeps: the list of them, and the board of one."""

from __future__ import annotations

from tui.widgets.key_tables.key import Key

SWEEPS = (
    Key("new", ("n",), "new_sweep", "New", "Begin a sweep: price and time first, then a yes.", footer=True),
    Key("stop", ("x",), "stop_sweep", "Stop", "Stop this sweep and cancel what of it runs.", footer=True),
    Key(
        "resume", ("r",), "resume_sweep", "Go on", "Go on with a sweep that was stopped or died.", footer=True
    ),
    Key("export", ("e",), "export_sweep", "Export", "Write this sweep as a file that begins it again."),
    Key("delete", ("D",), "delete_sweep", "Forget", "Forget this sweep; its jobs and models stay."),
)

SWEEP = (
    Key(
        "promote",
        ("p",),
        "promote_trial",
        "Promote",
        "Promote this trial: talk to it, train on.",
        footer=True,
    ),
    Key(
        "mark",
        ("space",),
        "mark_trial",
        "Mark",
        "Mark this trial: its curve is drawn, four at most.",
        footer=True,
    ),
    Key(
        "overlay", ("o",), "overlay_trials", "Overlay", "Lay the drawn trials over one another.", footer=True
    ),
    Key("stop", ("x",), "stop_sweep", "Stop", "Stop this sweep and cancel what of it runs.", footer=True),
    Key("resume", ("r",), "resume_sweep", "Go on", "Go on with a sweep that was stopped or died."),
    Key("order", ("s",), "next_order", "Order", "Sort the trials by rank, or as they were begun."),
    Key("metric", ("v",), "next_metric(1)", "Metric", "Draw the next metric."),
    Key("metric-before", ("V",), "next_metric(-1)", "Metric before", "Draw the metric before."),
    Key("zoom", ("z",), "toggle_zoom", "Zoom", "Give the chart the whole screen, and back."),
    Key("log", ("L",), "show_log", "Log", "Show what has happened: launches, caps, rungs."),
    Key("export", ("e",), "export_sweep", "Export", "Write this sweep as a file that begins it again."),
)

KEYS: dict[str, tuple[Key, ...]] = {"sweeps": SWEEPS, "sweep": SWEEP}
