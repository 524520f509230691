"""`python -m tui.engine`: the engine as the app starts it, without the command line's comforts."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from tui import paths
from tui.errors import TunedeckError


def main() -> int:
    """Run an engine and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tui.engine", description=__doc__)
    parser.add_argument("--root", type=Path, default=paths.engine_dir())
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefer-port", type=int, default=0, help="taken when --port is 0 and it is free")
    parser.add_argument("--allow-remote", action="store_true")
    parser.add_argument("--idle-exit", type=int, default=0, metavar="SECONDS")
    parser.add_argument("--prefer-llamacpp", action="store_true")
    parser.add_argument("--no-fetch", action="store_true")
    parser.add_argument("--at-once", type=int, default=1, metavar="JOBS")
    chosen = parser.parse_args()
    from tui.engine.base_models.fetch import fetch_default_model
    from tui.engine.server.engine import EngineOptions
    from tui.engine.server.run import run_engine

    options = EngineOptions(
        root=chosen.root,
        base_models=paths.base_models_dir(),
        host=chosen.host,
        port=chosen.port,
        preferred_port=chosen.prefer_port,
        allow_remote=chosen.allow_remote,
        idle_exit_seconds=chosen.idle_exit,
        at_once=max(1, chosen.at_once),
        prefers_llamacpp=chosen.prefer_llamacpp,
        fetch=not (chosen.no_fetch or os.environ.get("TUNEDECK_NO_FETCH")),
    )
    try:
        run_engine(options, fetch_default_model if options.fetch else None)
    except TunedeckError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
