"""Ids of our objects: made here, and checked here before one touches a path."""

from __future__ import annotations

import re
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_PATTERNS = {
    "file-": re.compile(r"file-[A-Za-z0-9]{22}\Z"),
    "ftjob-": re.compile(r"ftjob-[A-Za-z0-9]{24}\Z"),
    "upload_": re.compile(r"upload_[A-Za-z0-9]{32}\Z"),
    "part_": re.compile(r"part_[A-Za-z0-9]{32}\Z"),
}
_LENGTHS = {"file-": 22, "ftjob-": 24, "upload_": 32, "part_": 32}


def random_letters(length: int) -> str:
    """Return unguessable letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """Return a fresh id with one of the known prefixes."""
    return prefix + random_letters(_LENGTHS[prefix])


def is_id(prefix: str, text: str) -> bool:
    """Say whether `text` is a well-formed id with this prefix, and so safe as a file name."""
    return _PATTERNS[prefix].match(text) is not None


def result_file_id(job_id: str) -> str:
    """Return the id of a job's result file; the same on every call, so that it is never made twice."""
    import hashlib

    return "file-" + hashlib.sha256(f"result of {job_id}".encode()).hexdigest()[:22]
