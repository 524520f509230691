"""vLLM behind the engine, against a server that behaves as its source says: the door needs no GPU."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx2
import openai
import psutil
import pytest

from tests.engine.serving.children.conftest import QWEN, TUNED, Front
from tests.engine.tiny_model import TINY_NAME
from tests.support import wait_until
from tui.engine.server.base_model_shelf import BaseModelShelf
from tui.engine.server.model_directory import ModelPlace
from tui.engine.serving.children import child as child_module
from tui.engine.serving.children import guardian
from tui.engine.serving.children.serving import IDLE_SECONDS
from tui.engine.serving.children.vllm import Vllm

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "hello"}]


def tuned(front: Front, folder: Path) -> str:
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    front.places[TUNED] = ModelPlace(TUNED, QWEN, folder)
    return TUNED


def test_one_address_answers_with_both_kinds_of_models_and_adapters(front: Front, tmp_path: Path) -> None:
    name = tuned(front, tmp_path / "adapter")
    with front.client() as client:
        ours = client.chat.completions.create(model=TINY_NAME, messages=MESSAGES, max_tokens=3, seed=1)
        assert ours.model == TINY_NAME
        assert front.asked("started") == []  # nobody starts what nobody asks for
        base = client.chat.completions.create(
            model=QWEN, messages=MESSAGES, extra_body={"top_k": 5, "chat_template_kwargs": {"a": 1}}
        )
        assert base.choices[0].message.content == f"Hello wörld 🎉 from {QWEN}"
        for _ in range(2):
            told = client.chat.completions.create(model=name, messages=MESSAGES)
            assert told.choices[0].message.content == f"Hello wörld 🎉 from {name}"
    assert len(front.asked("started")) == 1
    bodies = front.asked("body")
    assert bodies[0]["top_k"] == 5  # what is vLLM's own goes through
    assert [body["lora_name"] for body in bodies if "lora_name" in body] == [name]  # told once
    arguments = front.asked("arguments")[0]
    assert "--enable-lora" in arguments
    child = front.children._children[f"vllm:{QWEN}"]
    assert child.token not in " ".join(arguments)
    assert [one["what"] for one in front.children.described()] == [f"vLLM ({QWEN})"]
    front.children.forget(front.places[name])
    assert front.asked("path")[-1] == "/v1/unload_lora_adapter"


def test_a_stream_is_passed_byte_for_byte(front: Front) -> None:
    body = {"model": QWEN, "messages": MESSAGES, "stream": True}
    with httpx2.Client(trust_env=False, timeout=30) as client:
        through = client.post(f"{front.url}/v1/chat/completions", json=body)
        child = front.children._children[f"vllm:{QWEN}"]
        straight = client.post(
            f"{child.url}/v1/chat/completions", json=body, headers={"Authorization": f"Bearer {child.token}"}
        )
    assert through.content == straight.content
    assert through.content.endswith(b"data: [DONE]\n\n")
    assert through.headers["content-type"].startswith("text/event-stream")
    assert through.headers["cache-control"] == "no-cache"


def test_who_leaves_ends_the_work_behind(front: Front) -> None:
    with front.client() as client:
        stream = client.chat.completions.create(model=QWEN, messages=MESSAGES, stream=True, user="endless")
        assert next(iter(stream)).choices[0].delta.content == "Hel"
        stream.close()
    left = wait_until(lambda: front.asked("left_after"), timeout=20, what="a closed connection behind")
    assert left[0] >= 1


def test_a_server_that_nobody_uses_gives_its_memory_back(front: Front) -> None:
    with front.client() as client:
        client.chat.completions.create(model=QWEN, messages=MESSAGES)
        front.children.end_idle(time.monotonic() + IDLE_SECONDS - 60)
        assert front.children.described() != []
        server = psutil.Process(front.asked("started")[0])
        front.children.end_idle(time.monotonic() + IDLE_SECONDS + 60)
        assert front.children.described() == []
        psutil.wait_procs([server], timeout=15)
        assert not server.is_running()
        assert client.chat.completions.create(model=QWEN, messages=MESSAGES).choices  # and comes again


def test_a_death_in_the_middle_is_told_and_the_next_request_finds_a_new_one(front: Front) -> None:
    with front.client() as client:
        with pytest.raises(openai.APIError, match="broke off"):
            list(client.chat.completions.create(model=QWEN, messages=MESSAGES, stream=True, user="dies"))
        first = front.asked("started")[0]

        refusals: list[openai.InternalServerError] = []

        def answers() -> bool:
            try:
                return bool(client.chat.completions.create(model=QWEN, messages=MESSAGES).choices)
            except openai.InternalServerError as error:
                refusals.append(error)
                return False

        wait_until(answers, timeout=30, interval=0.2, what="a new server")
    assert front.asked("started")[-1] != first
    for error in refusals:
        assert error.status_code == 503
        assert "ended unexpectedly" in str(error) or "broke off" in str(error)
        assert int(error.response.headers["retry-after"]) >= 1


def test_a_server_that_can_not_start_is_tried_less_and_less_and_says_why(front: Front) -> None:
    broken = Path(f"{front.notes}.broken")
    broken.touch()
    with front.client() as client:
        for number in (1, 2):
            with pytest.raises(openai.InternalServerError, match="Free memory on device") as told:
                client.chat.completions.create(model=QWEN, messages=MESSAGES)
            assert told.value.status_code == 503
            child = front.children._children[f"vllm:{QWEN}"]
            assert child._deaths == number
            child._not_before = 0.0
        broken.unlink()
        assert client.chat.completions.create(model=QWEN, messages=MESSAGES).choices
    assert child_module.LONGEST_PAUSE >= child_module.FIRST_PAUSE * 2


def test_refusals_of_the_server_behind_come_in_our_envelope(front: Front, tmp_path: Path) -> None:
    front.places["ghost"] = ModelPlace("ghost", QWEN, None)
    front.places["bare"] = ModelPlace("bare", QWEN, tmp_path)
    with front.client() as client:
        with pytest.raises(openai.NotFoundError, match="`ghost` does not exist"):
            client.chat.completions.create(model="ghost", messages=MESSAGES)
        with pytest.raises(openai.InternalServerError, match="can't load the model 'bare'"):
            client.chat.completions.create(model="bare", messages=MESSAGES)


ENGINE = """
import os, subprocess, sys, time
guardian = subprocess.Popen([sys.executable, sys.argv[1], str(os.getpid()), "sleep", "600"])
print(guardian.pid, flush=True)
time.sleep(600)
"""


def test_an_engine_that_is_killed_takes_its_servers_with_it() -> None:
    engine = subprocess.Popen(
        [sys.executable, "-c", ENGINE, guardian.__file__], stdout=subprocess.PIPE, text=True
    )
    assert engine.stdout is not None
    watching = psutil.Process(int(engine.stdout.readline()))
    server = wait_until(watching.children, what="a server under its guardian")[0]
    engine.kill()
    engine.communicate()
    _, left = psutil.wait_procs([watching, server], timeout=20)
    assert left == []


def test_without_a_gpu_or_the_environment_the_refusal_says_what_is_missing(shelf_root: Path) -> None:
    shelf = BaseModelShelf(shelf_root, None)
    place = ModelPlace(QWEN, QWEN, None)
    without_gpu = Vllm(shelf, python=lambda: Path("python"), gpus=lambda: ())
    assert "nvidia-smi names none" in str(without_gpu.why_not(place))
    bare = Vllm(shelf, python=lambda: None, gpus=lambda: ("A GPU",))
    assert "tunedeck engine install vllm" in str(bare.why_not(place))
    assert bare.why_not(replace(place, base_model=TINY_NAME)) == ""
