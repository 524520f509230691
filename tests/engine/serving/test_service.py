"""What the service does around generation: threads, warming up, models in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.serving.conftest import TinyModels
from tests.engine.tiny_model import TINY_NAME, make_tiny_base_model
from tests.support import wait_until
from tui.engine.api_errors import ApiError
from tui.engine.serving import model_pool
from tui.engine.serving.model_pool import ModelPool, ResolvedModel
from tui.engine.serving.service import GenerationService

ALONE = """
import threadpoolctl
from tui.engine.serving import blas_threads

blas_threads.CHECK_SECONDS, blas_threads.WORTHWHILE = 0.0, 1e9
blas_threads.available_cores = lambda: 2
training = True
threads = blas_threads.BlasThreads(lambda: training)
for training in (True, False, True):
    threads.adjust()
    pools = threadpoolctl.threadpool_info()
    print(sorted({pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}))
"""


def test_one_blas_thread_while_a_job_trains_and_all_cores_otherwise() -> None:
    # In a process of its own: the pools are the process's, and other tests' services set them too.
    ran = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[:3] == ["[1]", "[2]", "[1]"]


def test_warming_up_opens_the_model(tiny_models: TinyModels) -> None:
    service = GenerationService(tiny_models.resolve)
    try:
        service.warm_up(tiny_models.base_folder)
        wait_until(lambda: tiny_models.base_folder in service.loaded_folders)
    finally:
        service.close()


def test_warming_up_a_missing_model_leaves_the_service_working(
    tiny_models: TinyModels, tmp_path: Path
) -> None:
    service = GenerationService(tiny_models.resolve)
    try:
        service.warm_up(tmp_path)
        service.warm_up(tiny_models.base_folder)
        wait_until(lambda: tiny_models.base_folder in service.loaded_folders)
    finally:
        service.close()


def test_models_are_opened_once_and_the_least_used_dropped(
    tiny_models: TinyModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_pool, "MAX_BASES", 1)
    pool = ModelPool()
    here = tiny_models.resolve(TINY_NAME)
    first = pool.load(here).base
    assert pool.load(here).base is first
    pool.load(ResolvedModel(make_tiny_base_model(tmp_path / "other"), None, "other"))
    assert pool.load(here).base is not first


def test_an_unreadable_model_is_a_refusal_in_words(tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="can't be opened") as refused:
        ModelPool().load(ResolvedModel(tmp_path, None, "broken"))
    assert refused.value.status == 503
