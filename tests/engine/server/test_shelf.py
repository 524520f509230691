from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tests.support import wait_until
from tui.engine.server.base_model_shelf import DEFAULT_BASE_MODEL, BaseModelShelf
from tui.errors import TunedeckError

Tell = Callable[[str, int, int], None]


def test_a_fetch_is_seen_from_its_first_byte_to_the_ready_model(tmp_path: Path) -> None:
    go_on, told, ready = threading.Event(), threading.Event(), threading.Event()

    def fetch(root: Path, tell: Tell) -> Path:
        tell("downloading", 5, 10)
        told.set()
        assert go_on.wait(20)
        return make_tiny_base_model(root / DEFAULT_BASE_MODEL, name=DEFAULT_BASE_MODEL)

    shelf = BaseModelShelf(tmp_path, fetch)
    shelf.on_ready = ready.set
    assert shelf.state().state == "absent"
    shelf.start_fetch()
    shelf.start_fetch()
    assert told.wait(20)
    assert (shelf.state().state, shelf.state().done_bytes, shelf.state().total_bytes) == (
        "downloading",
        5,
        10,
    )
    assert shelf.names() == []
    go_on.set()
    assert ready.wait(20)
    assert shelf.state().state == "ready"
    assert shelf.state().folder == str(tmp_path / DEFAULT_BASE_MODEL)
    assert shelf.context_length(DEFAULT_BASE_MODEL)


@pytest.mark.parametrize("error", [TunedeckError("no network", "Plug it in."), ValueError("a fault of ours")])
def test_a_failed_fetch_says_why_and_can_be_tried_again(tmp_path: Path, error: Exception) -> None:
    tries: list[int] = []

    def fetch(root: Path, tell: Tell) -> Path:
        tries.append(1)
        raise error

    shelf = BaseModelShelf(tmp_path, fetch)
    for count in (1, 2):
        shelf.start_fetch()
        wait_until(lambda: shelf.state().state == "failed")
        assert str(error.args[0]) in (shelf.state().error or "")
        wait_until(lambda: not any(thread.name == "base-model" for thread in threading.enumerate()))

        assert len(tries) == count


def test_another_model_stands_in_for_the_default_one(tmp_path: Path) -> None:
    make_tiny_base_model(tmp_path / "mine", name="mine")
    (tmp_path / "half-made").mkdir()
    (tmp_path / ".hidden").mkdir()
    shelf = BaseModelShelf(tmp_path, None)
    assert shelf.names() == ["mine"]
    assert (shelf.state().name, shelf.state().state) == ("mine", "ready")
    assert shelf.is_known(DEFAULT_BASE_MODEL)
    assert shelf.folder("../" + tmp_path.name + "/mine") is None
