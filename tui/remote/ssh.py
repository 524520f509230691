"""The system's ssh, with the person's own configuration and agent: short scripts, files, nothing asked.

Scripts go in through stdin, so no shell of the other machine splits them and nothing of them stands in a
process list. What a machine prints at login is skipped: a mark tells where our own lines begin.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from tui import paths
from tui.errors import TunedeckError
from tui.remote.destination import Destination
from tui.remote.ssh_failures import explain
from tui.safe_text import safe_line

CONNECT_SECONDS = 15
SHARED_SECONDS = 60
"""How long the connection that scripts share stays open after the last one."""
_MARK = "tunedeck-begins-here"
_SSH_FAILED = 255
_CHUNK = 1 << 18
_LONGEST_SOCKET = 45
"""Bytes of the folder of sockets: a socket's path has 103 on macOS and its name 40, and ssh makes it first
under that name with 17 bytes more (OpenSSH 9.2)."""

Line = Callable[[str], None]


class Ssh:
    """One machine, spoken to through ssh.

    Args:
        target: The machine.
    """

    def __init__(self, target: Destination) -> None:
        self.target = target

    def command(self, *options: str) -> list[str]:
        """Return the ssh command line up to the machine's name.

        Raises:
            TunedeckError: There is no ssh on this machine.
        """
        program = shutil.which("ssh")
        if program is None:
            raise TunedeckError(
                "There is no ssh command on this machine.", "Install OpenSSH's client and try again."
            )
        config = ["-F", self.target.config] if self.target.config is not None else []
        port = ["-p", str(self.target.port)] if self.target.port is not None else []
        # Nobody can answer a question here; what the person's configuration starts beside is not ours.
        fixed = [
            "-T", "-a", "-x", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_SECONDS}",
            "-o", "LogLevel=ERROR", "-o", "RemoteCommand=none", "-o", "PermitLocalCommand=no",
            "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3",
        ]  # fmt: skip
        return [program, *config, *port, *fixed, *options, "--", self.target.target]

    def run(self, script: str, *, timeout: float = 60, on_line: Line | None = None) -> str:
        """Run a script of plain sh there and return what it printed.

        Args:
            script: Its text; values in it must be quoted by `quoted`.
            timeout: Seconds it may take.
            on_line: Told each line as it comes, in this thread.

        Raises:
            SshError: The machine was not reached.
            TunedeckError: The script failed there; its last words are in the message.
        """
        # In a function, so that sh has read all of it before a command in it could take the rest as input.
        whole = f"tunedeck_main() {{\necho {_MARK}\n{script}\n}}\ntunedeck_main </dev/null\n"
        child = self._start("sh -s")
        printed, errors = self._talk(child, whole.encode(), timeout, on_line)
        if child.returncode == _SSH_FAILED:
            raise explain(errors, self.target)
        if child.returncode:
            words = (errors.strip() or "\n".join(printed)).splitlines()
            said = safe_line(words[-1], 300) if words else f"exit code {child.returncode}"
            raise TunedeckError(f"{self.target.target} could not do it: {said}", "")
        return "\n".join(printed)

    def send(self, source: Path, remote_path: str, on_progress: Callable[[int, int], None]) -> None:
        """Copy a file there; it has its name only once it is whole.

        Args:
            source: The file.
            remote_path: Absolute path there; its folder must exist.
            on_progress: Told bytes sent and in all.

        Raises:
            SshError: The machine was not reached.
            TunedeckError: It could not be written there: a full disk, mostly.
        """
        total = source.stat().st_size
        part = quoted(f"{remote_path}.part")
        inner = f'cat > {part} && [ "$(wc -c < {part})" -eq {total} ] && mv {part} {quoted(remote_path)}'
        child = self._start(f"sh -c {quoted(inner)}")
        assert child.stdin is not None
        errors: list[bytes] = []
        reader = threading.Thread(target=_read_all, args=(child, errors), daemon=True)
        reader.start()
        sent = 0
        try:
            with source.open("rb") as stream, contextlib.suppress(BrokenPipeError):
                while chunk := stream.read(_CHUNK):
                    child.stdin.write(chunk)
                    sent += len(chunk)
                    on_progress(sent, total)
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
            child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            reader.join(5)
        words = b"".join(errors).decode("utf-8", "replace")
        if child.returncode == _SSH_FAILED:
            raise explain(words, self.target)
        if child.returncode:
            said = words.strip().splitlines()
            raise TunedeckError(
                f"{source.name} could not be copied to {self.target.target}: "
                f"{safe_line(said[-1], 300) if said else 'it did not arrive whole'}",
                "Free some room there and try again: what arrived is kept.",
            )

    def _start(self, remote_command: str) -> subprocess.Popen[bytes]:
        command = [*self.command("-o", "ClearAllForwardings=yes", *_sharing()), remote_command]
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=ssh_environment(),
        )  # fmt: skip

    def _talk(
        self, child: subprocess.Popen[bytes], given: bytes, timeout: float, on_line: Line | None
    ) -> tuple[list[str], str]:
        """Give a script in and return its lines after the mark, and what came on the error stream."""
        assert child.stdin is not None
        assert child.stdout is not None
        errors: list[bytes] = []
        printed: list[str] = []
        reader = threading.Thread(target=_read_errors, args=(child, errors), daemon=True)
        reader.start()
        overdue = threading.Timer(timeout, child.kill)
        overdue.start()
        begun = False
        try:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(given)
                child.stdin.close()
            for raw in child.stdout:
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if begun:
                    printed.append(line)
                    if on_line is not None:
                        on_line(line)
                begun = begun or line == _MARK
            child.wait()
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            was_overdue = not overdue.is_alive() and child.returncode is not None and child.returncode < 0
            overdue.cancel()
            reader.join(5)
            child.stdout.close()
        if was_overdue:
            raise TunedeckError(
                f"{self.target.target} did not finish within {timeout:.0f} s.", "Look at it and try again."
            )
        return printed, b"".join(errors).decode("utf-8", "replace")


def quoted(text: str) -> str:
    """Return a text as one word of sh."""
    return shlex.quote(text)


def ssh_environment() -> dict[str, str]:
    """Return this process's environment without what makes ssh ask in a window."""
    return {**os.environ, "SSH_ASKPASS_REQUIRE": "never"}


def _sharing() -> list[str]:
    """Return the options by which scripts share one connection, so that only the first signs in."""
    if sys.platform == "win32":
        return []  # Windows' ssh knows no shared connections
    return [
        "-o", "ControlMaster=auto", "-o", f"ControlPath={socket_folder()}/%C",
        "-o", f"ControlPersist={SHARED_SECONDS}",
    ]  # fmt: skip


def socket_folder() -> Path:
    """Return a private folder whose path is short enough for a socket.

    Raises:
        TunedeckError: Somebody else's folder is in its place.
    """
    folder = paths.runtime_dir()
    if len(os.fsencode(folder)) > _LONGEST_SOCKET:
        # One for each home: connections that tests or portable copies share must not meet.
        digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
        folder = Path(tempfile.gettempdir()) / f"tunedeck-{os.getuid()}-{digest}"
    paths.make_private(folder)
    state = folder.lstat()  # a link in a shared folder may lead anywhere
    if stat.S_ISDIR(state.st_mode) and state.st_uid == os.getuid() and state.st_mode & 0o077:
        folder.chmod(0o700)
        state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise TunedeckError(
            f"{folder} is not yours alone, so no connection is kept in it.", "Remove it and try again."
        )
    return folder


def close_shared(target: Destination) -> None:
    """Close the connection that scripts shared, if it is open."""
    if sys.platform == "win32":
        return
    ssh = Ssh(target)
    with contextlib.suppress(TunedeckError, OSError, subprocess.SubprocessError):
        command = ssh.command("-o", f"ControlPath={socket_folder()}/%C", "-O", "exit")
        subprocess.run(command, capture_output=True, timeout=10, check=False, env=ssh_environment())


def _read_errors(child: subprocess.Popen[bytes], into: list[bytes]) -> None:
    assert child.stderr is not None
    with child.stderr as stream:
        into.extend(stream)


def _read_all(child: subprocess.Popen[bytes], into: list[bytes]) -> None:
    _read_errors(child, into)
    if child.stdout is not None:
        child.stdout.close()
