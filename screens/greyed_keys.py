"""Keys that can't act now are greyed, not hidden, and say why when pressed."""

from __future__ import annotations

from textual.events import Key

from screens.base import DeckScreen


class GreyedKeys(DeckScreen, inherit_bindings=False):
    """A screen whose actions may be impossible for a reason that can be told."""

    def reason_against(self, action: str) -> str:
        """Return why `action` can't be done now; empty when it can. Asked often, so it must be quick.

        Args:
            action: Name without `action_`.
        """
        return ""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what has a reason against it."""
        return None if self.reason_against(action) else True

    def on_key(self, event: Key) -> None:
        """Tell the reason when a greyed key is pressed."""
        active = self.active_bindings.get(event.key)
        if active is None or active.enabled:
            return
        action = active.binding.action.partition("(")[0]
        # A pane's own keys may be about its screen's actions, as `screen.compare_checkpoint`.
        if active.node is not self and not action.startswith("screen."):
            return
        reason = self.reason_against(action.removeprefix("screen."))
        if reason:
            event.stop()
            self.tell(reason, title=f"{active.binding.description}: not now", severity="warning")
