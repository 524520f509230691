"""How quick chat with the real base model is: speed, first token, prompt reuse, beside a training job.

    python -m benchmarks.serving            # some two minutes; --no-training leaves the job out

Everything goes over HTTP to an engine of its own, in a temporary folder, through the openai package.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import openai
import psutil

from benchmarks.measurement import Measurement, print_measurements
from tui import paths

CONTEXT = 511
"""Tokens of prompt, as in the figures of the budget."""

ANSWER = 64
REPEATS = 5
MODEL = "smollm2-135m-instruct"
END_TOKEN = "2"
TOGETHER = 4
"""Clients at the same time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Times of one streamed answer, in seconds and tokens per second, and the engine's CPU seconds."""

    first_token: float
    speed: float
    cpu: float


@dataclass(frozen=True, slots=True)
class BenchEngine:
    """An engine in a process of its own."""

    client: openai.OpenAI
    process: psutil.Process
    first_answer: float
    """Seconds from the start of the process to the end of a first short chat answer."""

    def answer(self, prompt: Sequence[int]) -> Answer:
        """Stream one answer to a prompt of token ids."""
        cpu, start = self._cpu(), time.perf_counter()
        stream = self.client.completions.create(
            model=MODEL,
            prompt=list(prompt),
            max_tokens=ANSWER,
            temperature=0,
            logit_bias={END_TOKEN: -100},
            stream=True,
        )
        arrivals = [time.perf_counter() for chunk in stream if chunk.choices[0].finish_reason is None]
        # Characters of several tokens arrive as one piece, so tokens are counted, not pieces.
        speed = (ANSWER - 1) / (arrivals[-1] - arrivals[0])
        return Answer(arrivals[0] - start, speed, self._cpu() - cpu)

    def _cpu(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


def prompt_of(seed: int, length: int = CONTEXT) -> list[int]:
    """Return token ids that begin differently for each seed, so that nothing is reused by accident."""
    return [1000 + (seed * 7919 + place * 31) % 40_000 for place in range(length)]


WITHOUT_PACKED = "import sys; sys.modules['wasmtime'] = None; from tui.engine.__main__ import main; main()"
"""Runs an engine as where wasmtime is not there: from float32 weights."""


@contextmanager
def started_engine(*, packed: bool = True) -> Iterator[BenchEngine]:
    """Start an engine in a temporary folder and wait for its first answer."""
    with tempfile.TemporaryDirectory() as root:
        start = time.perf_counter()
        how = ["-m", "tui.engine"] if packed else ["-c", WITHOUT_PACKED]
        command = [sys.executable, *how, "--root", root, "--no-fetch"]
        engine = subprocess.Popen(command)
        try:
            url, token = wait_for_address(Path(root))
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=token, timeout=300)
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "Capital of France?"}], max_tokens=8
            )
            yield BenchEngine(client, psutil.Process(engine.pid), time.perf_counter() - start)
        finally:
            engine.terminate()
            engine.wait(timeout=30)


def wait_for_address(root: Path) -> tuple[str, str]:
    """Return the engine's URL and token as soon as it has written them."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            url = json.loads((root / "server.json").read_text("utf-8"))["url"]
            return str(url), (root / "token").read_text("utf-8").strip()
        except (OSError, ValueError):
            time.sleep(0.01)
    raise SystemExit("The engine did not start.")


@dataclass(frozen=True, slots=True)
class Float32:
    """What an engine does that serves from float32 weights."""

    speed: float
    cpu: float
    first_token: float
    memory: float


def measure_float32() -> Float32:
    """Measure an engine without packed weights."""
    with started_engine(packed=False) as engine:
        answers = [engine.answer(prompt_of(seed)) for seed in range(1, REPEATS + 1)]
        return Float32(
            speed=statistics.median(answer.speed for answer in answers),
            cpu=statistics.median(answer.cpu for answer in answers),
            first_token=statistics.median(answer.first_token for answer in answers),
            memory=engine.process.memory_info().rss / 1e6,
        )


def products_alone() -> dict[str, float | None]:
    """Return the tokens a second that the machine allows: with one and all threads, and packed."""
    command = [sys.executable, "-m", "benchmarks.bare_products", str(paths.base_models_dir() / MODEL)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    allowed: dict[str, float | None] = json.loads(done.stdout)
    return allowed


def measure_alone(engine: BenchEngine, allowed: float, before: Float32) -> tuple[list[Measurement], float]:
    """Measure an engine that has nothing else to do; also return the median speed.

    Args:
        engine: The engine.
        allowed: Tokens a second of the bare float32 products, measured in the same run.
        before: What an engine without packed weights did in the same run.
    """
    fresh = [engine.answer(prompt_of(seed)) for seed in range(1, REPEATS + 1)]
    again = [engine.answer(prompt_of(seed)) for seed in range(1, REPEATS + 1)]
    speed = statistics.median(answer.speed for answer in fresh)
    cpu = statistics.median(answer.cpu for answer in fresh)
    first, reused = (statistics.median(answer.first_token for answer in group) for group in (fresh, again))
    return [
        Measurement("first answer after start", engine.first_answer, "s"),
        Measurement(f"chat at {CONTEXT} tokens", speed, "tokens/s", 40, beside=before.speed, at_least=True),
        Measurement("times what float32 products allow", speed / allowed, "times", 1, at_least=True),
        Measurement(f"first token of {CONTEXT}", first, "s", 0.9, beside=before.first_token),
        Measurement("first token, prompt known", reused, "s", beside=first),
        Measurement("gain by the known prompt", first / reused, "times"),
        Measurement(f"CPU of {CONTEXT} + {ANSWER} tokens", cpu, "s", beside=before.cpu),
        Measurement(
            "engine's resident memory",
            engine.process.memory_info().rss / 1e6,
            "MB",
            before.memory,
            before.memory,
        ),
    ], speed


def measure_together(engine: BenchEngine, alone: float) -> list[Measurement]:
    """Measure several clients at the same time, their prompts known, so that decoding alone counts."""
    prompts = [prompt_of(seed) for seed in range(50, 50 + TOGETHER)]
    for prompt in prompts:
        engine.answer(prompt)
    with ThreadPoolExecutor(TOGETHER) as pool:
        answers = list(pool.map(engine.answer, prompts))
    total = sum(answer.speed for answer in answers)
    return [Measurement(f"{TOGETHER} chats at once, in all", total, "tokens/s", beside=alone)]


def measure_beside_training(engine: BenchEngine, allowed: float) -> list[Measurement]:
    """Measure chat while a training worker runs; `allowed`: what bare products on one thread reach."""
    rows = [{"messages": addition(number)} for number in range(400)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    file = engine.client.files.create(file=("numbers.jsonl", data), purpose="fine-tune")
    job = engine.client.fine_tuning.jobs.create(
        model=MODEL,
        training_file=file.id,
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 4}}},
    )
    steps_before = wait_for_steps(engine, job.id, 2)
    start = time.perf_counter()
    answers = [engine.answer(prompt_of(seed)) for seed in range(100, 100 + REPEATS)]
    seconds = time.perf_counter() - start
    steps = steps_done(engine, job.id) - steps_before
    engine.client.fine_tuning.jobs.cancel(job.id)
    speed = statistics.median(answer.speed for answer in answers)
    first = statistics.median(answer.first_token for answer in answers)
    return [
        Measurement("chat while a job trains", speed, "tokens/s", 40, beside=allowed, at_least=True),
        Measurement("times float32 products on one thread", speed / allowed, "times", 1, at_least=True),
        Measurement("first token while a job trains", first, "s"),
        Measurement("training steps meanwhile", steps / seconds * 60, "per minute"),
    ]


def addition(number: int) -> list[dict[str, str]]:
    """Return one training example."""
    return [
        {"role": "user", "content": f"{number} plus one?"},
        {"role": "assistant", "content": f"It is {number + 1}."},
    ]


def steps_done(engine: BenchEngine, job_id: str) -> int:
    """Return how many training steps a job has reported."""
    events = engine.client.fine_tuning.jobs.list_events(job_id, limit=100)
    steps = [event.data.get("step", 0) for event in events if isinstance(event.data, dict)]
    return max((int(step) for step in steps), default=0)


def wait_for_steps(engine: BenchEngine, job_id: str, wanted: int) -> int:
    """Wait until a job has reported `wanted` steps."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if (steps := steps_done(engine, job_id)) >= wanted:
            return steps
        time.sleep(0.5)
    raise SystemExit(f"The training job did not start: {engine.client.fine_tuning.jobs.retrieve(job_id)}")


def measure(*, with_training: bool = True) -> list[Measurement]:
    """Return every measurement of serving."""
    if not (paths.base_models_dir() / MODEL).is_dir():
        raise SystemExit(f"{MODEL} is not in {paths.base_models_dir()}; run: tunedeck engine fetch")
    allowed = {name: speed for name, speed in products_alone().items() if speed is not None}
    before = measure_float32()
    with started_engine() as engine:
        alone, speed = measure_alone(engine, allowed["all"], before)
        together = measure_together(engine, speed)
        training = measure_beside_training(engine, allowed["one"]) if with_training else []
    products = Measurement(
        "packed products alone", allowed.get("packed", 0), "tokens/s", beside=allowed["one"]
    )
    return [*alone, products, *together, *training]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-training", action="store_true", help="leave out the training job")
    print_measurements(measure(with_training=not parser.parse_args().no_training))
