"""How many jobs an account may have under way at once: what a person allows, or its service is known to."""

from __future__ import annotations

from contextlib import suppress

from tui.config import AT_ONCE_TABLE, edit_settings_file, read_settings_file
from tui.errors import ExitCode, TunedeckError
from tui.jobs.ports import JobServices
from tui.providers.profiles import profile
from tui.records.jobs import Job, JobState

_WAITS = (JobState.PAUSED, JobState.OTHER)
"""States, beside the final ones, in which a job takes no place."""
_MOST = 1000


def own_limits() -> dict[str, int]:
    """Return the limits of the settings file, by account.

    Raises:
        TunedeckError: The file can't be read, or a number in it is wrong.
    """
    path, _text, values = read_settings_file()
    table = values.get(AT_ONCE_TABLE, {})
    if not isinstance(table, dict):
        raise TunedeckError(f"{path}: {AT_ONCE_TABLE} is no table.", f"Begin it with [{AT_ONCE_TABLE}].")
    for account, number in table.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _MOST:
            raise TunedeckError(
                f"{path}: {account} is {number!r} under [{AT_ONCE_TABLE}].",
                f"Write how many jobs it may have under way, such as {account} = 2.",
            )
    return dict(table)


def set_limit(services: JobServices, account: str, number: int | None) -> None:
    """Write how many jobs an account may have under way; None takes the limit out.

    Raises:
        TunedeckError: There is no such account, the number is none, or the file can't be used.
    """
    services.account(account)
    own_limits()
    if number is not None and not 1 <= number <= _MOST:
        raise TunedeckError(
            f"{number} is no limit.", f"Give 1 to {_MOST:,} jobs.", exit_code=ExitCode.WRONG_USE
        )

    def change(document: object) -> None:
        import tomlkit  # only writing needs it

        assert isinstance(document, tomlkit.TOMLDocument)
        table = document.setdefault(AT_ONCE_TABLE, tomlkit.table())
        if number is None:
            table.pop(account, None)
        else:
            table[account] = number

    edit_settings_file(change)


def limit_of(services: JobServices, account: str) -> int | None:
    """Return how many jobs an account may have under way; None where nothing is known.

    Raises:
        TunedeckError: There is no such account, or the settings file is wrong.
    """
    chosen = own_limits().get(account)
    return chosen if chosen is not None else profile(services.account(account).provider).jobs_at_once


def under_way(services: JobServices, account: str) -> int:
    """Return how many of its jobs take a place now, as far as the store knows."""
    return len(_taking_places(services, account))


def _taking_places(services: JobServices, account: str) -> list[Job]:
    return [
        job
        for job in services.store.jobs_to_watch()
        if job.account == account and not job.state.is_final and job.state not in _WAITS
    ]


def look_for_place(services: JobServices, account: str) -> bool:
    """As `has_place`, but where all are taken, the service is asked whether a job has ended unwatched.

    Without that a job that ended unseen would hold its place, and all that waits for it, for ever.
    """
    if has_place(services, account):
        return True
    for job in _taking_places(services, account):
        with suppress(TunedeckError):  # what can't be asked keeps its place
            services.store.save_job(services.provider(account).retrieve_job(job.id))
    return has_place(services, account)


def has_place(services: JobServices, account: str) -> bool:
    """Say whether an account may have one more job under way."""
    limit = limit_of(services, account)
    return limit is None or under_way(services, account) < limit
