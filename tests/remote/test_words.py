"""What needs no other machine: names, ssh's words, what a survey says, the wheel of the running code."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui import __version__
from tui.errors import TunedeckError
from tui.jobs.weights_found import find_exportable
from tui.records.jobs import Job, JobState
from tui.remote.destination import Destination, account_name, destination
from tui.remote.own_wheel import build_wheel, installed_bytes
from tui.remote.records import RemoteEngine, keep_record
from tui.remote.ssh_failures import explain
from tui.remote.survey import read_survey, usable_python

FOUND = """folder=/srv/ada/.tunedeck-engine
system=Linux x86_64
python=3.9.2 yes /usr/bin/python3
python=3.12.4 no /usr/bin/python3.12
python=3.11.9 yes /opt/my python/bin/python3.11
writable=yes
free_kb=2000000
memory_kb=65000000
processors=16
gpu=NVIDIA RTX 4090, 24564 MiB
gpu=NVIDIA RTX 4090, 24564 MiB
filled=yes
ours=yes
installation=0.1.0-abc
"""


@settings(max_examples=60)
@given(st.text(max_size=40))
@example("-oProxyCommand=touch /tmp/x")
@example("ada@-oProxyCommand=x")
@example("host; rm -rf /")
@example("$(id)@host")
def test_nothing_that_ssh_or_a_shell_would_take_for_more_than_a_name_is_taken(text: str) -> None:
    try:
        taken = destination(text)
    except TunedeckError:
        return
    assert not taken.target.startswith("-")
    assert not taken.host.startswith("-")
    assert not set(taken.target) & set(" ;&|$`'\"\\<>(){}*?\n\t=")


@pytest.mark.parametrize(
    "target", ["ada@workstation", "gpu-box", "ada@10.0.0.7", "root@[fe80::1%eth0]", "a.b.c"]
)
def test_what_people_write_for_ssh_is_taken(target: str) -> None:
    assert destination(target).target == target


def test_an_account_is_named_like_its_host() -> None:
    assert account_name(Destination("Ada@GPU.Example.org")) == "gpu.example.org"
    assert account_name(Destination("root@[fe80::1%eth0]")) == "fe80-1-eth0"


@pytest.mark.parametrize(
    ("said", "words", "needs_a_person"),
    [
        ("ssh: Could not resolve hostname far: Name or service not known", "no machine called", False),
        ("ssh: connect to host far port 22: Connection refused", "connection refused", False),
        ("ssh: connect to host far port 22: Connection timed out", "timed out", False),
        ("ada@far: Permission denied (publickey).", "does not let you in", True),
        ("Host key verification failed.", "does not know the key", True),
        ("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
         "another one than ssh knows", True),
        ("/srv/a/.ssh/config: line 3: Bad configuration option: frob", "configuration", True),
        ("kex_exchange_identification: read: \x1b[31mreset", "failed", False),
        ("", "ssh said nothing", False),
    ],
)  # fmt: skip
def test_what_ssh_says_becomes_a_sentence_with_a_remedy(said: str, words: str, needs_a_person: bool) -> None:
    error = explain(said, Destination("ada@far", 2222))
    assert words in error.message
    assert error.remedy
    assert error.needs_a_person is needs_a_person
    assert "\x1b" not in str(error)


def test_a_survey_is_read_and_the_first_python_that_fits_is_taken() -> None:
    found = read_survey(FOUND)
    assert found.free_bytes == 2_048_000_000
    assert found.gpus == ("NVIDIA RTX 4090, 24564 MiB",) * 2
    assert found.is_ours
    assert not found.is_foreign
    assert found.installations == ("0.1.0-abc",)
    assert usable_python(found, "far").path == "/opt/my python/bin/python3.11"


def test_a_machine_without_a_fitting_python_is_told_what_it_has() -> None:
    with pytest.raises(TunedeckError, match=r"3\.9\.2 \(/usr/bin/python3\)"):
        usable_python(read_survey("python=3.9.2 yes /usr/bin/python3"), "far")
    with pytest.raises(TunedeckError, match="none at all"):
        usable_python(read_survey("\x1b[31mrubbish\n=\npython=x"), "far")
    with pytest.raises(TunedeckError, match="venv or pip is missing") as refused:
        usable_python(read_survey("python=3.12.4 no /usr/bin/python3"), "far")
    assert "python3.12-venv" in refused.value.remedy


def test_the_wheel_holds_the_running_code_and_says_so_truly(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    wheel = build_wheel(tmp_path)
    again = build_wheel(tmp_path / "again")
    assert wheel.key == again.key  # the same code has the same name, so a repeat finds it there
    assert wheel.key.startswith(f"{__version__}-")
    with zipfile.ZipFile(wheel.path) as archive:
        names = set(archive.namelist())
        assert {"tui/engine/server/run.py", "tui/data/catalog.toml", "screens/home.tcss"} <= names
        info = f"tunedeck-{__version__}.dist-info"
        described = archive.read(f"{info}/METADATA").decode()
        assert "Requires-Dist: numpy" in described
        assert "extra ==" not in described
        for line in archive.read(f"{info}/RECORD").decode().splitlines()[:-1]:
            name, digest, size = line.rsplit(",", 2)
            content = archive.read(name)
            told = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, int(size)) == (f"sha256={told}", len(content))


def test_who_wants_the_weights_of_a_job_there_is_told_how(isolated_home: Path) -> None:
    keep_record(RemoteEngine("far", "ada@far", "/srv/engine", "python3"))
    job = Job("far", "ftjob-1", JobState.SUCCEEDED, "succeeded", "base")
    with pytest.raises(TunedeckError, match="on the machine of far") as refused:
        find_exportable(job)
    assert "engine remote run far -- export ftjob-1" in refused.value.remedy


def test_the_size_is_that_of_the_packages_here() -> None:
    assert 100_000_000 < installed_bytes() < 1_000_000_000  # numpy alone has 70 MB
