from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import run_python
from tests.unit.core.fake_service import FakeService
from tui.datasets.services import SERVICES
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import preflight
from tui.money.catalog import Catalog
from tui.providers import profiles as profile_module
from tui.providers import upload_parts
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.job_request import job_arguments
from tui.providers.profiles import Profile, profile, profiles
from tui.providers.progress_file import ProgressFile
from tui.records.jobs import Method
from tui.records.models import Capability
from tui.records.requests import JobRequest
from tui.services import Services

BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize("one", profiles().values(), ids=lambda one: one.name)
def test_every_profile_is_whole(one: Profile) -> None:
    assert one.label
    assert one.source
    assert date.fromisoformat(one.read_on) <= date(2026, 11, 29)
    assert one.learning_rate in ("multiplier", "absolute")
    assert one.byte_order_mark in ("wanted", "refused", "unknown")
    rate = "learning_rate" if one.learning_rate == "absolute" else "learning_rate_multiplier"
    assert one.parameter(rate, Method.SUPERVISED) is not None
    holes = set(re.findall(r"{(\w+)}", one.base_url or ""))
    assert holes == {option.name for option in one.options if option.where == "url"}
    assert one.name == "local" or one.base_url or one.base_url_hint
    for parameter in one.parameters:
        assert parameter.help
        assert parameter.default is None or not parameter.problem(parameter.default)


def test_profile_and_catalog_and_file_rules_name_the_same_services() -> None:
    assert set(profiles()) <= set(Catalog.load().providers)
    assert SERVICES["azure"].byte_order_mark == profile("azure").byte_order_mark
    assert profile("somebody-elses").name == "custom"


def test_the_profiles_are_read_without_the_toml_reader() -> None:
    result = run_python("import sys; from tui.providers import profiles; profiles.profiles();"
                        "print('tomllib' in sys.modules)")  # fmt: skip
    assert result.stdout.strip() == "False", result.stderr


@pytest.mark.parametrize(
    ("provider", "method", "settings", "expected"),
    [
        ("openai", Method.DPO, {"beta": 0.2},
         {"method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}, "suffix": "s"}),
        ("azure", Method.SUPERVISED, {"n_epochs": 2, "trainingType": "GlobalStandard"},
         {"method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
          "extra_body": {"trainingType": "GlobalStandard"}, "suffix": "s"}),
        ("nebius", Method.SUPERVISED, {"learning_rate": 1e-5, "lora": True, "lora_r": 16},
         {"method": {"type": "supervised", "supervised": {
             "hyperparameters": {"learning_rate": 1e-5, "lora": True, "lora_r": 16}}}, "suffix": "s"}),
        ("bedrock", Method.REINFORCEMENT, {"grader_lambda": "arn:x"},
         {"method": {"type": "reinforcement", "reinforcement": {
             "hyperparameters": {}, "grader": {"type": "lambda", "lambda": {"function": "arn:x"}}}}}),
        ("custom", Method.SUPERVISED, {"method": "mine"},
         {"method": {"type": "supervised", "supervised": {"hyperparameters": {"method": "mine"}}},
          "suffix": "s"}),
    ],
)  # fmt: skip
def test_each_choice_goes_where_the_service_wants_it(
    provider: str, method: Method, settings: dict[str, int | float | str], expected: dict[str, object]
) -> None:
    request = JobRequest("m", "f", method, hyperparameters=settings, suffix="s")
    assert job_arguments(request, profile(provider)) == {"model": "m", "training_file": "f", **expected}


@pytest.mark.parametrize(
    ("provider", "settings", "suffix", "words"),
    [
        ("nebius", {"learning_rate_multiplier": 2}, None, "takes learning_rate, another kind of number"),
        ("openai", {"learning_rate": 1e-5}, None, "takes learning_rate_multiplier, another kind"),
        ("nebius", {"learning_rate": 2.0}, None, "from 1e-09 to 1"),
        ("nebius", {"lora": "perhaps"}, None, "true or false"),
        ("azure", {"trainingType": "Cheap"}, None, "one of Standard"),
        ("azure", {}, "v1.2", "1 to 18 letters"),
        ("azure", {}, "a-very-long-suffix-indeed", "1 to 18 letters"),
        ("openai", {"lora_r": 8}, None, "Leave it out"),
    ],
)  # fmt: skip
def test_the_preflight_holds_a_plan_to_its_services_profile(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch,
    provider: str, settings: dict[str, float], suffix: str | None, words: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount(provider, provider, service.url, "A_KEY"))
    services.reload_accounts()
    plan = LaunchPlan(provider, "gpt-4.1-mini", dataset, hyperparameters=settings, suffix=suffix)
    stops = [f"{line.text} {line.remedy}" for line in preflight(plan, services) if line.level == "stop"]
    assert any(words in stop for stop in stops), stops
    assert service.requests == []


def test_a_plan_for_another_service_tells_deployment_unknown_price_and_missing_choice(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    for provider in ("azure", "bedrock"):
        declare_account(DeclaredAccount(f"my-{provider}", provider, service.url, "A_KEY"))
    services.reload_accounts()
    lines = preflight(LaunchPlan("my-azure", "gpt-4o", dataset), services)
    assert [line.text for line in lines if line.level == "stop"] == []
    said = " ".join(f"{line.text} {line.remedy}" for line in lines)
    assert "costs $1.70 per hour, used or not" in said
    assert "the price is not published" in said
    assert "byte order mark" in said
    lines = preflight(LaunchPlan("my-bedrock", "gpt-oss-20b", dataset, Method.REINFORCEMENT), services)
    assert "Amazon Bedrock needs grader_lambda." in [line.text for line in lines]


def test_a_wanted_byte_order_mark_goes_before_the_file_and_is_not_doubled(
    services: Services, service: FakeService, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("az", "azure", service.url, "A_KEY"))
    services.reload_accounts()
    seen: list[tuple[int, int]] = []
    remote = services.provider("az").upload_file(dataset, on_progress=lambda *one: seen.append(one))
    content = dataset.read_bytes()
    assert service.contents[remote.id] == BOM + content
    assert seen[-1] == (len(content) + 3, len(content) + 3)
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(BOM + content)
    assert service.contents[services.provider("az").upload_file(marked).id] == BOM + content


def test_a_large_file_for_azure_goes_by_the_older_route(
    services: Services, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_parts, "_PART_BYTES", 1000)
    small = replace(profile("azure"), parts_above_bytes=1500)
    monkeypatch.setattr(profile_module, "profile", lambda name: small)
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("az", "azure", service.url, "A_KEY"))
    services.reload_accounts()
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"y" * 2500)
    remote = services.provider("az").upload_file(path)
    assert service.contents[remote.id] == BOM + b"y" * 2500
    assert {place for _, place in service.requests} == {
        "/openai/uploads", "/openai/uploads/up/parts", "/openai/uploads/up/complete",
    }  # fmt: skip
    assert service.queries[-1]["api-version"] == "2025-04-01-preview"
    assert service.headers_seen[-1]["api-key"] == "sk-test-123456"


def test_an_option_goes_with_every_request_or_into_the_address(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(
        DeclaredAccount(
            "proxy", "litellm", service.url, "A_KEY", options={"custom_llm_provider": "vertex_ai"}
        )
    )
    declare_account(DeclaredAccount("az", "azure", key_variable="A_KEY", options={"resource": "mine"}))
    declare_account(DeclaredAccount("az2", "azure", key_variable="A_KEY"))
    declare_account(DeclaredAccount("rock", "bedrock", key_variable="A_KEY"))
    services.reload_accounts()
    services.provider("proxy").list_jobs()
    assert service.queries[-1]["custom_llm_provider"] == "vertex_ai"
    assert services.account("az").base_url == "https://mine.openai.azure.com/openai/v1/"
    assert services.account("rock").base_url == "https://bedrock-mantle.us-west-2.api.aws/v1"
    assert "option resource is missing" in services.account("az2").state


def test_what_a_service_cannot_do_is_told_with_its_reason(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("studio", "unsloth", key_variable="A_KEY"))
    services.reload_accounts()
    provider = services.provider("studio")
    assert provider.can(Capability.TRAIN_SUPERVISED)
    assert "supervised LoRA only" in provider.can(Capability.TRAIN_DPO).reason
    assert "refuses to pause" in provider.can(Capability.PAUSE).reason


@given(st.binary(max_size=40), st.binary(max_size=5), st.data())
def test_a_file_with_a_prefix_reads_and_seeks_like_one_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, prefix: bytes, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("prefix") / "f"
    path.write_bytes(content)
    twin = io.BytesIO(prefix + content)
    with ProgressFile(path, None, prefix) as stream:
        assert stream.total == len(prefix + content)
        for _ in range(6):
            if data.draw(st.booleans()):
                offset, whence = data.draw(st.integers(0, 50)), data.draw(st.sampled_from([0, 2]))
                offset = -min(offset, stream.total) if whence == 2 else offset
                assert stream.seek(offset, whence) == twin.seek(offset, whence)
            size = data.draw(st.integers(-1, 20))
            assert stream.read(size) == twin.read(size)
            assert stream.tell() == twin.tell()
