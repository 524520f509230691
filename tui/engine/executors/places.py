"""Where work may be sent: the `[clusters]` table of the settings file, or `TUNEDECK_<KEY>`, which wins.

Tokens never live here: each tool has its own place for them.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui import paths
from tui.errors import TunedeckError

TABLE = "clusters"
PREFIX = "TUNEDECK_"


def _key(default: str, description: str) -> Any:
    return field(default=default, metadata={"description": description})


@dataclass(frozen=True, slots=True)
class Places:
    """What a person has said about places outside this machine; all text, empty when nothing was said."""

    ray_address: str = _key("", "Address of a Ray cluster's dashboard, such as http://127.0.0.1:8265.")
    ray_storage: str = _key(
        "", "Folder that this machine and every node of the Ray cluster can write: a network share, say."
    )
    ray_storage_there: str = _key("", "The same folder as the nodes call it, when that is another path.")
    ray_python: str = _key(
        "", "Python of the nodes; `python` when left out, or that of `engine install ray`."
    )
    ray_gpus: str = _key("0", "GPUs for each worker on Ray.")
    slurm_options: str = _key("", "Options of sbatch, such as --partition=gpu --gres=gpu:1 --time=08:00:00.")
    sky_bucket: str = _key("", "Bucket for jobs of SkyPilot, such as s3://name or gs://name.")
    sky_accelerators: str = _key("", "Accelerators that SkyPilot looks for, such as L4:1.")
    sky_options: str = _key("", "Further options of `sky jobs launch`, such as --infra aws --use-spot.")
    hf_bucket: str = _key("", "Bucket for Hugging Face Jobs, as owner/name.")
    hf_flavor: str = _key("t4-small", "Hardware flavour of Hugging Face Jobs; `hf jobs hardware` lists them.")
    hf_timeout: str = _key(
        "8h", "Longest time of a Hugging Face Job, which is also the most that it can cost."
    )
    hf_image: str = _key("python:3.12", "Image that Hugging Face Jobs start in.")


def place_keys() -> tuple[str, ...]:
    """Return every key of the table."""
    return tuple(entry.name for entry in dataclasses.fields(Places))


def describe_place(key: str) -> str:
    """Return the one-line description of a key."""
    entry = next(entry for entry in dataclasses.fields(Places) if entry.name == key)
    return str(entry.metadata["description"])


def known_places(environment: Mapping[str, str] | None = None) -> Places:
    """Return what the settings file says, and the environment over it.

    Args:
        environment: Variables to look at; the process's own when None.

    Raises:
        TunedeckError: The file can't be read, or has a key or value that is wrong.
    """
    environment = os.environ if environment is None else environment
    chosen = _of_file()
    for key in place_keys():
        if PREFIX + key.upper() in environment:
            chosen[key] = environment[PREFIX + key.upper()].strip()
    return Places(**chosen)


def _of_file() -> dict[str, str]:
    path = paths.settings_file()
    try:
        table = tomllib.loads(path.read_text("utf-8")).get(TABLE, {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TunedeckError(f"The settings file {path} can't be read: {error}.", "Repair it.") from error
    if not isinstance(table, dict):
        raise TunedeckError(f"{path}: {TABLE} is no table.", f"Begin it with [{TABLE}].")
    for key, value in table.items():
        if key not in place_keys():
            raise TunedeckError(
                f"{path}: [{TABLE}] has no key {key!r}.", f"Valid keys: {', '.join(place_keys())}."
            )
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise TunedeckError(f"{path}: {TABLE}.{key} must be text in quotes.", describe_place(key))
    return {key: str(value).strip() for key, value in table.items()}
