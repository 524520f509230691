"""An account in words: its line in the list, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tui.safe_text import safe_line
from tui.widgets.meter import bar
from tui.widgets.table import Cell
from tui.widgets.tones import Line, Part, Tone

if TYPE_CHECKING:
    from tui.jobs.account_check import AccountLine
    from tui.providers.account_limits import RateGauge
    from tui.providers.account_settings import DeclaredAccount
    from tui.records.models import Account
    from tui.remote.states import TunnelLine

_SIGNS: Mapping[str, Part] = {"ok": ("✓", "good"), "warn": ("!", "warning"), "fail": ("✗", "bad")}
_LABEL = 11
_BAR = 16


def account_row(
    account: Account,
    found: Sequence[AccountLine] | None,
    is_asking: bool,
    tunnel: TunnelLine | None = None,
) -> list[Cell]:
    """Return an account as a line of the list."""
    return [
        (account.name, "strong"), account.provider, account.key_source or "none needed",
        _state(account, found, is_asking, tunnel),
    ]  # fmt: skip


def _state(
    account: Account, found: Sequence[AccountLine] | None, is_asking: bool, tunnel: TunnelLine | None
) -> Part:
    if is_asking:
        return "asking…", "accent"
    if tunnel is not None and not tunnel.is_open:
        return f"– {tunnel.words}", "warning" if tunnel.problem else "muted"
    if not account.ready:
        return f"– {account.state}", "muted"
    if not found:
        return tunnel.words if tunnel is not None else "ready; t asks what works", ""
    worst = next((line for line in found if line.level == "fail"), None)
    if worst is not None:
        return f"✗ {worst.what}: {safe_line(worst.text, 200)}", "bad"
    training = next((line for line in found if line.what == "training"), None)
    if training is not None and training.level == "warn":
        return f"! {safe_line(training.text, 200)}", "warning"
    return "✓ works", "good"


def account_lines(
    account: Account,
    declared: DeclaredAccount | None,
    found: Sequence[AccountLine] | None,
    gauges: Sequence[RateGauge],
    *,
    ascii_only: bool,
    tunnel: TunnelLine | None = None,
) -> list[Line]:
    """Return what is known of an account, a fact a line.

    Args:
        account: The account.
        declared: What the settings file says of it.
        found: What its service was found to do; None while it was not asked.
        gauges: How much of its limits is left.
        ascii_only: Draw bars with ASCII.
        tunnel: How its tunnel is, of an engine on another machine.
    """
    lines = [
        _fact("Service", f"{account.label}, {account.provider}"),
        _fact("Address", account.base_url or ("this machine" if account.provider == "local" else "none")),
        _fact("Key from", _key_words(account)),
    ]
    for name, value in (declared.options if declared is not None else {}).items():
        lines.append(_fact(name.capitalize(), value))
    if tunnel is not None:
        lines.append(_fact("Machine", tunnel.machine))
        lines.append(_fact("Tunnel", tunnel.words))
        if tunnel.problem:
            lines.append(_fact("Last try", tunnel.problem, "warning"))
    elif not account.ready:
        lines.append(_fact("Not ready", account.state, "warning"))
    if found:
        lines.append([])
    for line in found or ():
        remedy: list[Part] = [(f" {safe_line(line.remedy, 400)}", "muted")] if line.remedy else []
        lines.append(
            [
                _SIGNS[line.level],
                (f" {line.what:<{_LABEL - 2}} ", "muted"),
                (safe_line(line.text, 400), ""),
                *remedy,
            ]
        )
    for gauge in gauges:
        full, empty = bar(gauge.left, _BAR, ascii_only=ascii_only)
        lines.append(
            [
                (f"{gauge.name.capitalize():<{_LABEL}} ", "muted"),
                (full, "accent"),
                (empty, "muted"),
                (f"  {gauge.text()}", ""),
            ]
        )
    return lines


def _key_words(account: Account) -> str:
    if account.provider == "local":
        return "the engine's own token"
    if account.key_source == "ssh":
        return "its machine, through ssh; it is kept nowhere here"
    if account.key_source == "keyring":
        return "the keyring"
    return f"the environment variable {account.key_source}" if account.key_source else "nowhere yet"


def _fact(name: str, value: str, tone: Tone = "") -> Line:
    return [(f"{name:<{_LABEL}} ", "muted"), (safe_line(value, 400), tone)]
