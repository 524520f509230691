"""Runs one engine in this process, from the lock on its folder to the last saved state."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from types import FrameType

import psutil
import uvicorn

from tui import __version__
from tui.engine.atomic_files import write_json_atomically
from tui.engine.folder import EngineFolder
from tui.engine.server.app import build_app
from tui.engine.server.base_model_shelf import Fetch
from tui.engine.server.engine import Engine, EngineOptions
from tui.engine.server.guard import is_loopback
from tui.errors import TunedeckError

LOG_BYTES = 1_000_000
_STREAM_GRACE = 2
"""Seconds that answers under way get when the engine stops."""
_log = logging.getLogger("tui.engine")


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process before our job is saved."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `run_engine`."""
        yield


def run_engine(
    options: EngineOptions, fetch: Fetch | None, *, on_ready: Callable[[str], None] = lambda url: None
) -> None:
    """Run an engine until it is told to stop.

    Args:
        options: Where and how.
        fetch: Fetches the default base model; None never does.
        on_ready: Called with the root URL once the port is open.

    Raises:
        TunedeckError: The folder is in use or unusable, the address can't be bound, or it is remote
            without being allowed to be.
    """
    if not is_loopback(options.host) and not options.allow_remote:
        raise TunedeckError(
            f"{options.host} can be reached from other machines, so it needs --allow-remote as well.",
            "Whoever reaches it and has the token can read your files and use your models; "
            "the connection is not encrypted.",
        )
    folder = EngineFolder(options.root)
    folder.prepare()
    with folder.lock():
        _start_log(folder)
        token = folder.token()
        listener = _bind(options)
        url = _url(listener, options.host)
        engine = Engine(options, fetch)
        _serve(engine, listener, token, url, on_ready)


def _serve(
    engine: Engine, listener: socket.socket, token: str, url: str, on_ready: Callable[[str], None]
) -> None:
    stop = asyncio.Event()
    server: _Server

    def shut_down() -> None:
        server.should_exit = True

    app = build_app(engine, token=token, shut_down=shut_down)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        loop="asyncio",
        http="h11",
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_STREAM_GRACE,
    )
    server = _Server(config)
    _stop_on_signals(server)
    folder = engine.folder
    write_json_atomically(
        folder.server_file,
        {
            "pid": os.getpid(),
            "create_time": psutil.Process().create_time(),
            "url": url,
            "version": __version__,
        },
    )
    _log.info("engine %s listens on %s, folder %s", __version__, url, folder.root)
    on_ready(url)

    async def main() -> None:
        watcher = asyncio.create_task(_watch_idle(engine, server, stop))
        engine.start()
        await server.serve(sockets=[listener])
        stop.set()
        await watcher

    try:
        asyncio.run(main())
    finally:
        folder.server_file.unlink(missing_ok=True)
        listener.close()
        engine.stop()
        _log.info("engine stopped")


async def _watch_idle(engine: Engine, server: uvicorn.Server, stop: asyncio.Event) -> None:
    """End the server once nobody has used it for long enough and no work is left."""
    limit = engine.options.idle_exit_seconds
    while limit > 0 and not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), min(1.0, limit / 4))
        if engine.activity.idle_seconds() < limit:
            continue
        if engine.is_busy():
            engine.activity.last_used = time.monotonic()  # the wait begins when the work is done
        else:
            _log.info("idle for %d s: leaving", limit)
            server.should_exit = True
            return


def _stop_on_signals(server: uvicorn.Server) -> None:
    def stop(number: int, _: FrameType | None) -> None:
        server.force_exit = server.should_exit  # the second time means now
        server.should_exit = True

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            signal.signal(number, stop)


def _bind(options: EngineOptions) -> socket.socket:
    """Return a socket that listens on the wanted port, or on the preferred one where none is wanted.

    Raises:
        TunedeckError: The address can't be had.
    """
    if options.port == 0 and options.preferred_port:
        with suppress(TunedeckError):
            return _listen(options, options.preferred_port)
    return _listen(options, options.port)


def _listen(options: EngineOptions, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # Named, or asyncio does not turn the delay of small writes off, and each answer takes 40 ms longer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, port))
        listener.listen(128)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise TunedeckError(
            f"The engine can't listen on {options.host} port {port}: {reason}.",
            "Give another --port (0 takes a free one) or another --host.",
        ) from error
    return listener


def _url(listener: socket.socket, host: str) -> str:
    port = listener.getsockname()[1]
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{local}:{port}"


def _start_log(folder: EngineFolder) -> None:
    """Send what the engine has to say to its own file, which never grows beyond two of `LOG_BYTES`."""
    handler = RotatingFileHandler(folder.log_file, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.raiseExceptions = False  # a full disk must not print tracebacks where a person reads
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line for each look at a cluster
