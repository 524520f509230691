"""Where things live on this machine; nobody else asks platformdirs or reads `TUNEDECK_HOME`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

APPLICATION = "tunedeck"
HOME_VARIABLE = "TUNEDECK_HOME"
"""When set, everything tunedeck keeps lies below this one folder (portable use, tests)."""


def _place(kind: str, default: str) -> Path:
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).expanduser() / kind if home else Path(default)


def data_dir() -> Path:
    """Return the folder of what must not be lost: the store, and the local engine's files and jobs."""
    return _place("data", platformdirs.user_data_dir(APPLICATION, appauthor=False))


def config_dir() -> Path:
    """Return the folder of the settings file and user overrides."""
    return _place("config", platformdirs.user_config_dir(APPLICATION, appauthor=False))


def cache_dir() -> Path:
    """Return the folder of what can be made again: base models, reports."""
    return _place("cache", platformdirs.user_cache_dir(APPLICATION, appauthor=False))


def splits_dir() -> Path:
    """Return the folder of the parts that files were split into for a job; they can be made again."""
    return cache_dir() / "splits"


def sweeps_dir() -> Path:
    """Return the folder of what sweeps keep beside the store: a lock, a log and optuna's file for each."""
    return data_dir() / "sweeps"


def edits_dir() -> Path:
    """Return the folder of the journals of changes to datasets that are not saved yet."""
    return data_dir() / "edits"


def settings_file() -> Path:
    """Return the path of the settings file, which need not exist."""
    return config_dir() / "settings.toml"


def store_file() -> Path:
    """Return the path of the SQLite store."""
    return data_dir() / "tunedeck.sqlite3"


def faults_file() -> Path:
    """Return the path of the file that keeps faults of our own, which need not exist."""
    return data_dir() / "faults.log"


def engine_dir() -> Path:
    """Return the root folder of the local engine on this machine."""
    return data_dir() / "engine"


def engine_job_dir(job_id: str) -> Path:
    """Return the folder of a job of the local engine on this machine, which need not exist."""
    return engine_dir() / "jobs" / Path(job_id).name


def environments_dir() -> Path:
    """Return the folder of the Python environments that extras are installed into."""
    return data_dir() / "environments"


def remotes_dir() -> Path:
    """Return the folder of what is known of engines on other machines, a file each; no secrets."""
    return data_dir() / "remotes"


def runtime_dir() -> Path:
    """Return the folder of sockets and process numbers, which nobody needs after the next start."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).expanduser() / "run" if home else Path(platformdirs.user_runtime_dir(APPLICATION))


def archive_dir() -> Path:
    """Return the folder of copies of ended jobs."""
    return data_dir() / "archive"


def base_models_dir() -> Path:
    """Return the folder of base models, shared by every engine of this user."""
    override = os.environ.get("TUNEDECK_BASE_MODELS")
    return Path(override).expanduser() if override else cache_dir() / "base-models"


def make_private(folder: Path) -> Path:
    """Create `folder` readable by its owner alone, with its parents, and return it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
