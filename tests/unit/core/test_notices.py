from __future__ import annotations

import email
import email.policy
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, drop, refuse
from tests.unit.core.test_launch import a_plan, launch_now
from tests.unit.core.test_queue import DAILY, JOBS, TOMORROW, put_off
from tests.unit.core.test_stop_rules import a_rising_job
from tests.unit.core.test_watch import wait_until
from tests.unit.core.webhook import TOKEN, Webhook, receiving, taking_mail
from tui.jobs.launch import LaunchUncertain
from tui.jobs.notices import address as sending
from tui.jobs.notices.notifier import Notifier
from tui.jobs.notices.rules import Address, add_address, set_rule
from tui.jobs.notices.words import message_of
from tui.jobs.queue import send_due
from tui.jobs.unsettled import settled_after
from tui.records.notices import NoticeEvent
from tui.services import Services
from tui.store.notice_queries import DONE, DUE, FAILED, SENDING

Cli = Callable[..., CliResult]
JOB = "/v1/fine_tuning/jobs/j"


class ATerminal:
    """A terminal that writes down what it is told."""

    def __init__(self) -> None:
        self.rung = 0
        self.written: list[str] = []

    def ring(self) -> None:
        self.rung += 1

    def write(self, text: str) -> None:
        self.written.append(text)


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Webhook:  # type: ignore[misc]
    """A webhook that every event is told to, and nothing else is."""
    with receiving() as server:
        monkeypatch.setenv("HOOK_URL", server.url)
        add_address(Address("hook", "HOOK_URL"))
        for event in NoticeEvent:
            set_rule(event, ["hook"])
        yield server


def end_job(services: Services, service: FakeService, status: str = "succeeded", **fields: object) -> None:
    """Have a job seen while it runs, and end it."""
    service.add_job(id="j", **{"suffix": "tone", **fields})
    services.watcher.poll_once()
    service.jobs["j"]["status"] = status
    services.watcher.poll_once()


def told(services: Services) -> list[tuple[str, str, str]]:
    return [(str(one.notice.event), one.channel, one.state) for one in services.store.recent_deliveries()]


def new_titles(services: Services) -> list[str]:
    return [message_of(services, notice).title for notice in services.store.new_notices()]


def test_a_jobs_end_is_sent_to_a_webhook_once_ever(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    end_job(services, service, fine_tuned_model="ft:gpt-4.1-mini:me:tone:1", trained_tokens=7308)
    for _ in range(3):
        Notifier(services).finish(60)
        services.watcher.poll_once()
    (message,) = hook.received
    assert message["title"] == "tone succeeded"
    assert message["type"] == "success"
    assert "Model: ft:gpt-4.1-mini:me:tone:1" in message["message"]
    assert "Trained 7,308 tokens." in message["message"]
    assert "Next: `tunedeck chat ft:gpt-4.1-mini:me:tone:1`" in message["message"]
    assert told(services) == [("succeeded", "hook", DONE)]


def test_two_programs_that_look_at_once_share_the_news(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    end_job(services, service, "failed")
    start = threading.Barrier(4)

    def tell() -> None:
        notifier = Notifier(services)
        start.wait(20)
        notifier.finish(60)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    wait_until(lambda: told(services) == [("failed", "hook", DONE)], 60)
    assert [one["title"] for one in hook.received] == ["tone failed"]


def test_jobs_that_had_ended_before_they_were_found_are_no_news(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    service.add_job(id="j", status="succeeded")
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert services.store.new_notices() == []


def test_what_ended_while_no_program_was_there_is_told_at_the_next_start(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    service.jobs["j"]["status"] = "failed"
    with Services.open() as later:
        later.watcher.poll_once()
        Notifier(later).finish(60)
    assert [one["type"] for one in hook.received] == ["failure"]


def test_a_program_without_a_terminal_leaves_the_bell_to_one_that_has_it(
    services: Services, service: FakeService
) -> None:
    end_job(services, service)
    Notifier(services, None).look()
    assert told(services) == [("succeeded", "bell", DUE)]
    terminal = ATerminal()
    for _ in range(2):
        Notifier(services, terminal).look()
    assert (terminal.rung, terminal.written) == (1, [])
    assert told(services) == [("succeeded", "bell", DONE)]


def test_a_bell_that_nobody_could_hear_in_time_is_not_rung_later(
    services: Services, service: FakeService
) -> None:
    end_job(services, service)
    Notifier(services, None).look()
    terminal = ATerminal()
    Notifier(services, terminal, clock=lambda: time.time() + 3600).look()
    assert terminal.rung == 0
    (delivery,) = services.store.recent_deliveries()
    assert (delivery.state, delivery.problem) == ("dropped", "no terminal was open in time")


def test_a_job_that_a_stop_rule_cancels_is_told_once_with_the_rules_reason(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    a_rising_job(services, service, "rising 2")
    services.watcher.poll_once()
    services.watcher.poll_once()
    Notifier(services).finish(60)
    (message,) = hook.received
    assert "a stop rule acted" in message["title"]
    assert "Cancelled by the stop rule `rising`" in message["message"]
    assert told(services) == [("stopped", "hook", DONE)]


def test_a_stop_rule_that_the_service_refuses_asks_for_a_person_once(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    a_rising_job(services, service, "rising 2")
    service.faults["POST", f"{JOB}/cancel"] = [refuse(403, "not you")] * 3
    for _ in range(3):
        services.watcher.poll_once()
    Notifier(services).finish(60)
    (message,) = hook.received
    assert "a stop rule could not act" in message["title"]
    assert "not you" in message["message"]


def test_a_queued_launch_that_is_refused_for_good_asks_for_a_person(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset), services, service, DAILY)
    service.faults["POST", JOBS].append(refuse(400, "this model is not for you"))
    send_due(services, time.time() + TOMORROW)
    assert new_titles(services) == ["The queued launch of train.jsonl on openai was not made"]
    (notice,) = services.store.new_notices()
    assert "this model is not for you" in message_of(services, notice).body


def test_a_refused_account_asks_for_a_person_once_until_it_has_answered_again(
    services: Services, service: FakeService
) -> None:
    def refuse_twice() -> None:
        service.faults["GET", JOBS] = [refuse(401, "Incorrect API key provided")] * 2
        services.watcher.wake("openai")  # else the list of jobs is asked for once a minute
        for _ in range(2):
            services.watcher.poll_once()

    refuse_twice()
    assert new_titles(services) == ["openai is refused by its service"]
    terminal = ATerminal()
    Notifier(services, terminal).look()
    refuse_twice()
    Notifier(services, terminal).look()
    assert terminal.rung == 1
    services.watcher.poll_once()
    refuse_twice()
    Notifier(services, terminal).look()
    assert terminal.rung == 2


def test_a_service_that_is_only_away_asks_for_nobody(services: Services, service: FakeService) -> None:
    service.faults["GET", JOBS] = [drop] * 3 + [refuse(503, "busy")] * 3
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert services.store.new_notices() == []


def test_a_lost_launch_that_no_list_settles_asks_for_a_person(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults["POST", JOBS].append(drop)
    with pytest.raises(LaunchUncertain):
        launch_now(a_plan(dataset), services)
    monkeypatch.setattr("tui.jobs.unsettled._made_none", lambda provider, record: False)
    services.watcher.poll_once()
    assert services.store.new_notices() == []
    now = time.time()
    monkeypatch.setattr("tui.jobs.unsettled.time.time", lambda: now + settled_after("openai") + 5)
    services.watcher.wake("openai")
    services.watcher.poll_once()
    assert new_titles(services) == ["A launch of train.jsonl on openai waits to be settled"]


def test_a_server_that_is_away_is_tried_again_and_holds_up_nothing(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as gone:
        port, url = gone.server_address[1], gone.url
    monkeypatch.setenv("HOOK_URL", url)
    add_address(Address("hook", "HOOK_URL"))
    set_rule(NoticeEvent.FAILED, ["hook", "bell"])
    end_job(services, service, "failed")
    terminal, heard, now = ATerminal(), list[str](), time.time()
    Notifier(services, terminal, heard.append, clock=lambda: now).finish(60)
    assert terminal.rung == 1
    (delivery,) = [one for one in services.store.open_deliveries() if one.channel == "hook"]
    assert (delivery.state, delivery.tries, delivery.due_at) == (DUE, 1, int(now) + 60)
    assert heard
    assert heard[0].startswith("hook: Not sent: ")
    for words in (*heard, delivery.problem or "", url):
        assert (TOKEN in words) == (words == url)
    Notifier(services, clock=lambda: now + 59).finish(60)
    with receiving(port) as back:
        Notifier(services, clock=lambda: now + 61).finish(60)
        assert [one["title"] for one in back.received] == ["tone failed"]
    assert ("failed", "hook", DONE) in told(services)


def test_after_its_last_attempt_an_address_is_given_up(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    hook.status = 500
    end_job(services, service)
    now = time.time()
    for hours in range(6):
        Notifier(services, clock=lambda hours=hours: now + 3600 * hours).finish(60)  # type: ignore[misc]
    assert len(hook.received) == 4
    assert told(services) == [("succeeded", "hook", FAILED)]


def test_a_server_that_hangs_is_left_after_its_limit_and_not_told_again(
    services: Services, service: FakeService, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 4.0)
    set_rule(NoticeEvent.SUCCEEDED, ["hook", "bell"])
    hook.released.clear()
    end_job(services, service)
    terminal = ATerminal()
    notifier = Notifier(services, terminal)
    notifier.look()
    assert terminal.rung == 1  # rung although the webhook still hangs
    notifier.finish(60)
    assert len(hook.received) == 1
    (delivery,) = [one for one in services.store.recent_deliveries() if one.channel == "hook"]
    assert delivery.state == FAILED
    assert delivery.problem is not None
    assert "No answer within 4 s" in delivery.problem
    hook.released.set()
    Notifier(services, clock=lambda: time.time() + 7200).finish(60)
    assert len(hook.received) == 1


def test_what_a_killed_program_was_telling_is_not_told_twice(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    end_job(services, service)
    now = int(time.time())
    (notice,) = services.store.new_notices()
    assert services.store.route_notice(notice, ["hook"], now)
    (delivery,) = services.store.open_deliveries()
    assert services.store.lease_delivery(delivery, now + 120)  # and here it is killed
    Notifier(services).finish(5)
    assert [one.state for one in services.store.open_deliveries()] == [SENDING]
    Notifier(services, clock=lambda: now + 121).finish(5)
    assert hook.received == []
    assert told(services) == [("succeeded", "hook", FAILED)]


def test_wrong_rules_are_told_once_and_news_waits_for_them(
    services: Services, service: FakeService, isolated_home: Path
) -> None:
    from tui import paths

    set_rule(NoticeEvent.SUCCEEDED, ["bell"])
    text = paths.settings_file().read_text("utf-8")
    paths.settings_file().write_text(text.replace('"bell"', '"gong"'), "utf-8")
    end_job(services, service)
    heard: list[str] = []
    terminal = ATerminal()
    notifier = Notifier(services, terminal, heard.append)
    for _ in range(3):
        notifier.look()
    assert len(heard) == 1
    assert "gong" in heard[0]
    paths.settings_file().write_text(text, "utf-8")
    notifier.look()
    assert terminal.rung == 1


def test_the_thread_tells_news_soon_after_it_was_woken_and_ends_when_told(
    services: Services, service: FakeService
) -> None:
    terminal = ATerminal()
    notifier = Notifier(services, terminal)
    services.watcher.subscribe(lambda change: notifier.wake())
    notifier.start()
    try:
        end_job(services, service)
        wait_until(lambda: terminal.rung == 1)
    finally:
        notifier.stop(5)
    assert not [one for one in threading.enumerate() if one.name == "notifier"]


def test_a_watch_tells_what_it_saw_before_it_ends(
    services: Services, service: FakeService, hook: Webhook, cli: Cli
) -> None:
    service.add_job(id="j", suffix="tone")
    services.watcher.poll_once()
    service.jobs["j"]["status"] = "failed"
    service.jobs["j"]["error"] = {"code": "bad", "message": "The file\x1b]0;x\x07 is wrong", "param": None}
    watched = cli("watch", "j", "--json")
    assert watched.code == 1
    (message,) = hook.received
    assert message["title"] == "tone failed"
    assert "The file␛]0;x␇ is wrong" in message["message"]
    listed = cli("notify", "--json").json()["recent"]
    assert [(one["title"], one["state"]) for one in listed] == [("tone failed", "done")]


def test_a_headless_watch_tells_an_address_and_leaves_the_bell_alone(
    services: Services, service: FakeService, hook: Webhook, cli: Cli
) -> None:
    set_rule(NoticeEvent.CANCELLED, ["bell", "terminal", "hook"])
    service.add_job(id="j", suffix="tone")
    services.watcher.poll_once()
    started = cli("watch", "j", "--headless", "--json").json()
    asked = service.count("GET", JOB)
    wait_until(lambda: service.count("GET", JOB) > asked, 60)
    service.jobs["j"]["status"] = "cancelled"
    _, status = os.waitpid(started["pid"], 0)
    assert os.waitstatus_to_exitcode(status) == 1
    assert [one["title"] for one in hook.received] == ["tone cancelled"]
    log = Path(started["log"]).read_bytes()
    assert b"\x07" not in log
    assert b"\x1b" not in log
    assert told(services) == [
        ("cancelled", "bell", DUE), ("cancelled", "hook", DONE), ("cancelled", "terminal", DUE),
    ]  # fmt: skip


def test_a_mail_says_what_happened_and_no_name_adds_a_header(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with taking_mail() as server:
        monkeypatch.setenv("MAIL_URL", server.url)
        add_address(Address("mail", "MAIL_URL"))
        set_rule(NoticeEvent.FAILED, ["mail"])
        end_job(services, service, "failed", suffix="tone\r\nBcc: everybody@example.com")
        Notifier(services).finish(60)
        (mail,) = [email.message_from_string(one, policy=email.policy.default) for one in server.mails]
    assert str(mail["Subject"]).endswith("failed")
    assert mail["Bcc"] is None
    assert "boss@example.com" in str(mail["To"])
    assert "Next: `tunedeck jobs j`" in mail.get_content()
    assert told(services) == [("failed", "mail", DONE)]


@pytest.mark.parametrize("command", ["GREETING", "DATA", "END"])
def test_a_mail_server_that_hangs_at_any_point_is_left_in_time_and_nobody_is_told_twice(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(sending, "SEND_SECONDS", 4.0)
    with taking_mail() as server:
        server.hangs_at = command
        monkeypatch.setenv("MAIL_URL", server.url)
        add_address(Address("mail", "MAIL_URL"))
        set_rule(NoticeEvent.FAILED, ["bell", "mail"])
        end_job(services, service, "failed")
        terminal = ATerminal()
        notifier = Notifier(services, terminal)
        notifier.look()
        assert terminal.rung == 1
        notifier.finish(60)
        server.released.set()
        Notifier(services, clock=lambda: time.time() + 7200).finish(60)
        assert len(server.mails) == (command == "END")
    (problem,) = [one.problem for one in services.store.recent_deliveries() if one.channel == "mail"]
    assert problem is not None
    assert "No answer within 4 s" in problem


def test_a_server_that_takes_a_message_and_breaks_off_is_not_told_again(
    services: Services, service: FakeService, hook: Webhook
) -> None:
    hook.drops = True
    end_job(services, service)
    now = time.time()
    for hours in range(3):
        Notifier(services, clock=lambda hours=hours: now + 3600 * hours).finish(60)  # type: ignore[misc]
    assert len(hook.received) == 1
    assert told(services) == [("succeeded", "hook", FAILED)]
