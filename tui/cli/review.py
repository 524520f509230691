"""`tunedeck review`: look at proposed rows, keep, edit or reject them, and write what is kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.proposals.review import ReviewQueue
    from tui.records.proposals import Proposal
    from tui.services import Services

_SHOWN = 100


@click.command()
@click.argument("run", required=False)
@click.option("--next", "show_next", is_flag=True, help="Show the next row that waits.")
@click.option("--show", type=int, metavar="N", help="Show one proposal.")
@click.option("--keep", "kept", type=int, multiple=True, metavar="N", help="Keep a row; may be repeated.")
@click.option("--reject", "rejected", type=int, multiple=True, metavar="N", help="Reject a row.")
@click.option("--edit", "edited", type=int, metavar="N", help="Change a row, in your editor or by --from.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="JSON of the row; - for a pipe.")
@click.option("--keep-all", is_flag=True, help="Keep all that wait, unseen; asks first.")
@click.option("--write", is_flag=True, help="Append what is kept to the training file.")
@click.option("--unusable", is_flag=True, help="Show what could not be used, and why.")
@click.option("--delete", is_flag=True, help="Forget the run with its proposals; asks first.")
@click.option("--yes", is_flag=True, help="Agree without being asked.")
@json_option
def command(run: str | None, as_json: bool, **options: Any) -> int:
    """List runs of proposed rows, or the rows of RUN (an id, its beginning, or `last`).

    Decisions are made in the order keep, reject, edit, write. A row that the rules refuse can't be kept.
    Written rows stand at the end of the training file, and where each is from in NAME.origins.jsonl beside.

    Exit codes: 0 done; 1 a row was refused or held back; 2 wrong use or unreadable; 130 interrupted.
    """
    from tui.proposals.review import ReviewQueue, find_run
    from tui.services import Services

    with Services.open() as services:
        if run is None:
            return _list_runs(services, as_json=as_json)
        queue = ReviewQueue(services.store, find_run(services.store, run))
        if options["delete"]:
            return _delete(services, queue, yes=options["yes"])
        changed = _decide(queue, options)
        code = ExitCode.DONE
        if options["write"]:
            code = _write(queue, as_json=as_json)
        elif options["show_next"] or options["show"] is not None:
            _show(queue, options["show"], as_json=as_json)
        elif options["unusable"] or not changed:
            _list(services, queue, unusable=options["unusable"], as_json=as_json)
        else:
            _tell_counts(queue, as_json=as_json)
        return int(code)


def _list_runs(services: Services, *, as_json: bool) -> int:
    from tui.records.proposals import ProposalState

    runs = services.store.proposal_runs()
    if as_json:
        print_json([
            {"id": one.id, "kind": str(one.kind), "model": one.model, "account": one.account,
             "target": one.target, "created_at": one.created_at,
             "counts": {str(state): one.counts.get(state, 0) for state in ProposalState}}
            for one in runs
        ])  # fmt: skip
        return int(ExitCode.DONE)
    if not runs:
        say("No rows were proposed yet: tunedeck generate, or tunedeck augment.")
        return int(ExitCode.DONE)
    states = (ProposalState.WAITING, ProposalState.KEPT, ProposalState.WRITTEN, ProposalState.REJECTED)
    print_table(
        ["RUN", "KIND", *(str(state).upper() for state in states), "NOT OFFERED", "MODEL", "FILE"],
        [
            [one.id, one.kind, *(f"{one.count(state):,}" for state in states),
             f"{one.count(ProposalState.UNUSABLE, ProposalState.REPEATED):,}", one.model or "-", one.target]
            for one in runs
        ],
    )  # fmt: skip
    return int(ExitCode.DONE)


def _decide(queue: ReviewQueue, options: dict[str, Any]) -> bool:
    """Do what was decided, in the order of the help; return whether anything was."""
    for number in options["kept"]:
        queue.keep(number)
    for number in options["rejected"]:
        queue.reject(number)
    if options["edited"] is not None:
        _edit(queue, options["edited"], options["source"])
    elif options["source"] is not None:
        raise TunedeckError("--from needs the row that it replaces.", "Add --edit N.")
    if options["keep_all"]:
        waiting = queue.waiting()
        question = f"Keep {len(waiting):,} rows that nobody has looked at?"
        if options["yes"] or confirmed(question, question, "Add --yes to agree."):
            for one in waiting:
                queue.keep(one.number)
    return bool(
        options["kept"] or options["rejected"] or options["edited"] is not None or options["keep_all"]
    )


def _edit(queue: ReviewQueue, number: int, source: Path | None) -> None:
    from tui.datasets.row_layout import edited_line, text_to_edit

    before = queue.proposal(number).line
    if source is None:
        from tui.text_editor import edit_text

        if not sys.stdin.isatty():
            raise TunedeckError("There is no terminal for an editor.", "Use --from - and a pipe.")
        text = edit_text(text_to_edit(before), f"proposal-{number}.json")
    elif str(source) == "-":
        text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    else:
        try:
            text = source.read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise TunedeckError(f"{source} can't be read: {error.strerror or error}.") from error
    queue.edit(number, edited_line(text, before))
    for one in queue.findings(queue.proposal(number).line):
        narrate(f"{one.severity}: {one.message}")


def _show(queue: ReviewQueue, number: int | None, *, as_json: bool) -> None:
    waiting = queue.waiting(limit=1)
    if number is None and not waiting:
        print_json(None) if as_json else say("No row waits.")
        return
    proposal = waiting[0] if number is None else queue.proposal(number)
    if as_json:
        print_json(proposal_json(queue, proposal))
        return
    from tui.datasets.row_diff import diff_rows
    from tui.datasets.row_layout import text_to_edit

    say(f"Proposal {proposal.number} of run {queue.run.id}: {proposal.state}.")
    say(text_to_edit(proposal.line))
    if proposal.why:
        say(proposal.why)
    for one in queue.findings(proposal.line):
        say(f"{one.severity}: {one.message}")
    if proposal.near:
        say(f"{proposal.near_share:.0%} of it is {proposal.near}:")
        for line in diff_rows(proposal.near_line, (proposal.line,)):
            say(f"{line.sign} {line.text}")


def proposal_json(queue: ReviewQueue, proposal: Proposal) -> dict[str, Any]:
    """Return a proposal as JSON values."""
    return {
        "number": proposal.number,
        "state": str(proposal.state),
        "row": proposal.line.decode("utf-8", "replace"),
        "why": proposal.why or None,
        "near": None if not proposal.near else {
            "where": proposal.near, "share": round(proposal.near_share, 3),
            "row": proposal.near_line.decode("utf-8", "replace"),
        },
        "origin": queue.origin(proposal),
    }  # fmt: skip


def _list(services: Services, queue: ReviewQueue, *, unusable: bool, as_json: bool) -> None:
    from tui.proposals.review import summary_of
    from tui.records.proposals import ProposalState

    hidden = (ProposalState.UNUSABLE, ProposalState.REPEATED)
    states = hidden if unusable else tuple(one for one in ProposalState if one not in hidden)
    found = services.store.proposals(queue.run.id, *states)
    if as_json:
        print_json([proposal_json(queue, one) for one in found])
        return
    print_table(
        ["N", "STATE", "NEAR", "WHY" if unusable else "", "TEXT"],
        [
            [one.number, one.state, f"{one.near_share:.0%} {one.near}" if one.near else "-", one.why,
             safe_line(summary_of(one.line), _SHOWN)]
            for one in found
        ],
    )  # fmt: skip


def _write(queue: ReviewQueue, *, as_json: bool) -> ExitCode:
    from tui.proposals.review import later_split_note

    written = queue.write()
    if as_json:
        print_json(written.as_json())
    else:
        say(f"{written.rows:,} rows appended to {written.path}; where each is from: {written.origins}.")
        if written.there_already:
            say(f"{written.there_already:,} stood there already.")
        for number, why in written.held_back:
            say(f"Proposal {number} was held back: {why}.")
    narrate(later_split_note(written.path))
    return ExitCode.BAD if written.held_back else ExitCode.DONE


def _delete(services: Services, queue: ReviewQueue, *, yes: bool) -> int:
    question = f"Forget run {queue.run.id} and its proposals?"
    if not yes and not confirmed(question, question, "Add --yes to agree."):
        return int(ExitCode.INTERRUPTED)
    services.store.delete_proposal_run(queue.run.id)
    narrate("Forgotten; what is in the training file stays, and answers that were paid for are kept.")
    return int(ExitCode.DONE)


def _tell_counts(queue: ReviewQueue, *, as_json: bool) -> None:
    from tui.records.proposals import ProposalState

    run = queue.refreshed()
    if as_json:
        print_json({str(state): run.counts.get(state, 0) for state in ProposalState})
        return
    say(
        f"{run.count(ProposalState.WAITING):,} wait, {run.count(ProposalState.KEPT):,} kept, "
        f"{run.count(ProposalState.REJECTED):,} rejected, {run.count(ProposalState.WRITTEN):,} written."
    )
