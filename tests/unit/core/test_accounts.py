from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest

from tests.support import CliResult
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService, answer_with, refuse
from tui import paths
from tui.errors import TunedeckError
from tui.jobs.account_check import check_account
from tui.jobs.radar import read_radar
from tui.providers import keys
from tui.providers.account_settings import (
    DeclaredAccount,
    declare_account,
    declared_accounts,
    remove_account,
)
from tui.providers.protocol import ProviderError
from tui.services import Services

Cli = Callable[..., CliResult]


class MemoryKeyring(keyring.backend.KeyringBackend):
    priority = 1.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[MemoryKeyring]:
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def settings() -> Path:
    return paths.make_private(paths.config_dir()) / "settings.toml"


def test_accounts_are_written_read_and_removed_beside_other_settings(settings: Path) -> None:
    settings.write_text('# mine\ntheme = "tunedeck-light"\n\n[keys]\n"job.zoom" = "Z"\n', "utf-8")
    one = DeclaredAccount("work", "azure", None, "WORK_KEY", label="Work", options={"resource": "res"})
    two = DeclaredAccount("play", "custom", "http://127.0.0.1:1/v1", in_keyring=True)
    declare_account(one)
    declare_account(two)
    assert declared_accounts() == [one, two]
    declare_account(DeclaredAccount("work", "azure", "https://other/v1"))
    assert declared_accounts()[0].base_url == "https://other/v1"
    remove_account("work")
    assert declared_accounts() == [two]
    assert settings.read_text("utf-8").startswith("# mine\ntheme")
    with pytest.raises(TunedeckError, match="no account 'work'"):
        remove_account("work")
    with Services.open() as services:
        assert [account.name for account in services.accounts()] == ["local", "openai", "play"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[accounts.a]\nprovider = "opennai"\n', "line 2: provider of account a is 'opennai'"),
        ('[accounts.local]\nprovider = "openai"\n', "line 2: 'local' can't be"),
        ('[accounts.a]\nprovider = "openai"\nurl = "x"\n', "wrong 'url'"),
        ('[accounts.a]\nprovider = "openai"\nbase_url = 5\n', "wrong 'base_url'"),
        ('[accounts.a]\nprovider = "openai"\nkey = "sk-verysecret12345"\n', "looks like a key"),
        ('[accounts.a]\nprovider = "openai"\nkey = "verysecret"\n', 'can only be "keyring"'),
        ('[accounts.a]\nprovider = "openai"\nbase_url = "https://me:hunter22@host/v1"\n', "looks like a key"),
        ('[accounts.a]\nprovider = "openai"\nkey_variable = "MY KEY"\n', "not the name of an environment"),
        ('[accounts.a]\nprovider = "azure"\noptions = { region = "x" }\n', "no option 'region'"),
        ('[accounts.a]\nprovider = "azure"\noptions = { resource = 1 }\n', "no table of texts"),
        ('[accounts]\na = 1\n', "Begin each with"),
    ],
)  # fmt: skip
def test_a_wrong_account_is_told_with_file_and_line(settings: Path, text: str, words: str) -> None:
    settings.write_text("\n" + text, "utf-8")
    with pytest.raises(TunedeckError) as caught:
        Services.open()
    told = f"{caught.value.message} {caught.value.remedy}"
    assert words in told
    assert str(settings) in told
    assert "hunter22" not in told
    assert "verysecret12345" not in told


def test_a_key_from_the_keyring_is_used_and_stands_nowhere_else(
    ring: MemoryKeyring, service: FakeService, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "sk-ring-0123456789-abcdef"
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{secret}\n"))
    added = cli("account", "add", "mine", "--provider", "custom", "--base-url", service.url, "--keyring")
    assert added.code == 0, added.stderr
    assert ring.kept == {("tunedeck", "mine"): secret}
    service.faults["GET", "/v1/files"].append(refuse(400, f"bad key {secret}"))
    shown = [cli(*words) for words in (["account"], ["account", "test", "mine"], ["doctor"], ["jobs"])]
    # Accounts are asked at once, so that the last request may be another one's.
    assert f"Bearer {secret}" in {seen.get("authorization") for seen in service.headers_seen}
    everything = "".join(one.stdout + one.stderr for one in [added, *shown])
    kept = b"".join(path.read_bytes() for path in paths.config_dir().parent.rglob("*") if path.is_file())
    assert secret not in everything
    assert secret.encode() not in kept
    assert "bad key" in everything
    assert cli("account", "remove", "mine").stdout == "Account mine is removed, with its key.\n"
    assert ring.kept == {}


def test_a_keyring_without_the_key_or_no_keyring_is_told(
    ring: MemoryKeyring, services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_account(DeclaredAccount("mine", "custom", service.url, in_keyring=True))
    services.reload_accounts()
    assert services.account("mine").ready
    with pytest.raises(ProviderError, match="holds no key"):
        services.provider("mine").list_models()

    def locked(_service: str, _name: str) -> str:
        raise keyring.errors.KeyringLocked("secret words of another program")

    monkeypatch.setattr(ring, "get_password", locked)
    with pytest.raises(ProviderError, match="refused: KeyringLocked"):
        services.provider("mine").list_models()
    monkeypatch.setitem(__import__("sys").modules, "keyring", None)
    with pytest.raises(TunedeckError, match="not installed"):
        keys.keep_key("mine", "sk-abcdefgh")
    assert service.requests == []


@pytest.mark.parametrize("key", ["", "with space", "ümlaut"])
def test_what_can_not_be_a_key_is_not_kept(ring: MemoryKeyring, key: str) -> None:
    with pytest.raises(TunedeckError, match="no key"):
        keys.keep_key("mine", key)
    assert ring.kept == {}


def test_two_accounts_at_one_service_have_their_own_keys(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST", "sk-first-123456")
    monkeypatch.setenv("SECOND", "sk-second-123456")
    declare_account(DeclaredAccount("first", "openai", service.url, "FIRST"))
    declare_account(DeclaredAccount("second", "openai", service.url, "SECOND"))
    services.reload_accounts()
    for name in ("first", "second"):
        services.provider(name).list_models()
        assert service.headers_seen[-1]["authorization"] == f"Bearer sk-{name}-123456"


def test_a_check_says_in_words_what_works(services: Services, service: FakeService) -> None:
    service.add_job()
    lines = {line.what: line for line in check_account(services, "openai")}
    assert list(lines) == ["models", "files", "jobs", "training"]
    assert lines["models"].text == "OpenAI (127.0.0.1) answers and lists 1 model"
    assert lines["jobs"].text == "1 job"
    assert lines["training"].level == "warn"
    assert "supervised, dpo jobs until 2027-01-06, but not from everyone" in lines["training"].text
    assert not [request for request in service.requests if request[0] != "GET"]


def test_a_check_tells_what_does_not_work_and_stops_where_all_would_fail(
    services: Services, service: FakeService
) -> None:
    service.faults["GET", "/v1/files"].append(answer_with(b"<html>proxy</html>"))
    lines = {line.what: line for line in check_account(services, "openai")}
    assert lines["files"].level == "fail"
    assert lines["jobs"].level == "ok"
    service.requests.clear()
    service.faults["GET", "/v1/models"].append(refuse(401, "Incorrect API key", "invalid_api_key"))
    lines = {line.what: line for line in check_account(services, "openai")}
    assert list(lines) == ["models"]
    assert lines["models"].level == "fail"
    assert service.requests == [("GET", "/v1/models")]


def test_doctor_and_account_test_agree_and_have_their_exit_codes(cli: Cli, service: FakeService) -> None:
    assert cli("account", "test", "openai").code == 0
    shown = cli("doctor", "--json").json()
    assert {one["name"] for one in shown} >= {"account openai, models", "account openai, training"}
    service.faults["GET", "/v1/files"] += [refuse(400, "no")] * 2
    assert cli("account", "test", "openai", "--json").code == 1
    assert cli("account", "test", "nobody").code == 2
    assert cli("account", "add", "x", "--provider", "openai", "--key-variable", "A", "--keyring").code == 2
    assert cli("account", "add", "X y", "--provider", "openai").code == 2
    listed = cli("account", "--json").json()
    assert [one["name"] for one in listed] == ["local", "openai"]
    assert listed[1]["key_source"] == "OPENAI_API_KEY"
    assert "azure" in cli("account", "services").stdout
    assert {one["name"] for one in cli("account", "services", "--json").json()} >= {"nebius", "litellm"}


@pytest.mark.parametrize("path", ["", "/v1/chat/completions", "/v1?x=1"])
def test_a_base_url_that_leads_nowhere_is_told_as_one(
    services: Services, service: FakeService, path: str
) -> None:
    root = service.url.removesuffix("/v1")
    declare_account(DeclaredAccount("odd", "custom", f"{root}{path}", "OPENAI_API_KEY"))
    services.reload_accounts()
    (line,) = check_account(services, "odd")
    assert line.text.startswith("odd lists no models at this address")
    assert "usually ends in /v1" in line.remedy


def test_tls_at_a_server_without_it_is_told_as_that(services: Services, service: FakeService) -> None:
    url = service.url.replace("http:", "https:")
    declare_account(DeclaredAccount("odd", "custom", url, "OPENAI_API_KEY"))
    services.reload_accounts()
    (line,) = check_account(services, "odd")
    assert "wants http:// in its base URL" in line.remedy


def test_a_server_that_only_chats_is_no_failure_and_is_known_as_one_on_home(
    services: Services, service: FakeService, cli: Cli
) -> None:
    declare_account(DeclaredAccount("chat", "custom", service.url, "OPENAI_API_KEY"))
    services.reload_accounts()
    service.missing_routes = {"/files", "/fine_tuning"}
    assert [line.level for line in check_account(services, "chat")] == ["ok", "warn", "warn", "warn"]
    outlook = read_radar(services, 1_796_000_000).outlooks["chat"]
    assert (outlook.can_train, outlook.words) == (False, "chat only: no fine-tuning jobs at its address")
    assert cli("account", "test", "chat").code == 0
    service.missing_routes = set()
    list(check_account(services, "chat"))
    assert read_radar(services, 1_796_000_000).outlooks["chat"].can_train


def test_no_key_is_in_the_store_or_any_file_after_a_whole_session(
    services: Services, service: FakeService, dataset: Path
) -> None:
    provider = services.provider("openai")
    provider.upload_file(dataset)
    list(check_account(services, "openai"))
    service.faults["GET", "/v1/models"].append(refuse(403, f"key {KEY} may not", "training_not_available"))
    with pytest.raises(ProviderError):
        provider.list_models()
    services.store.note_account("openai", "training_not_available", "words")
    with sqlite3.connect(paths.store_file()) as raw:
        dump = "\n".join(raw.iterdump())
    raw.close()
    assert KEY not in dump
    assert KEY not in json.dumps([str(account) for account in services.accounts()])
    for path in paths.config_dir().parent.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path
