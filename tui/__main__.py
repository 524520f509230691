"""The `tunedeck` command and `python -m tui`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without a verb it opens the app."""
    from tui.cli.main import run  # click is imported here so that `import tui` costs nothing

    sys.exit(run())


if __name__ == "__main__":
    main()
