from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from tests.support import CliResult
from tests.unit.core.fake_cloud import DEPLOYMENTS, AzureError, FakeCloud, sign_in
from tests.unit.core.fake_service import drop, refuse, refuse_with, running
from tui.jobs.deployment_costs import deployed_words, hourly_price, total_per_hour
from tui.jobs.deployments import deploy, plan_deployment, standing_deployments, undeploy
from tui.jobs.inventory import account_models
from tui.jobs.model_family import FamilyModel, model_family
from tui.jobs.radar import read_radar
from tui.providers import entra
from tui.providers.account_limits import RateLimits
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatMessage, ChatRequest
from tui.records.deployments import DeploymentState
from tui.records.models import Capability
from tui.services import Services

Cli = Callable[..., CliResult]
BASE = "gpt-4.1-mini-2025-04-14"
TUNED = f"{BASE}.ft-b044a9d3cf9c4228b5d393567f693b83"
LLAMA = "meta-llama/Meta-Llama-3.1-8B-Instruct"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCloud]:
    monkeypatch.setenv("A_KEY", "key-0123456789-secret")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    sign_in(monkeypatch, lambda scope: f"token-for-{scope}")
    with running(FakeCloud()) as fake:
        assert isinstance(fake, FakeCloud)
        root = fake.url.removesuffix("/v1")
        options = {"resource": "mine", "subscription": "sub-1", "resource_group": "group", "management": root}
        declare_account(DeclaredAccount("az", "azure", fake.url, "A_KEY", options=options))
        declare_account(DeclaredAccount("neb", "nebius", fake.url, "A_KEY"))
        fake.add_job(id="ftjob-az", status="succeeded", model=BASE, fine_tuned_model=TUNED, suffix="tone")
        fake.checkpoints["ftjob-az"] = [
            {"id": "ftchkpt-1", "step_number": 9, "fine_tuned_model_checkpoint": f"{TUNED}:ckpt-9"}
        ]
        yield fake
    entra.entra_tokens.cache_clear()


@pytest.fixture
def services(cloud: FakeCloud) -> Iterator[Services]:
    with Services.open() as opened:
        for name in ("az", "neb"):
            for job in opened.provider(name).list_jobs():
                opened.store.save_job(job)
        yield opened


def tuned_model(services: Services, account: str = "az") -> FamilyModel:
    return next(one for one in model_family(services) if one.account == account and one.id == TUNED)


def test_a_deployment_tells_its_price_per_hour_and_takes_the_cheapest_tier(
    services: Services, cloud: FakeCloud
) -> None:
    plan = plan_deployment(services, tuned_model(services))
    assert (plan.request.tier, plan.request.name) == ("Developer", "tone-693b83")
    assert plan.offer == f"Deploy {TUNED} as tone-693b83 on the tier Developer, without a charge by the hour"
    assert "24 hours" in plan.notes[0]
    dear = plan_deployment(services, tuned_model(services), tier="globalstandard")
    assert dear.offer.endswith("on the tier GlobalStandard, at $1.70 for every hour, used or not")
    assert cloud.deployments == {}


def test_what_is_sent_to_azure_is_what_its_management_takes(services: Services, cloud: FakeCloud) -> None:
    made = deploy(services, plan_deployment(services, tuned_model(services)))
    assert (made.name, made.state, made.tier) == ("tone-693b83", DeploymentState.STARTING, "Developer")
    assert cloud.bodies[-1] == {
        "sku": {"name": "DeveloperTier", "capacity": 100},
        "properties": {"model": {"format": "OpenAI", "name": TUNED, "version": "1"}},
    }
    assert cloud.queries[-1] == {"api-version": "2024-10-21"}
    root = cloud.url.removesuffix("/v1")
    assert cloud.headers_seen[-1]["authorization"] == f"Bearer token-for-{root}/.default"


def test_one_confirmation_makes_one_deployment_even_when_the_answer_is_lost(
    services: Services, cloud: FakeCloud
) -> None:
    cloud.drops_after_creating = True
    plan = plan_deployment(services, tuned_model(services), tier="Standard")
    assert deploy(services, plan).name == "tone-693b83"
    assert cloud.count("PUT", f"{DEPLOYMENTS}/tone-693b83") == 1
    again = plan_deployment(services, tuned_model(services), tier="Standard")
    assert again.standing is not None
    assert deploy(services, again) == again.standing
    assert cloud.count("PUT", f"{DEPLOYMENTS}/tone-693b83") == 1
    other = plan_deployment(services, tuned_model(services), tier="Standard", name="second")
    assert "tone-693b83 serves it already (Standard); another is charged apart." in other.notes


def test_a_lost_deployment_that_nobody_lists_is_told_with_what_to_do(
    services: Services, cloud: FakeCloud
) -> None:
    plan = plan_deployment(services, tuned_model(services))
    cloud.faults["PUT", f"{DEPLOYMENTS}/tone-693b83"] = [drop]
    with pytest.raises(ProviderError, match="No such deployment is listed") as caught:
        deploy(services, plan)
    assert "before deploying again" in caught.value.remedy


def test_a_name_of_another_model_is_never_taken_over(services: Services, cloud: FakeCloud, cli: Cli) -> None:
    cloud.deployments["prod"] = {"name": "prod", "properties": {"model": {"name": "gpt-4.1"}}}
    refused = cli("deployments", "add", TUNED, "--account", "az", "--name", "prod", "--yes")
    assert refused.code == 2
    assert "prod is the name of a deployment of gpt-4.1 already" in refused.stderr
    assert cloud.count("PUT", f"{DEPLOYMENTS}/prod") == 0


def test_a_model_at_azure_is_asked_under_its_deployments_name(services: Services, cloud: FakeCloud) -> None:
    provider = services.provider("az")
    request = ChatRequest(TUNED, (ChatMessage("user", "hi"),))
    with pytest.raises(ProviderError, match="answers nobody yet: it is not deployed") as caught:
        list(provider.stream_chat(request))
    assert f"deployments add {TUNED}" in caught.value.remedy
    provider.deploy(plan_deployment(services, tuned_model(services)).request)
    with pytest.raises(ProviderError, match="tone-693b83 is starting"):
        list(provider.stream_chat(request))
    cloud.deployments["tone-693b83"]["properties"]["provisioningState"] = "Succeeded"
    cloud.chat_chunks = [{"choices": [{"delta": {"content": "hello"}}]}]
    listed = cloud.count("GET", DEPLOYMENTS)
    for _ in range(2):
        assert "".join(delta.text for delta in provider.stream_chat(request)) == "hello"
    assert cloud.bodies[-1]["model"] == "tone-693b83"
    assert cloud.count("GET", DEPLOYMENTS) == listed + 1


def test_the_list_says_what_each_hour_costs_and_a_deletion_ends_it(
    services: Services, cloud: FakeCloud, cli: Cli
) -> None:
    cloud.state = "Succeeded"
    added = cli("deployments", "add", TUNED, "--account", "az", "--tier", "Standard", "--yes", "--json")
    assert added.code == 0, added.stderr
    assert added.json()["price_per_hour"] == {"low": 1.7, "high": 1.7, "currency": "USD"}
    of_base = {"name": "base", "properties": {"model": {"name": BASE}}, "sku": {"name": "Standard"}}
    cloud.deployments["base"] = of_base
    made_at = standing_deployments(services, "az")[0][0].deployment.created_at
    assert made_at is not None
    found, problems = standing_deployments(services, now=made_at + 7200)
    assert problems == []
    by_name = {one.deployment.name: one for one in found}
    assert by_name["tone-693b83"].so_far is not None
    assert by_name["tone-693b83"].so_far.words == "$3.40"
    assert by_name["base"].per_hour is not None
    assert not by_name["base"].per_hour.high
    assert total_per_hour(found) == Decimal("1.70")
    assert "$1.70 for every hour" in cli("deployments").stderr
    assert cli("deployments", "delete", "tone-693b83", "--yes").code == 0
    assert set(cloud.deployments) == {"base"}
    assert cli("deployments", "delete", "tone-693b83", "--yes").code == 2
    gone = cli("deployments", "delete", "tone-693b83", "--account", "az", "--yes", "--json")
    assert gone.json()["was_there"] is False


def test_what_stands_and_costs_is_told_on_home_without_a_network(
    services: Services, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_deployment(services, tuned_model(services), tier="Standard")
    made = deploy(services, plan)
    assert made.created_at is not None
    later = made.created_at + 7200.0
    asked = len(cloud.requests)
    assert deployed_words(read_radar(services, later).deployed) == (
        "1 at $1.70 an hour, used or not; $3.40 so far"
    )
    assert len(cloud.requests) == asked
    cloud.deployments.clear()  # taken down in the portal
    account_models(services, "az")
    assert read_radar(services, later).deployed == []
    deploy(services, plan)
    assert undeploy(services, "az", made.name)
    assert services.store.deployments() == []

    def nobody(_scope: str) -> str:
        raise AzureError("nobody is signed in")

    sign_in(monkeypatch, nobody)
    models, note = account_models(services, "az")
    assert models
    assert note == ""


def test_nebius_deploys_the_last_checkpoint_of_a_job_once(
    services: Services, cloud: FakeCloud, cli: Cli
) -> None:
    cloud.add_job(id="ftjob-neb", status="succeeded", model=LLAMA, suffix="tone")
    cloud.checkpoints["ftjob-neb"] = [{"id": f"ftckpt_{step}", "step_number": step} for step in (5, 9)]
    services.store.save_job(services.provider("neb").retrieve_job("ftjob-neb"))
    refused = cli("deployments", "add", "ftjob-neb", "--account", "neb", "--yes")
    assert refused.code == 2
    assert "--any-price" in refused.stderr  # what standing by costs is not published
    cloud.drops_after_creating = True
    asked = ("deployments", "add", "ftjob-neb", "--account", "neb", "--yes", "--any-price", "--json")
    made = cli(*asked)
    assert made.code == 0, made.stderr
    assert cloud.bodies[-1]["source"] == "ftjob-neb:ftckpt_9"
    assert cloud.bodies[-1]["base_model"] == LLAMA
    assert made.json()["name"].startswith(f"{LLAMA}-LoRa:tone-")
    assert cli(*asked).json()["was_there"]
    assert cloud.count("POST", "/v0/models") == 1
    assert cli("deployments", "delete", made.json()["name"], "--yes").code == 0
    assert cloud.custom_models == {}


def test_who_is_not_signed_in_is_told_how(
    services: Services, cloud: FakeCloud, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_scope: str) -> str:
        raise AzureError("DefaultAzureCredential failed to retrieve a token.\nAttempted credentials:\n ...")

    sign_in(monkeypatch, nobody)
    told = cli("deployments", "--account", "az")
    assert told.code == 2
    assert "Microsoft Entra gives no token: DefaultAzureCredential failed" in told.stderr
    assert "az login" in told.stderr
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    entra.entra_tokens.cache_clear()
    assert "pip install 'tunedeck[azure]'" in cli("deployments", "--account", "az").stderr


def test_an_account_without_a_key_asks_for_a_new_token_when_the_old_one_ends(
    services: Services, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    numbers = itertools.count(1)
    sign_in(monkeypatch, lambda scope: f"{scope.split('.')[0].removeprefix('https://')}-{next(numbers)}")
    added = cli("account", "add", "signed", "--provider", "azure", "--base-url", cloud.url, "--entra")
    assert added.code == 0, added.stderr
    services.reload_accounts()
    assert services.account("signed").ready
    provider = services.provider("signed")
    provider.list_models()
    provider.list_models()
    seen = [one["authorization"] for one in cloud.headers_seen[-2:]]
    assert seen == ["Bearer cognitiveservices-1", "Bearer cognitiveservices-2"]
    cloud.faults["GET", "/v1/models"] = [refuse(401, "cognitiveservices-3 has ended")]
    with pytest.raises(ProviderError) as caught:
        provider.list_models()
    assert "cognitiveservices-3" not in str(caught.value)
    refused = cli("account", "add", "o", "--provider", "openai", "--entra")
    assert "takes no tokens of Microsoft Entra" in refused.stderr


def test_where_nothing_is_to_be_deployed_the_reason_is_told(services: Services, cloud: FakeCloud) -> None:
    declare_account(DeclaredAccount("bare", "azure", cloud.url, "A_KEY"))
    declare_account(DeclaredAccount("tog", "together", cloud.url, "A_KEY"))
    declare_account(DeclaredAccount("plain", "custom", cloud.url, "A_KEY"))
    services.reload_accounts()
    names = ("bare", "tog", "plain")
    reasons = {name: services.provider(name).can(Capability.DEPLOY).reason for name in names}
    assert "--option subscription=…" in reasons["bare"]
    assert "dedicated endpoint" in reasons["tog"]
    assert "answers at once" in reasons["plain"]


def test_what_the_management_says_of_its_limits_is_shown_and_paces_the_account(
    services: Services, cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.answer_headers = {"x-ms-ratelimit-remaining-subscription-reads": "240"}
    standing_deployments(services, "az")
    assert [one.name for one in services.rate_gauges("az")] == ["management reads"]
    assert services.headroom("az") == "240/250 management reads left"
    fault = refuse_with(429, {"error": {"code": "TooManyRequests", "message": "rest"}}, retry_after="0.2")
    cloud.faults["GET", DEPLOYMENTS] = [fault] * 3
    with pytest.raises(ProviderError, match="TooManyRequests"):
        services.provider("az").list_deployments()
    turns: list[float] = []
    monkeypatch.setattr(RateLimits, "take_turn", lambda _limits: turns.append(1.0))
    for name in ("az", "neb"):
        standing_deployments(services, name)
    assert len(turns) == 2, "each request to the management waits its turn"


def test_a_price_that_nobody_published_is_not_zero(services: Services) -> None:
    assert hourly_price(None, "") is None
    known = services.catalog.find(BASE, "azure")
    assert hourly_price(known, "ProvisionedManaged") is None  # a tier that the catalog does not know
