"""The `tunedeck` command and `python -m tui`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without a verb it opens the app."""
    # click is imported where it is needed, and not between a person and the first paint.
    if len(sys.argv) > 1:
        from tui.cli.main import run

        sys.exit(run())
    from tui.cli.open_app import open_app

    try:
        code = open_app()
    except (Exception, KeyboardInterrupt) as error:
        from tui.cli.main import end_with

        code = end_with(error)
    sys.exit(code)


if __name__ == "__main__":
    main()
