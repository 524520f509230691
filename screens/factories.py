"""How each place's first screen is made; a screen's module is imported when it is first visited."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from screens.base import DeckScreen


def _home() -> DeckScreen:
    from screens.home import HomeScreen

    return HomeScreen()


def _datasets() -> DeckScreen:
    from screens.datasets import DatasetsScreen

    return DatasetsScreen()


def _check() -> DeckScreen:
    from screens.check import CheckScreen

    return CheckScreen(None)


def _launch() -> DeckScreen:
    from screens.launch import LaunchScreen

    return LaunchScreen(None)


def _jobs() -> DeckScreen:
    from screens.jobs import JobsScreen

    return JobsScreen()


def _chat() -> DeckScreen:
    from screens.chat import ChatScreen

    return ChatScreen()


def _models() -> DeckScreen:
    from screens.models import ModelsScreen

    return ModelsScreen()


FACTORIES: Mapping[str, Callable[[], DeckScreen]] = {
    "home": _home,
    "datasets": _datasets,
    "check": _check,
    "launch": _launch,
    "jobs": _jobs,
    "chat": _chat,
    "models": _models,
}
"""Place -> its screen, newly made."""
