"""CPU time until the app shows its home screen, and memory at rest, beside a bare Textual app in turns."""

from __future__ import annotations

import compileall
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from benchmarks.measurement import Measurement
from tests.e2e.terminal import TerminalApp
from tui import paths
from tui.data.examples import EXAMPLES
from tui.records.jobs import Job, JobState
from tui.records.models import ModelInfo
from tui.store.store import Store

ROOT = Path(__file__).resolve().parent.parent
BARE_APP = Path(__file__).with_name("bare_textual.py")
COMMAND = Path(sys.executable).with_name("tunedeck")
"""The installed command."""
BARE_CONTENT = b"bare textual"
LAST_MODEL = "ft:smollm2-135m-instruct:local:painted-last:0badc0de"
HOME_CONTENT = b"painted-last"
"""The model in the last pane of the home screen: all that stands above it is painted by then."""
REST_SECONDS = 3.0
FIRST_PAINT_RATIO = 200 / 150
"""Budget beside the bare app: 200 ms where that takes 150; a ratio holds on a slower machine too."""
_MEGABYTE = 1_000_000
_JOBS = 12


def compile_program() -> None:
    """Write the bytecode that installing writes, whatever the environment says about writing it."""
    for package in ("tui", "screens"):
        compileall.compile_dir(ROOT / package, quiet=1)


def fill_store() -> None:
    """Keep jobs, datasets and models in the store of the home, as after some days of work."""
    with Store(paths.store_file()) as store:
        for number in range(_JOBS):
            job = Job("local", f"ftjob-{number}", JobState.SUCCEEDED, "succeeded", "smollm2-135m-instruct",
                      created_at=1_780_000_000 + number, suffix=f"tone-{number}")  # fmt: skip
            store.save_job(job)
            store.add_metrics("local", job.id, {step: {"train_loss": 3 / step} for step in range(1, 200)})
        for example in EXAMPLES:
            path = example.training
            store.touch_dataset(path, sha256=path.name, size=path.stat().st_size, rows=90, format="chat",
                                valid=True, counts={"error": 0, "warning": 0, "info": 0})  # fmt: skip


def keep_last_model() -> None:
    """Keep the model that is waited for; an engine that answered a start before has its own list instead."""
    with Store(paths.store_file()) as store:
        store.save_models("local", [ModelInfo("local", LAST_MODEL, base_model="smollm2-135m-instruct")])


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used: of its living threads in nanoseconds where Linux tells."""
    try:
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
    except OSError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


def start_bare(terminal: TerminalApp) -> float:
    """Start the bare Textual app and return its CPU time at its first content."""
    return _cpu_at(terminal.start_program(sys.executable, str(BARE_APP)), BARE_CONTENT)


def start_tunedeck(terminal: TerminalApp, content: bytes = HOME_CONTENT) -> float:
    """Start the app and return its CPU time when its home screen has content."""
    keep_last_model()
    # The command, as a person starts it: `python -m` would load what runs modules too.
    return _cpu_at(terminal.start_program(sys.executable, str(COMMAND)), content)


def _cpu_at(terminal: TerminalApp, wanted: bytes) -> float:
    terminal.stop_when_written(wanted)
    used = cpu_seconds(terminal.pid)
    terminal.go_on()
    return used


def sampled_cpu(
    rounds: int, at_rest: Callable[[str, TerminalApp], None] | None = None
) -> dict[str, list[float]]:
    """Return milliseconds of CPU to first content of the bare app and of ours, started in turns.

    Args:
        rounds: How often each is started.
        at_rest: Called with the name and the terminal of each, once it was painted.
    """
    compile_program()
    fill_store()
    starts: dict[str, Callable[[TerminalApp], float]] = {"bare": start_bare, "tunedeck": start_tunedeck}
    found: dict[str, list[float]] = {name: [] for name in starts}
    for _ in range(rounds):
        for name, start in starts.items():
            with TerminalApp(140, 40) as terminal:
                found[name].append(start(terminal) * 1000)
                if at_rest is not None:
                    at_rest(name, terminal)
    return found


def measure_start(rounds: int) -> list[Measurement]:
    """Return CPU time to first content and memory at rest of the app and of a bare Textual app, in turns."""
    memory: dict[str, list[float]] = {"bare": [], "tunedeck": []}

    def note_memory(name: str, terminal: TerminalApp) -> None:
        terminal.settle(quiet=REST_SECONDS, timeout=REST_SECONDS * 2)
        memory[name].append(psutil.Process(terminal.pid).memory_info().rss / _MEGABYTE)

    cpu = sampled_cpu(rounds, note_memory)
    ours, bare = min(cpu["tunedeck"]), min(cpu["bare"])
    ratio = Measurement("first paint, beside a bare Textual app", ours / bare, "times", FIRST_PAINT_RATIO)
    rest = {name: statistics.median(values) for name, values in memory.items()}
    return [
        Measurement("first paint, CPU", ours, "ms", None, bare),
        ratio,
        Measurement("memory at rest", rest["tunedeck"], "MB", 90, rest["bare"]),
    ]


def main() -> None:
    """Print the CPU times only; `python -m benchmarks.first_paint ROUNDS`."""
    from benchmarks.app import temporary_home  # which imports this module

    with temporary_home():
        cpu = sampled_cpu(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
    for name, values in cpu.items():
        print(f"{name:<9} least {min(values):.0f} ms, median {statistics.median(values):.0f} ms")
    ratios = [ours / bare for bare, ours in zip(cpu["bare"], cpu["tunedeck"], strict=True)]
    print(f"ratio of the least {min(cpu['tunedeck']) / min(cpu['bare']):.3f}")
    print(f"median of the ratios {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
