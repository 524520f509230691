"""How a service itself reads the first rows of a file: asked of it, once the file is there."""

from __future__ import annotations

from pathlib import Path

from tui.errors import TunedeckError
from tui.jobs.files import is_still_there
from tui.jobs.ports import JobServices
from tui.jobs.reports import file_sha256
from tui.providers.protocol import Provider, UploadProgress
from tui.records.models import Capability
from tui.records.previews import PreviewRow, TokenPreview
from tui.records.requests import RemoteFile

MOST_ROWS = 50
_SPACE, _NEWLINE, _TAB = "Ġ", "Ċ", "ĉ"
"""How vocabularies of byte pairs write a blank, a line's end and a tab."""


def held_file(services: JobServices, account: str, path: Path) -> RemoteFile | None:
    """Return the file of this content that the account's service still holds; asks it.

    Raises:
        TunedeckError: The file or the service can't be read.
    """
    known = services.store.remote_file(account, file_sha256(path))
    return known if known is not None and is_still_there(services.provider(account), known) else None


def preview_tokens(
    services: JobServices, account: str, model: str, path: Path, *, rows: int = 3, send: bool = False,
    on_progress: UploadProgress | None = None,
) -> TokenPreview:  # fmt: skip
    """Return how a service reads the first rows of a file.

    Args:
        services: The store and the providers.
        account: Whose service.
        model: The base model whose template and vocabulary count.
        path: The file.
        rows: How many, from the first.
        send: Upload the file where it is not there yet; a launch of the same content sends it no more.
        on_progress: Hears about that.

    Raises:
        TunedeckError: The service shows none, the file is not there and may not be sent, or it refuses.
    """
    provider = services.provider(account)
    permission = provider.can(Capability.PREVIEW_TOKENS)
    if not permission:
        raise TunedeckError(permission.reason, "`tunedeck count --line N --details` counts here.")
    remote = held_file(services, account, path)
    if remote is None:
        if not send:
            raise TunedeckError(
                f"{provider.account.label} does not hold {path.name} yet.",
                f"`tunedeck preview {path.name} --account {account}` sends it; so does a launch.",
            )
        remote = _send(services, provider, path, on_progress)
    return provider.preview_tokens(model, remote.id, max(1, min(MOST_ROWS, rows)))


def _send(
    services: JobServices, provider: Provider, path: Path, on_progress: UploadProgress | None
) -> RemoteFile:
    sha256 = file_sha256(path)
    account = provider.account.name
    notes = services.store.upload_notes(account, sha256)
    remote = provider.upload_file(path, on_progress=on_progress, notes=notes)
    services.store.remember_file(account, sha256, remote)
    return remote


def shown_text(row: PreviewRow) -> list[tuple[str, bool]]:
    """Return a row as (text, whether it is trained on), in pieces as long as can be."""
    pieces: list[tuple[str, bool]] = []
    for index, token in enumerate(row.tokens):
        text = token.replace(_SPACE, " ").replace(_NEWLINE, "\n").replace(_TAB, "\t")
        trained = any(start <= index < end for start, end in row.trained)
        if pieces and pieces[-1][1] is trained:
            pieces[-1] = (pieces[-1][0] + text, trained)
        else:
            pieces.append((text, trained))
    return pieces


def marked_text(row: PreviewRow) -> str:
    """Return a row as text, what is trained on between ⟦ and ⟧."""
    return "".join(f"⟦{text}⟧" if trained else text for text, trained in shown_text(row))


def row_words(number: int, row: PreviewRow) -> str:
    """Return a row's numbers in a line."""
    cut = ", cut at the longest sequence" if row.truncated else ""
    return f"Row {number}: {row.count:,} tokens, {row.trained_count:,} trained on{cut}"


def preview_words(preview: TokenPreview) -> str:
    """Return what the service takes the file for, in a line."""
    parts = [preview.model]
    if preview.format:
        parts.append(f"read as {preview.format}")
    if preview.longest is not None:
        parts.append(f"at most {preview.longest:,} tokens a row")
    if preview.trains_on_inputs is not None:
        parts.append("trains on questions too" if preview.trains_on_inputs else "trains on answers only")
    return ", ".join(parts)
