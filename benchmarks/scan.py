"""How fast and how small a check is beside what people do today: `python -m benchmarks.scan --size 1GB`.

Every contestant runs on the same file, as a process of its own, in an order that is rotated from round to
round; the figure is the median of the rounds, the ratio that of the rounds' ratios. The notebook's logic may
be run on a part of a large file (`--part`): then its time and memory are scaled up, and the table says so.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.app import temporary_home
from benchmarks.chat_corpus import SIZES, corpus_file
from benchmarks.measurement import Measurement, machine, print_measurements
from benchmarks.process_tree import Run, run
from benchmarks.scan_rivals import together_check
from benchmarks.scan_stages import print_stages
from tui.data.examples import EXAMPLES

LEAST_RATIO = 12.0
MOST_MEMORY_MB = 450.0
SCRATCH = Path("/tmp") / "tunedeck-benchmarks"
_MEGABYTE = 1e6
NOTEBOOK, CHECK, LINTED = "the notebook's logic", "every rule of the formats", "the same with the fast lints"


@dataclass(slots=True)
class Contestant:
    """A program and what it took in each round."""

    name: str
    command: list[str]
    scale: float = 1.0
    """How many times as much the whole file has, where only a part is read."""
    right_exits: tuple[int, ...] = (0,)
    runs: list[Run] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Median seconds, scaled to the whole file."""
        return statistics.median(one.wall for one in self.runs) * self.scale

    @property
    def cpu(self) -> float:
        """Median CPU seconds, scaled to the whole file."""
        return statistics.median(one.cpu for one in self.runs) * self.scale

    @property
    def peak_mb(self) -> float:
        """Most memory of all its processes, in MB; what grows with the file is scaled."""
        return max(one.peak for one in self.runs) / _MEGABYTE * self.scale


def contestants(file: Path, part: Path | None) -> list[Contestant]:
    """Return who takes part; `part` is what the slow ones read instead of `file`."""
    rival = [sys.executable, "-m", "benchmarks.scan_rivals"]
    ours = [sys.executable, "-m", "tui", "check", str(file), "--json", "--fresh"]  # no kept report may answer
    slow, scale = (part, file.stat().st_size / part.stat().st_size) if part else (file, 1.0)
    found = [
        Contestant(NOTEBOOK, [*rival, "notebook", str(slow)], scale),
        Contestant("tiktoken's batch call, 2 threads", [*rival, "batch", str(slow)], scale),
        Contestant(CHECK, [*ours, "--lints", "none"], right_exits=(0, 1)),
        Contestant(LINTED, [*ours, "--lints", "fast"], right_exits=(0, 1)),
        Contestant("wc -l", ["wc", "-l", str(file)]),
    ]
    if together_check() is not None:
        found.append(Contestant("together files check", [*rival, "together", str(slow)], scale))
    return [one for one in found if shutil.which(one.command[0])]


def make_vocabulary() -> None:
    """Have the vocabulary's file made, as on any machine that counted before."""
    run([sys.executable, "-m", "tui", "count", str(EXAMPLES[0].training)])


def compete(players: Sequence[Contestant], rounds: int) -> None:
    """Let each run once in every round; each round begins with another one."""
    for turn in range(rounds):
        start = turn % len(players)
        for player in [*players[start:], *players[:start]]:
            one = run(player.command)
            if one.exit_code not in player.right_exits:
                raise SystemExit(f"{player.name} ended with {one.exit_code}:\n{one.output[-2_000:]}")
            player.runs.append(one)
            print(f"round {turn + 1}: {player.name} {one.wall:.1f} s", file=sys.stderr)


def print_table(players: Sequence[Contestant], file: Path) -> None:
    """Print what each took, beside the notebook's logic."""
    size = file.stat().st_size / _MEGABYTE
    base = next(one for one in players if one.name == NOTEBOOK)
    print(f"\n{file.name}: {size:,.0f} MB. {machine()}\n")
    print("| what | wall s | MB/s | x notebook | CPU s | most memory, MB |")
    print("|---|---|---|---|---|---|")
    for one in sorted(players, key=lambda player: -player.wall):
        name = one.name if one.scale == 1 else f"{one.name} (run on 1/{one.scale:.3g} of the file, scaled)"
        print(
            f"| {name} | {one.wall:,.2f} | {size / one.wall:,.1f} | {ratio(base, one):,.1f}"
            f" | {one.cpu:,.2f} | {one.peak_mb:,.0f} |"
        )
    print()


def ratio(base: Contestant, other: Contestant) -> float:
    """Return how many times as fast as `base` another is: the median over the rounds."""
    rounds = zip(base.runs, other.runs, strict=True)
    return statistics.median((one.wall * base.scale) / (two.wall * other.scale) for one, two in rounds)


def measure(name: str, rounds: int, part: str | None, folder: Path = SCRATCH) -> list[Measurement]:
    """Print the table for the file of a size, and return what has a budget."""
    folder.mkdir(parents=True, exist_ok=True)
    file = corpus_file(folder, name)
    players = contestants(file, corpus_file(folder, part) if part else None)
    with temporary_home():
        make_vocabulary()
        compete(players, rounds)
    print_table(players, file)
    print_stages(file)
    base, ours = (next(one for one in players if one.name == wanted) for wanted in (NOTEBOOK, CHECK))
    is_large = SIZES[name] >= SIZES["1GB"]
    return [
        Measurement(
            f"check of {name}, times the notebook", ratio(base, ours), "x", LEAST_RATIO if is_large else None,
            at_least=True,
        ),
        Measurement(
            f"check of {name}, memory of all processes", ours.peak_mb, "MB",
            MOST_MEMORY_MB if is_large else None, base.peak_mb,
        ),
    ]  # fmt: skip


def main() -> int:
    """Run one size; the exit code is 1 when a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="100MB")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=SIZES, help="What the slow rivals read instead; said in the table.")
    parser.add_argument("--folder", type=Path, default=SCRATCH, help="Where the generated files are kept.")
    chosen = parser.parse_args()
    measurements = measure(chosen.size, chosen.rounds, chosen.part, chosen.folder)
    print_measurements(measurements)
    return 0 if all(one.holds for one in measurements) else 1


if __name__ == "__main__":
    sys.exit(main())
