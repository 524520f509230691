from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.test_accounts import MemoryKeyring
from tests.unit.core.test_accounts import ring as ring
from tests.unit.core.test_accounts import settings as settings
from tests.unit.core.webhook import TOKEN, receiving
from tui.config import load_settings
from tui.errors import TunedeckError
from tui.jobs.notices.rules import (
    Address,
    add_address,
    notify_rules,
    remove_address,
    set_rule,
    url_of,
)
from tui.records.notices import NoticeEvent

Cli = Callable[..., CliResult]


def test_without_a_rule_every_event_rings_the_bell_and_nothing_else() -> None:
    rules = notify_rules()
    assert {event: rules.channels_of(event) for event in NoticeEvent} == dict.fromkeys(NoticeEvent, ("bell",))


def test_a_rule_is_written_beside_other_settings_and_comments(settings: Path) -> None:
    settings.write_text('# mine\ntheme = "tunedeck-light"\n\n[budgets] # a month\nwork = 5\n', "utf-8")
    set_rule(NoticeEvent.FAILED, ["desktop", "bell", "desktop"])
    set_rule(NoticeEvent.CANCELLED, [])
    text = settings.read_text("utf-8")
    assert "# mine" in text
    assert "# a month" in text
    rules = notify_rules()
    assert rules.channels_of(NoticeEvent.FAILED) == ("bell", "desktop")
    assert rules.channels_of(NoticeEvent.CANCELLED) == ()
    assert rules.channels_of(NoticeEvent.SUCCEEDED) == ("bell",)
    assert load_settings().theme == "tunedeck-light"


def test_rules_and_addresses_can_be_changed_in_any_order(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_address(Address("mail", "MAIL_URL"))
    set_rule(NoticeEvent.FAILED, ["bell", "mail"])
    add_address(Address("team", "TEAM_URL"))
    set_rule(NoticeEvent.SUCCEEDED, ["team"])
    monkeypatch.setenv("MAIL_URL", "mailto://me:pass@example.com")
    rules = notify_rules()
    assert rules.addresses == (Address("mail", "MAIL_URL"), Address("team", "TEAM_URL"))
    assert url_of(rules.addresses[0]) == "mailto://me:pass@example.com"
    with pytest.raises(TunedeckError, match="TEAM_URL is not set"):
        url_of(rules.addresses[1])
    assert remove_address("mail") is False
    assert notify_rules().channels_of(NoticeEvent.FAILED) == ("bell",)
    assert load_settings()


def test_a_url_goes_to_the_keyring_and_never_to_the_file(settings: Path, ring: MemoryKeyring) -> None:
    add_address(Address("team"), f"slack://{TOKEN}")
    assert ring.kept == {("tunedeck", "notify:team"): f"slack://{TOKEN}"}
    assert TOKEN not in settings.read_text("utf-8")
    (address,) = notify_rules().addresses
    assert url_of(address) == f"slack://{TOKEN}"
    assert remove_address("team") is True
    assert ring.kept == {}
    assert notify_rules().addresses == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[notify]\nfailed = "bell"\n', 2, "must be a list"),
        ('[notify]\nfailed = ["bel"]\n', 2, "names the channel 'bel'"),
        ('theme = "x"\n[notify]\n\nended = ["bell"]\n', 4, "there is no event 'ended'"),
        ('[notify.to]\nbell = { url_variable = "X" }\n', 2, "can't be the name of an address"),
        ('[notify.to.mail]\nurl_variable = "NOT A NAME"\n', 1, "not the name of an environment variable"),
    ],
)
def test_a_wrong_line_is_named_with_what_would_be_right(
    settings: Path, text: str, line: int, said: str
) -> None:
    settings.write_text(text, "utf-8")
    with pytest.raises(TunedeckError) as told:
        notify_rules()
    assert said in told.value.message
    assert f"line {line}" in told.value.message


@pytest.mark.parametrize("key", ["url", "url_variable"])
def test_a_secret_that_was_written_into_the_file_is_refused_and_not_repeated(
    settings: Path, key: str, cli: Cli
) -> None:
    settings.write_text(f'[notify.to]\nteam = {{ {key} = "slack://{TOKEN}" }}\n', "utf-8")
    refused = cli("config", "check")
    assert refused.code == 2
    assert "line 2" in refused.stderr
    assert TOKEN not in refused.stderr


def test_the_command_line_changes_and_shows_the_rules(cli: Cli) -> None:
    changed = cli("config", "notify", "failed", "bell", "desktop", "--json")
    assert changed.code == 0
    assert changed.json()["failed"] == ["bell", "desktop"]
    assert cli("config", "notify", "all", "none").code == 0
    assert set(map(tuple, cli("config", "notify", "--json").json().values())) == {()}
    assert cli("config", "notify", "failed", "nobody").code == 2
    assert cli("config", "notify", "failed").code == 2
    assert cli("config", "notify", "ended", "bell").code == 2
    listed = cli("notify", "list", "--json").json()
    assert listed["rules"]["failed"] == []
    states = {one["name"]: one for one in listed["channels"]}
    assert states["bell"] == {"name": "bell", "works": False, "words": "This program has no terminal."}
    assert listed["recent"] == []


def test_an_address_is_added_tested_and_removed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, isolated_home: Path
) -> None:
    with receiving() as hook:
        monkeypatch.setenv("HOOK_URL", hook.url)
        added = cli("notify", "add", "hook", "--url-variable", "HOOK_URL")
        assert added.code == 0
        assert "JSON" in added.stdout
        tested = cli("notify", "test", "--channel", "hook", "--json")
        assert (tested.code, tested.json()) == (0, [{"channel": "hook", "sent": True, "problem": None}])
        assert [one["title"] for one in hook.received] == ["tunedeck: a test"]
        hook.status = 500
        failed = cli("notify", "test", "--channel", "hook")
        assert failed.code == 1
        assert "Not sent" in failed.stdout
        assert TOKEN not in failed.stdout + failed.stderr
    gone = cli("notify", "test", "--channel", "hook")
    assert gone.code == 1
    assert "onnection" in gone.stdout
    assert TOKEN not in gone.stdout + gone.stderr
    assert cli("notify", "test", "--channel", "bell").code == 1
    assert cli("notify", "test", "--channel", "nobody").code == 2
    assert cli("notify", "remove", "hook").code == 0
    assert cli("notify", "remove", "hook").code == 2
    monkeypatch.setenv("HOOK_URL", f"nonsense://{TOKEN}")
    unread = cli("notify", "add", "hook", "--url-variable", "HOOK_URL")
    assert "can't read that address" in unread.stderr
    assert TOKEN not in unread.stdout + unread.stderr


def test_a_url_from_stdin_is_kept_by_the_keyring_after_it_was_read(
    ring: MemoryKeyring, cli: Cli, monkeypatch: pytest.MonkeyPatch, settings: Path
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(f"nonsense://{TOKEN}\n"))
    refused = cli("notify", "add", "team", "--keyring")
    assert refused.code == 2
    assert ring.kept == {}
    assert TOKEN not in refused.stderr
    monkeypatch.setattr("sys.stdin", io.StringIO(f"json://127.0.0.1:9/{TOKEN}\n"))
    assert cli("notify", "add", "team", "--keyring").code == 0
    assert ring.kept == {("tunedeck", "notify:team"): f"json://127.0.0.1:9/{TOKEN}"}
    assert TOKEN not in settings.read_text("utf-8")


def test_without_apprise_an_address_is_refused_with_a_clear_word(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "apprise.py").write_text("raise ImportError('not here')\n", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("HOOK_URL", "json://127.0.0.1:9/x")
    assert "tunedeck[notify]" in cli("notify", "add", "hook", "--url-variable", "HOOK_URL").stderr
    tested = cli("notify", "test", "--channel", "hook")
    assert tested.code == 1
    assert "tunedeck[notify]" in tested.stdout


def test_doctor_says_how_each_channel_tells_and_which_one_in_a_rule_is_silent(cli: Cli) -> None:
    def notifications() -> dict[str, str]:
        found: list[dict[str, str]] = cli("doctor", "--offline", "--json").json()
        return next(one for one in found if one["name"] == "notifications")

    assert notifications()["level"] == "ok"  # a pipe has no terminal, which says nothing about the app
    add_address(Address("team", "TEAM_URL"))
    set_rule(NoticeEvent.FAILED, ["bell", "team"])
    silent = notifications()
    assert silent["level"] == "warn"
    assert "TEAM_URL is not set" in silent["text"]
    assert silent["remedy"].startswith("team: in a rule")
