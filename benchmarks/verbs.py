"""Memory and time of every verb that reads a whole file: `python -m benchmarks.verbs --size 1GB`.

Each verb runs once, as a person would call it, in a home of its own; what it writes is deleted at once.
Figures are of all its processes together.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.app import temporary_home
from benchmarks.chat_corpus import SIZES, corpus_file
from benchmarks.measurement import Measurement, machine
from benchmarks.process_tree import Run, run
from benchmarks.scan import SCRATCH, make_vocabulary

MOST_MEMORY_MB = 450.0
"""What a verb may take however large the file is: the scan's own budget."""
_MEGABYTE = 1e6
OUTPUT, LATE = "OUTPUT", "LATE"
_BYTES_PER_ROW = 2_500


@dataclass(frozen=True, slots=True)
class Verb:
    """A command line with FILE after the verb."""

    name: str
    words: tuple[str, ...]
    """After `tunedeck VERB FILE`; OUTPUT is a place for new files, LATE lines near the end."""

    def command(self, file: Path, output: Path) -> list[str]:
        """Return the command line."""
        verb, *rest = self.words
        late = file.stat().st_size // _BYTES_PER_ROW
        places = {OUTPUT: str(output / "new.jsonl"), LATE: f"{late}-{late + 10}"}
        options = [places.get(word, word) for word in rest]
        if verb == "merge":
            options = [str(file), *options]
        if verb == "split":
            options = ["-o", str(output), *options]
        return [sys.executable, "-m", "tui", verb, str(file), *options]


VERBS = (
    Verb("check --fresh", ("check", "--fresh")),
    Verb("check again, from the report kept", ("check",)),
    Verb("check --lints all", ("check", "--lints", "all")),
    Verb("count --fresh", ("count", "--fresh")),
    Verb("count, from the report kept", ("count",)),
    Verb("count --quick", ("count", "--quick")),
    Verb("cost", ("cost", "--model", "gpt-4.1-2025-04-14")),
    Verb("cost again, from the report kept", ("cost", "--model", "gpt-4.1-2025-04-14")),
    Verb("cost --quick", ("cost", "--quick")),
    Verb("rows --range, at the end", ("rows", "--range", LATE)),
    Verb("rows --sort tokens", ("rows", "--sort", "tokens")),
    Verb("rows --sort bytes", ("rows", "--sort", "bytes")),
    Verb("rows --where", ("rows", "--where", "length(messages) > `6`")),
    Verb("rows --facets, of a model not checked before", ("rows", "--facets", "--model", "gpt-3.5-turbo")),
    Verb("rows --facets, from the report kept", ("rows", "--facets")),
    Verb("search, text", ("search", "accessibility")),
    Verb("search -i, text", ("search", "-i", "accessibility")),
    Verb("search --regex", ("search", "--regex", r"error[- ]?code\s+\d+")),
    Verb("fix", ("fix", "-o", OUTPUT)),
    Verb("convert to ShareGPT", ("convert", "--to", "sharegpt", "--skip-bad", "-o", OUTPUT)),
    Verb("split", ("split",)),
    Verb("sample", ("sample", "--rows", "10%", "-o", OUTPUT)),
    Verb("shuffle", ("shuffle", "-o", OUTPUT)),
    Verb("dedupe", ("dedupe", "-o", OUTPUT)),
    Verb("dedupe --by prompt", ("dedupe", "--by", "prompt", "-o", OUTPUT)),
    Verb("cut", ("cut", "--limit", "4096", "-o", OUTPUT)),
    Verb("merge with itself", ("merge", "-o", OUTPUT)),
    Verb("delete --facet duplicate", ("delete", "--facet", "duplicate", "-o", OUTPUT)),
    Verb("delete --where", ("delete", "--where", "length(messages) > `6`", "-o", OUTPUT)),
    Verb("delete --range, at the end", ("delete", "--range", LATE, "-o", OUTPUT)),
)


def measure(
    name: str, wanted: Sequence[str] = (), folder: Path = SCRATCH
) -> list[tuple[Verb, Run, Measurement]]:
    """Run the verbs on the file of a size.

    Args:
        name: Of the size.
        wanted: Only verbs whose name begins with one of these; all when empty.
        folder: Where the generated file is kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = corpus_file(folder, name)
    found = []
    with temporary_home():
        make_vocabulary()
        for verb in VERBS:
            if wanted and not verb.name.startswith(tuple(wanted)):
                continue
            output = folder / "new-files"
            output.mkdir(exist_ok=True)
            try:
                one = run(verb.command(file, output))
            finally:
                shutil.rmtree(output)
            memory = Measurement(f"{verb.name}, {name}", one.peak / _MEGABYTE, "MB", MOST_MEMORY_MB)
            found.append((verb, one, memory))
            print(row(verb, one, file), flush=True)
    return found


def row(verb: Verb, one: Run, file: Path) -> str:
    """Return a line of the table; a verb that failed says with what."""
    size = file.stat().st_size / _MEGABYTE
    failed = f" **ended with {one.exit_code}**: {one.output.strip()[-150:]!r}" if one.exit_code > 1 else ""
    return (
        f"| {verb.name}{failed} | {one.wall:,.1f} | {size / one.wall:,.0f} | {one.cpu:,.1f}"
        f" | {one.peak / _MEGABYTE:,.0f} |"
    )


def main() -> int:
    """Print the table; the exit code is 1 when a verb failed or took too much memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="100MB")
    parser.add_argument("--folder", type=Path, default=SCRATCH)
    parser.add_argument("--only", action="append", default=[], help="Verbs whose name begins so.")
    chosen = parser.parse_args()
    print(f"{chosen.size}. {machine()}\n")
    print("| verb | wall s | MB/s | CPU s | most memory, MB |")
    print("|---|---|---|---|---|")
    found = measure(chosen.size, chosen.only, chosen.folder)
    return 0 if all(one.exit_code <= 1 and memory.holds for _, one, memory in found) else 1


if __name__ == "__main__":
    sys.exit(main())
