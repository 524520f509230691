"""`tunedeck config`: shows, checks, locates and changes the settings."""

from __future__ import annotations

import click

from tui import paths
from tui.chosen_keys import load_chosen_keys
from tui.cli.output import json_option, print_json, print_table, say
from tui.config import describe_setting, load_settings, save_setting, settings_with_sources


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Show the settings and where each comes from; with a command, more."""
    if ctx.invoked_subcommand is None:
        _show(as_json)


@command.command()
@json_option
def show(as_json: bool) -> None:
    """Show every setting with its value, source and meaning."""
    _show(as_json)


@command.command()
@json_option
def path(as_json: bool) -> None:
    """Print where the settings file, the data and the caches are."""
    places = {
        "settings": paths.settings_file(),
        "catalog": paths.config_dir() / "catalog.toml",
        "store": paths.store_file(),
        "engine": paths.engine_dir(),
        "models": paths.base_models_dir(),
    }
    if as_json:
        print_json({name: str(place) for name, place in places.items()})
        return
    for name, place in places.items():
        say(f"{name:<8}  {place}")


@command.command()
@json_option
def keys(as_json: bool) -> None:
    """List the app's actions with their keys, as the [keys] table of the settings file names them."""
    from tui.widgets.keymap import chosen_keymap  # loads Textual's names of keys
    from tui.widgets.keys import all_keys, display

    moved = chosen_keymap()
    entries = [
        (named.action_id, moved.get(named.action_id, ",".join(named.key.keys)).split(","), named.key.help)
        for named in all_keys()
    ]
    if as_json:
        print_json(
            {
                action_id: {"keys": names, "moved": action_id in moved, "help": meaning}
                for action_id, names, meaning in entries
            }
        )
        return
    print_table(
        ["ACTION", "KEYS", "MEANING"],
        [[action_id, " ".join(map(display, names)), meaning] for action_id, names, meaning in entries],
    )


@command.command()
def check() -> None:
    """Read the settings file and say whether it is sound."""
    load_settings()
    from tui.jobs.notices.rules import notify_rules  # not needed to show settings

    notify_rules()
    if load_chosen_keys():
        from tui.widgets.keymap import chosen_keymap  # loads Textual's names of keys

        chosen_keymap()
    say(f"{paths.settings_file()} is sound.")


@command.command(name="set")
@click.argument("key")
@click.argument("value")
def set_value(key: str, value: str) -> None:
    """Write KEY = VALUE to the settings file; its comments stay."""
    save_setting(key, value)
    say(f"{key} = {settings_with_sources()[key][0]} ({paths.settings_file()})")


@command.command()
@click.argument("event", required=False)
@click.argument("channels", nargs=-1, metavar="[CHANNEL|none]...")
@json_option
def notify(event: str | None, channels: tuple[str, ...], as_json: bool) -> None:
    """Show where events are told, or have EVENT told through CHANNELs and no others.

    Events: succeeded, failed, cancelled, stopped, attention, or all. Channels: bell, terminal, desktop and
    the addresses of `tunedeck notify`; none for nowhere.
    """
    from tui.jobs.notices.rules import notify_rules, set_rule
    from tui.records.notices import NoticeEvent

    if event is not None:
        if event != "all" and event not in list(NoticeEvent):
            raise click.UsageError(f"There is no event {event!r}: {', '.join(NoticeEvent)}, or all.")
        if not channels:
            raise click.UsageError("Name the channels, or none.")
        for one in NoticeEvent if event == "all" else (NoticeEvent(event),):
            set_rule(one, () if channels == ("none",) else channels)
    rules = notify_rules()
    if as_json:
        print_json({str(one): list(rules.channels_of(one)) for one in NoticeEvent})
        return
    print_table(
        ["EVENT", "TOLD THROUGH"],
        [[one, ", ".join(rules.channels_of(one)) or "nothing"] for one in NoticeEvent],
    )


def _show(as_json: bool) -> None:
    found = settings_with_sources()
    if as_json:
        print_json({key: {"value": value, "source": source} for key, (value, source) in found.items()})
        return
    print_table(
        ["SETTING", "VALUE", "FROM", "MEANING"],
        [[key, _written(value), source, describe_setting(key)] for key, (value, source) in found.items()],
    )


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
