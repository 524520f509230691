"""A group whose first word may be something else than a command: it goes to the one that is meant then."""

from __future__ import annotations

import click


class DefaultVerb(click.Group):
    """A group with a command for what names none; its name is `DEFAULT`."""

    DEFAULT = "run"

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the default command before what names no command."""
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = [self.DEFAULT, *args]
        return super().parse_args(ctx, args)
