"""Our own dark and light, the terminal's own colours, and no colour at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rich.console import Console
from textual.theme import BUILTIN_THEMES, Theme

from tui.terminal import is_light

DARK = Theme(
    name="tunedeck-dark",
    primary="#5fb3c8",
    secondary="#8fa3b8",
    accent="#5fb3c8",
    success="#86c28b",
    warning="#e2b45e",
    error="#ee827a",
    foreground="#d7dde6",
    background="#10141a",
    surface="#151a22",
    panel="#1b222c",
    dark=True,
    variables={
        "border": "#5fb3c8",
        "border-blurred": "#323d4b",
        "text-muted": "#8b97a6",
        "block-cursor-background": "#5fb3c8",
        "block-cursor-foreground": "#0b0f14",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#263140",
        "block-cursor-blurred-foreground": "#d7dde6",
        "block-cursor-blurred-text-style": "none",
        "scrollbar": "#323d4b",
        "scrollbar-hover": "#435163",
        "scrollbar-active": "#5fb3c8",
        "scrollbar-background": "#10141a",
        "scrollbar-background-hover": "#10141a",
        "scrollbar-background-active": "#10141a",
        "scrollbar-corner-color": "#10141a",
        "input-selection-background": "#5fb3c8 35%",
    },
)

LIGHT = Theme(
    name="tunedeck-light",
    primary="#0b6579",
    secondary="#4d5c6b",
    accent="#0b6579",
    success="#256b35",
    warning="#7d5200",
    error="#ab1f18",
    foreground="#20262d",
    background="#fbfaf6",
    surface="#f3f2ec",
    panel="#e7e6de",
    dark=False,
    variables={
        "border": "#0b6579",
        "border-blurred": "#c4c3b8",
        "text-muted": "#5c6570",
        "text-accent": "#0b6579",
        "text-success": "#256b35",
        "text-warning": "#7d5200",
        "text-error": "#ab1f18",
        "block-cursor-background": "#0b6579",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": "#d8d7cd",
        "block-cursor-blurred-foreground": "#20262d",
        "block-cursor-blurred-text-style": "none",
        "scrollbar": "#c4c3b8",
        "scrollbar-hover": "#a9a89c",
        "scrollbar-active": "#0b6579",
        "scrollbar-background": "#fbfaf6",
        "scrollbar-background-hover": "#fbfaf6",
        "scrollbar-background-active": "#fbfaf6",
        "scrollbar-corner-color": "#fbfaf6",
    },
)

_ANSI_DEFAULTS = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "input-cursor-background": "ansi_default",
    "input-cursor-foreground": "ansi_default",
    "input-cursor-text-style": "reverse",
    "input-selection-background": "ansi_default",
    "input-selection-foreground": "ansi_default",
    "screen-selection-background": "ansi_default",
    "screen-selection-foreground": "ansi_default",
    "border-blurred": "ansi_bright_black",
    "scrollbar-background": "ansi_default",
    "scrollbar-background-hover": "ansi_default",
    "scrollbar-background-active": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-background": "ansi_default",
    "block-cursor-text-style": "reverse",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-text-style": "bold",
}

PLAIN = Theme(
    name="tunedeck-plain",
    primary="ansi_default",
    secondary="ansi_default",
    warning="ansi_default",
    error="ansi_default",
    success="ansi_default",
    accent="ansi_default",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    ansi=True,
    variables={**_ANSI_DEFAULTS, "border": "ansi_default", "border-blurred": "ansi_default"},
)
"""What NO_COLOR gets: the terminal's two colours, with bold, dim and reverse to tell things apart."""

_ANSI_DARK = BUILTIN_THEMES["ansi-dark"]
TERMINAL_DARK = replace(_ANSI_DARK, variables={**_ANSI_DARK.variables, "border-blurred": "ansi_bright_black"})
"""Textual's theme of the same name, whose borders without focus are black, so unseen on black."""

_ANSI_LIGHT = BUILTIN_THEMES["ansi-light"]
TERMINAL_LIGHT = replace(
    _ANSI_LIGHT, variables={**_ANSI_LIGHT.variables, "border-blurred": "ansi_bright_black"}
)
"""Likewise: there they are white, so unseen on white."""

OWN_THEMES = (DARK, LIGHT, PLAIN)
"""Themes that the app adds to Textual's."""

TERMINAL_THEMES = ("ansi-dark", "ansi-light")
"""Textual's themes made of the terminal's own 16 colours."""


def default_theme(environment: Mapping[str, str]) -> str:
    """Return the theme for a person who chose none, by what the terminal says it shows and can show.

    Of 16 colours the nearest to our own ones are mostly greys; the terminal's own are readable there.
    Rich is asked, since it decides what Textual will write; `TEXTUAL_COLOR_SYSTEM` goes before the terminal.
    """
    wanted = environment.get("TEXTUAL_COLOR_SYSTEM", "auto")
    system = wanted
    if wanted == "auto":
        system = Console(force_terminal=True, _environ=environment).color_system or ""
    if system != "standard":
        return DARK.name
    return TERMINAL_THEMES[1] if is_light(environment) else TERMINAL_THEMES[0]
