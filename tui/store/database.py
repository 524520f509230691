"""One SQLite file in WAL mode: a connection per thread, migrations, and failures told in sentences.

SQLite because a second process must be able to read while the first writes, and because one event costs
one commit of 26 us (measured 2026-11 on the development machine, against 990 us in duckdb).
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tui import paths
from tui.errors import TunedeckError, is_out_of_space
from tui.store.schema import MIGRATIONS

_BUSY_MILLISECONDS = 10_000
_CLOSE_SECONDS = 0.5
"""Leaving waits so long for what a thread does with its connection; it ends by itself after that."""
_WAL_ATTEMPTS, _WAL_PAUSE_SECONDS = 100, 0.05
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_TROUBLE_OF_THE_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_ROOM_BYTES = 64 * 1024
"""What opening a store in WAL mode takes beside it, generously: a page of the log and 32 KB of index."""


class StoreError(TunedeckError):
    """The store can't be read or written."""


class DiskFull(StoreError):
    """The disk has no room; what should have been kept was not, and the store is as it was before."""


class _Damaged(Exception):
    """The file is not a sound database."""


class _Handle:
    """A thread's connection; closes itself when the thread that owned it is gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.using = threading.RLock()
        """Held while statements run: closing a connection under one of them ends the whole process."""
        self.depth = 0
        """How many uses are under way: a query may stand within a transaction."""

    def __del__(self) -> None:
        self.connection.close()


class Database:
    """The file, its connections and its failures; queries live in subclasses.

    Args:
        path: The database file; it and its folder are made private to the user.

    Raises:
        StoreError: The file can't be opened, or was written by a newer tunedeck.
    """

    notice: str
    """What happened at opening that a person should know (a damaged file moved aside); else empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notice = ""
        self._local = threading.local()
        self._handles: weakref.WeakSet[_Handle] = weakref.WeakSet()
        self._listing = threading.Lock()
        self._closed = False
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every thread's connection; the store is unusable after that.

        One whose thread is in the middle of something is closed by that thread, as soon as it is done.
        """
        self._closed = True
        with self._listing:
            handles = list(self._handles)
        for handle in handles:
            if handle.using.acquire(timeout=_CLOSE_SECONDS):
                try:
                    handle.connection.close()
                finally:
                    handle.using.release()

    def _open(self) -> None:
        try:
            self._prepare()
        except _Damaged:
            self._close_own()
            self._move_aside()
            try:
                self._prepare()
            except _Damaged:
                raise StoreError(
                    f"A fresh store at {self.path} can't be read back.", "The disk may be failing."
                ) from None

    def _prepare(self) -> None:
        with self._failures(opening=True):
            paths.make_private(self.path.parent)
            _create_private(self.path)
            connection = self._handle().connection
            self._check_if_marked(connection)
            self._refuse_newer(connection)
            _use_wal(connection)
            self._migrate(connection)

    def _check_if_marked(self, connection: sqlite3.Connection) -> None:
        if self._mark.exists():
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise _Damaged(verdict)
            self._mark.unlink(missing_ok=True)

    @property
    def _mark(self) -> Path:
        return self.path.with_name(self.path.name + ".suspect")

    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise StoreError(
                f"The store {self.path} was written by a newer tunedeck (version {version} of its tables; "
                f"this one knows {len(MIGRATIONS)}).",
                "Update tunedeck, or set TUNEDECK_HOME to another folder.",
            )

    def _migrate(self, connection: sqlite3.Connection) -> None:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if _version(connection) == len(MIGRATIONS):
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have migrated while this one waited for the lock.
            version = _version(connection)
            for statements in MIGRATIONS[version:]:
                for statement in statements.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
            connection.execute("COMMIT")
        except BaseException:
            _roll_back(connection)
            raise

    def _move_aside(self) -> None:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        target = self.path.with_name(f"{self.path.name}.damaged-{stamp}-{os.getpid()}")
        try:
            os.replace(self.path, target)
            for ending in ("-wal", "-shm"):
                companion = self.path.with_name(self.path.name + ending)
                if companion.exists():
                    os.replace(companion, target.with_name(target.name + ending))
            self._mark.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"The store {self.path} is damaged and can't be moved aside: {error}.", "Move it by hand."
            ) from None
        self.notice = (
            f"The store was damaged. It is kept as {target}, and a new one was begun; "
            "jobs and models come back from the services, chats do not."
        )

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection, which nobody closes meanwhile."""
        handle = self._handle()
        with handle.using:
            if self._closed and not handle.depth:
                raise _closed_error()
            handle.depth += 1
            try:
                yield handle.connection
            finally:
                handle.depth -= 1
                if self._closed and not handle.depth:
                    handle.connection.close()

    def _handle(self) -> _Handle:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is None:
            if self._closed:
                raise _closed_error()
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_MILLISECONDS / 1000, isolation_level=None, check_same_thread=False
            )
            handle = _Handle(connection)
            connection.row_factory = sqlite3.Row
            # In WAL mode NORMAL survives a killed process; only a power cut can lose the last commits.
            connection.execute("PRAGMA synchronous = NORMAL")
            self._local.handle = handle
            with self._listing:
                self._handles.add(handle)  # only now may another thread close it
        return handle

    def _close_own(self) -> None:
        handle: _Handle | None = getattr(self._local, "handle", None)
        if handle is not None:
            handle.connection.close()
            self._local.handle = None

    @contextmanager
    def _failures(self, *, opening: bool = False) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                if opening:
                    raise _Damaged(str(error)) from None
                with contextlib.suppress(OSError):  # a full disk or a read-only one takes no mark
                    self._mark.touch()
            raise self._told(error, opening=opening) from None
        except UnicodeEncodeError:
            # A file's name or an argument in bytes that are no UTF-8; SQLite takes no such text.
            raise StoreError(
                "A name that is not UTF-8 can't be kept in the store.", "Give the file a name in UTF-8."
            ) from None
        except OSError as error:
            if is_out_of_space(error):
                raise self._full(opening=True) from None
            raise StoreError(
                f"The store {self.path} can't be opened: {error.strerror or error}.",
                "Check the folder's permissions, or set TUNEDECK_HOME to another folder.",
            ) from None

    def _told(self, error: sqlite3.Error, *, opening: bool) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        # Even to read, WAL mode needs a few bytes beside the file; without them SQLite tells an I/O error.
        if code == sqlite3.SQLITE_FULL or (code in _TROUBLE_OF_THE_DISK and not _has_room(self.path.parent)):
            return self._full(opening=opening)
        if code in _DAMAGE:
            return StoreError(
                f"The store {self.path} is damaged: {error}.",
                "Start tunedeck again: it moves the damaged file aside and begins a new one.",
            )
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreError(f"Another program keeps {self.path} locked.", "Close it and try again.")
        return StoreError(
            f"The store {self.path} failed: {error}.", "Check the disk and the folder's permissions."
        )

    def _full(self, *, opening: bool) -> DiskFull:
        failed = "the store can't be opened" if opening else "this was not saved"
        return DiskFull(
            f"The disk that holds {self.path} is full; {failed}.",
            "Free some space there and try again. What was kept before is unharmed.",
        )

    def query(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a SELECT.

        Args:
            sql: With `?` for values in order, or `:name` for named ones.
            values: As many as there are places, or by name.

        Raises:
            StoreError: The database can't be read.
        """
        with self._failures(), self._using() as connection:
            return connection.execute(sql, values).fetchall()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection whose statements take effect together, or not at all.

        Raises:
            StoreError: The database can't be written.
        """
        with self._failures(), self._using() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise


def _create_private(path: Path) -> None:
    """Create a file that only its user can read, from the first byte on; one that is there is left closed.

    SQLite would create it with the umask's permissions. Closing any descriptor of one that is there would
    drop the locks that this program's other connections hold; then another program that closes it as the last
    one, as far as it knows, takes the log away under them with everything written since
    (sqlite.org/howtocorrupt.html, section 2.2).

    Raises:
        OSError: It can't be created, or used.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path)) from None


def _closed_error() -> StoreError:
    return StoreError("The store is closed.", "Start tunedeck again.")


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:  # a full disk has rolled back by itself
        connection.execute("ROLLBACK")


def _has_room(folder: Path) -> bool:
    """Try it: what a file system says to be free may be kept for others, or above a quota."""
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            return probe.write(bytes(_ROOM_BYTES)) == _ROOM_BYTES  # a disk that fills up takes a part
    except OSError as error:
        return not is_out_of_space(error)


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to WAL, which it remembers; here SQLite does not wait for others by itself."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or attempt == _WAL_ATTEMPTS - 1:
                raise
            time.sleep(_WAL_PAUSE_SECONDS)
