"""Tags and notes of models, and deleting a model where its service can."""

from __future__ import annotations

from collections.abc import Iterable

from tui.errors import ExitCode, TunedeckError
from tui.jobs.model_family import FamilyModel, ModelKind
from tui.jobs.ports import JobServices
from tui.providers.protocol import ProviderError
from tui.records.models import Capability, Permission
from tui.safe_text import safe_text

LONGEST_TAG, LONGEST_NOTE = 40, 2_000
_NOT_THERE = 404


def read_tags(text: str) -> list[str]:
    """Return the tags that a text names, separated by blanks or commas.

    Raises:
        TunedeckError: One is too long, or has bytes that no terminal shows.
    """
    tags = list(dict.fromkeys(text.replace(",", " ").split()))
    for tag in tags:
        if len(tag) > LONGEST_TAG or not tag.isprintable():
            raise TunedeckError(
                f"{tag[:LONGEST_TAG]!r} can't be a tag.", f"A tag has at most {LONGEST_TAG} letters."
            )
    return tags


def set_tags(services: JobServices, model: FamilyModel, tags: Iterable[str]) -> None:
    """Let a model have these tags and no others."""
    wanted = set(tags)
    services.store.tag_model(model.account, model.id, sorted(wanted))
    services.store.untag_model(model.account, model.id, sorted(set(model.tags) - wanted))


def set_note(services: JobServices, model: FamilyModel, note: str) -> None:
    """Keep a note in place of the one before; an empty one takes it away.

    Raises:
        TunedeckError: It is too long.
    """
    note = safe_text(note).strip()
    if len(note) > LONGEST_NOTE:
        raise TunedeckError(f"The note has {len(note):,} letters.", f"At most {LONGEST_NOTE:,} are kept.")
    services.store.note_model(model.account, model.id, note)


def reason_against_deleting(model: FamilyModel, permission: Permission) -> str:
    """Return why a model can't be deleted; empty when it can.

    Args:
        model: The model.
        permission: What its provider says to `Capability.DELETE_MODEL`.
    """
    match model.kind:
        case ModelKind.BASE:
            return "A base model belongs to its service; only what a job made can be deleted."
        case ModelKind.CHECKPOINT:
            return "A checkpoint goes with the model of its job."
        case ModelKind.JOB:
            return "This job has made no model yet."
    if model.deleted_at is not None:
        return f"{model.id} was deleted already."
    return "" if permission else permission.reason


def check_deletable(services: JobServices, model: FamilyModel) -> None:
    """Say before anything is asked that a model can't be deleted.

    Raises:
        TunedeckError: It can't be, or its account is not ready.
    """
    reason = reason_against_deleting(model, services.provider(model.account).can(Capability.DELETE_MODEL))
    if reason:
        raise TunedeckError(f"{model.id} can't be deleted.", reason)


def delete_model(services: JobServices, model: FamilyModel, typed: str) -> bool:
    """Delete a tuned model at its service, for good; its job, tags and note stay here.

    Args:
        services: Store and providers.
        model: The model.
        typed: The model's name as the person typed it, to say that this one is meant.

    Returns:
        False when the service had no such model any more.

    Raises:
        TunedeckError: Another name was typed, the model can't be deleted, or the service refused.
    """
    if typed != model.id:
        raise TunedeckError(
            "Nothing was deleted: what was typed is not the model's name.", f"Its name is {model.id}",
            exit_code=ExitCode.WRONG_USE,
        )  # fmt: skip
    check_deletable(services, model)
    was_there = True
    try:
        services.provider(model.account).delete_model(model.id)
    except ProviderError as error:
        if error.status != _NOT_THERE:
            raise
        was_there = False
    services.store.forget_model(model.account, model.id)
    return was_there
