"""A real ssh server of this test's own, on a free loopback port, with another home for who signs in."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from tests.support import wait_until
from tui.remote.tunnel import _free_port

_SERVER = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").is_file() else None)
_LISTENS = "Server listening"


def skip_without_sshd() -> None:
    """Skip, with the reason, where no ssh server can be started."""
    if sys.platform == "win32" or _SERVER is None or shutil.which("ssh") is None:
        pytest.skip("no OpenSSH server here (sshd): install openssh-server to run these tests")


class Sshd:
    """Starts and stops the server; `config` is a client configuration that knows it as `far`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "far-home"
        self.port = _free_port()
        self.config = folder / "ssh_config"
        self.known = folder / "known_hosts"
        self.authorised = folder / "authorized_keys"
        self.home.mkdir(parents=True)
        for name in ("host_key", "id"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True
            )
        self._write()

    def start(self) -> Sshd:
        """Start the server and wait until it listens."""
        assert _SERVER is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it locks its unprivileged half up
        log = self.folder / "sshd.log"
        before = log.read_text().count(_LISTENS) if log.exists() else 0
        subprocess.run([_SERVER, "-f", str(self.folder / "sshd_config"), "-E", str(log)], check=True)
        wait_until(lambda: log.read_text().count(_LISTENS) > before, what="an ssh server that listens")
        return self

    def stop(self) -> None:
        """End the server and every connection to it."""
        try:
            server = psutil.Process(int((self.folder / "pid").read_text()))
        except (OSError, ValueError, psutil.NoSuchProcess):
            return
        gone = [server, *server.children(recursive=True)]
        for process in gone:
            if process.name().startswith("sshd"):
                process.kill()
        psutil.wait_procs([process for process in gone if process.name().startswith("sshd")], timeout=5)

    def trust(self) -> None:
        """Let the client know the server's key."""
        kind, key, *_ = (self.folder / "host_key.pub").read_text().split()
        self.known.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def admit(self) -> None:
        """Let the client's key in."""
        shutil.copy(self.folder / "id.pub", self.authorised)

    def _write(self) -> None:
        (self.folder / "sshd_config").write_text(
            textwrap.dedent(f"""\
                Port {self.port}
                ListenAddress 127.0.0.1
                HostKey {self.folder}/host_key
                PidFile {self.folder}/pid
                AuthorizedKeysFile {self.authorised}
                StrictModes no
                UsePAM no
                PasswordAuthentication no
                KbdInteractiveAuthentication no
                PermitRootLogin yes
                SetEnv HOME={self.home} TUNEDECK_BASE_MODELS={self.folder}/base-models
                """)
        )
        self.config.write_text(
            textwrap.dedent(f"""\
                Host far
                  HostName 127.0.0.1
                  Port {self.port}
                  User {getpass.getuser()}
                  IdentityFile {self.folder}/id
                  IdentitiesOnly yes
                  IdentityAgent none
                  UserKnownHostsFile {self.known}
                  GlobalKnownHostsFile /dev/null
                """)
        )


def plant_installation(home: Path, name: str = "planted") -> Path:
    """Put an installation there that is this very interpreter, as `install` leaves one; returns it."""
    folder = home / ".tunedeck-engine"
    program = folder / "venvs" / name / "bin" / "python"
    program.parent.mkdir(parents=True)
    (folder / "home").mkdir()
    (folder / ".made-by-tunedeck").touch()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    program.chmod(0o755)
    (folder / "venvs" / name / "installed").touch()
    return folder
