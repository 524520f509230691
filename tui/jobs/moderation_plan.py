"""What asking a service's moderation about a dataset would send, counted before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.datasets.moderated import Judged, JudgedRow, judged_rows
from tui.errors import TunedeckError
from tui.jobs.moderation_asking import ModerationStopped
from tui.jobs.ports import JobServices
from tui.records.models import Account, Capability, Permission
from tui.records.moderation import MODERATION_MODEL

_ROWS_AT_ONCE = 200
"""Rows whose answers are looked up together."""
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MINUTE = (10_000, 500_000)
"""Of a new account and of the largest (OpenAI's page of the model, read 2026-11-29)."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class ModerationPlan:
    """What a round would send, counted before anything is sent."""

    account: Account
    rows: int
    texts: int
    """Different texts of the file."""
    unknown_texts: int
    """Of them, not asked about yet: these would be sent."""
    unknown_characters: int
    images: int
    unknown_images: int

    @property
    def unknown(self) -> int:
        """Everything that would be sent."""
        return self.unknown_texts + self.unknown_images

    @property
    def minutes(self) -> tuple[float, float]:
        """About how long the account's limit makes it take: for the largest account and for a new one."""
        tokens = self.unknown_characters / _CHARACTERS_PER_TOKEN
        return tokens / _TOKENS_PER_MINUTE[1], tokens / _TOKENS_PER_MINUTE[0]


def moderating_account(services: JobServices, name: str | None = None) -> tuple[Account | None, Permission]:
    """Return the account whose moderation can be asked, and why none can where that is so.

    Args:
        services: The accounts.
        name: The one wanted; None takes the first that can.

    Raises:
        TunedeckError: There is no account of that name.
    """
    reasons: list[str] = []
    for account in services.accounts() if name is None else [services.account(name)]:
        permission = (
            services.provider(account.name).can(Capability.MODERATE)
            if account.ready
            else Permission(False, f"{account.label}: {account.state}")
        )
        if permission:
            return account, permission
        reasons.append(permission.reason)
    return None, Permission(False, reasons[-1] if reasons else "There is no account.")


def plan_moderation(
    services: JobServices,
    path: Path,
    account_name: str | None = None,
    *,
    images: bool = False,
    on_progress: Progress | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> ModerationPlan:
    """Count what would be sent; nothing is. Memory: some 60 bytes for each different text.

    Raises:
        TunedeckError: No account can moderate, or the file can't be read.
        ModerationStopped: `cancelled` said so.
    """
    account, permission = moderating_account(services, account_name)
    if account is None:
        raise TunedeckError(
            f"No moderation can be asked. {permission.reason}", "It is OpenAI's, and free; its key is needed."
        )
    rows = texts = characters = pictures = unknown_texts = unknown_images = 0
    seen: set[int] = set()
    for chunk in row_chunks(judged_rows(path, images=images, on_progress=on_progress), cancelled):
        rows += len(chunk)
        fresh: dict[bytes, Judged] = {}
        for part in (part for row in chunk for part in row.parts):
            digest = part.digest
            number = int.from_bytes(digest[:8])
            if number not in seen:
                seen.add(number)
                fresh[digest] = part
        known = services.store.moderations(account.name, MODERATION_MODEL, list(fresh))
        for digest, part in fresh.items():
            is_new = digest not in known
            if part.is_image:
                pictures += 1
                unknown_images += is_new
            else:
                texts += 1
                unknown_texts += is_new
                characters += len(part.text) if is_new else 0
    return ModerationPlan(account, rows, texts, unknown_texts, characters, pictures, unknown_images)


def privacy_notice(plan: ModerationPlan, *, images: bool) -> str:
    """Return what a person must know before anything is sent, in two or three sentences."""
    pictures = (
        f"{plan.unknown_images:,} images too"
        if images
        else "images are not sent, nor are tool definitions and own keys"
    )
    quick, slow = plan.minutes
    duration = (
        f" Its limits make that take about {_duration(quick)} for a large account and {_duration(slow)} "
        "for a new one; it can be stopped and goes on where it was."
        if slow > 2
        else ""
    )
    return (
        f"{plan.unknown_texts:,} texts of this file ({plan.unknown_characters:,} characters) leave this "
        f"machine and go to {plan.account.label}, to its free moderation; {pictures}. What it says is kept "
        f"here under digests, so that nothing is sent twice.{duration}"
    )


def _duration(minutes: float) -> str:
    if minutes < 1:
        return "a minute"
    return f"{minutes:.0f} minutes" if minutes < 90 else f"{minutes / 60:,.0f} hours"


def row_chunks(rows: Iterator[JudgedRow], cancelled: Callable[[], bool]) -> Iterator[Sequence[JudgedRow]]:
    """Yield rows in handfuls.

    Raises:
        ModerationStopped: `cancelled` said so.
    """
    chunk: list[JudgedRow] = []
    for row in rows:
        if cancelled():
            raise ModerationStopped
        chunk.append(row)
        if len(chunk) == _ROWS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
