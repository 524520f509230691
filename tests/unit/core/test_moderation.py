"""Moderation by row, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService
from tests.unit.datasets.builders import assistant, call, chat, preference, tool_chat, user, write
from tui.datasets.check import CheckOptions, check_file
from tui.jobs.moderation import ModerationResult, moderate_file, with_moderation
from tui.jobs.moderation_asking import MOST_CHARACTERS, MOST_INPUTS
from tui.jobs.moderation_plan import moderating_account, plan_moderation, privacy_notice
from tui.providers.protocol import ProviderError
from tui.providers.rate_limits import duration
from tui.services import Services

ROUTE = ("POST", "/v1/moderations")


def rows_of(count: int = 40) -> list[dict[str, Any]]:
    rows = [
        chat({"role": "system", "content": "Be short."}, user(f"Q {n}"), assistant(f"A {n}"))
        for n in range(count)
    ]
    rows[4]["messages"][2]["content"] = "HATE and VIOLENCE"
    rows[29]["messages"][1]["content"] = "more HATE"
    return rows


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", ["", *rows_of()])


def moderated(services: Services, path: Path, **more: Any) -> ModerationResult:
    images = more.get("images", False)
    plan = plan_moderation(services, path, images=images)
    return moderate_file(services, path, plan, first_wait=0.01, **more)


def sent(service: FakeService) -> list[str]:
    return [text for body in service.bodies for text in body["input"]]


def test_rows_are_flagged_by_line_path_and_category_and_no_text_is_sent_twice(
    services: Services, service: FakeService, path: Path
) -> None:
    progress: list[tuple[int, int]] = []
    result = moderated(services, path, on_progress=lambda done, total: progress.append((done, total)))
    assert [(one.line, one.path, one.message) for one in result.findings] == [
        (6, "$.messages[2].content", "The text is flagged for hate, violence."),
        (31, "$.messages[1].content", "The text is flagged for hate."),
    ]
    assert (result.flagged_rows, result.categories) == (2, {"hate": 2, "violence": 1})
    assert result.complete
    assert len(sent(service)) == len(set(sent(service))) == 81 == result.asked
    assert {body["model"] for body in service.bodies} == {"omni-moderation-latest"}
    assert all(len(body["input"]) <= MOST_INPUTS for body in service.bodies)
    assert progress[-1] == (81, 81)
    again = moderated(services, path)
    assert again.findings == result.findings
    assert again.asked == 0
    assert len(sent(service)) == 81


def test_only_what_changed_is_asked_about_again(services: Services, service: FakeService, path: Path) -> None:
    moderated(services, path)
    service.bodies.clear()
    rows = rows_of()
    rows[0]["messages"][1]["content"] = "new VIOLENCE"
    write(path, rows)
    assert plan_moderation(services, path).unknown_texts == 1
    assert moderated(services, path).categories == {"hate": 2, "violence": 2}
    assert sent(service) == ["new VIOLENCE"]


def test_too_many_requests_are_waited_for_as_long_as_the_service_says(
    services: Services, service: FakeService, path: Path
) -> None:
    def too_many(handler: Any) -> bool:
        handler.send_response(429)
        handler.send_header("retry-after-ms", "30")
        handler.send_header("content-length", "2")
        handler.end_headers()
        handler.wfile.write(b"{}")
        return True

    service.faults[ROUTE] += [too_many, too_many]
    waits: list[float] = []
    result = moderated(services, path, on_wait=waits.append)
    assert result.complete
    assert result.flagged_rows == 2
    assert len(sent(service)) == 81
    assert service.count(*ROUTE) == len(service.bodies) + 2
    assert waits == []  # told only from a second on


def test_a_used_up_limit_is_waited_for_before_the_next_request(
    services: Services, service: FakeService, path: Path
) -> None:
    class Told(Exception):
        pass

    def used_up(handler: Any) -> bool:
        handler.send_response(200)
        handler.send_header("x-ratelimit-remaining-tokens", "0")
        handler.send_header("x-ratelimit-reset-tokens", "1m0s")
        texts = json.loads(handler.body)["input"]
        handler.server.bodies.append({"input": texts})
        content = json.dumps({"results": [{"flagged": False, "categories": {}}] * len(texts)}).encode()
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
        return True

    def told(seconds: float) -> None:
        assert 55 < seconds <= 60
        raise Told

    service.faults[ROUTE].append(used_up)
    with pytest.raises(Told):
        moderated(services, path, on_wait=told)
    assert len(service.bodies) == 1


def test_a_connection_that_drops_in_the_middle_is_tried_again(
    services: Services, service: FakeService, path: Path
) -> None:
    def drop(handler: Any) -> bool:
        handler.drop()
        return True

    service.faults[ROUTE] += [lambda _: False, drop, drop]
    result = moderated(services, path)
    assert result.complete
    assert len(sent(service)) == len(set(sent(service))) == 81


def test_a_service_that_goes_on_failing_ends_the_round_and_the_next_one_goes_on_there(
    services: Services, service: FakeService, path: Path
) -> None:
    def broken(handler: Any) -> bool:
        handler.refuse(503, "overloaded")
        return True

    service.faults[ROUTE] += [lambda _: False, *[broken] * 8]
    with pytest.raises(ProviderError, match="overloaded"):
        moderated(services, path)
    first = sent(service)
    assert len(first) == MOST_INPUTS
    assert service.count(*ROUTE) == 9
    result = moderated(services, path)
    assert result.flagged_rows == 2
    assert result.asked == 81 - MOST_INPUTS
    assert len(sent(service)) == len(set(sent(service))) == 81


def test_a_service_that_is_not_there_is_told_after_three_tries(
    services: Services, service: FakeService, path: Path
) -> None:
    plan = plan_moderation(services, path)
    service.shutdown()
    service.server_close()
    waits: list[float] = []
    with pytest.raises(ProviderError, match="can't be reached"):
        moderate_file(services, path, plan, first_wait=0.01, on_wait=waits.append)


def test_a_round_can_be_stopped_and_says_so(services: Services, service: FakeService, path: Path) -> None:
    done: list[int] = []
    result = moderated(
        services, path, on_progress=lambda count, _: done.append(count), cancelled=lambda: bool(done)
    )
    assert not result.complete
    assert result.asked == MOST_INPUTS
    assert [one.line for one in result.findings] == [6]
    assert moderated(services, path).asked == 81 - MOST_INPUTS


def test_a_wrong_key_ends_it_at_once(services: Services, service: FakeService, path: Path) -> None:
    def wrong_key(handler: Any) -> bool:
        handler.refuse(401, f"bad key {KEY}")
        return True

    service.faults[ROUTE].append(wrong_key)
    with pytest.raises(ProviderError) as caught:
        moderated(services, path)
    assert KEY not in str(caught.value.message)
    assert service.count(*ROUTE) == 1


def test_one_text_that_the_service_refuses_is_found_and_the_others_are_judged(
    services: Services, service: FakeService, path: Path
) -> None:
    rows = rows_of()
    rows[20]["messages"][1]["content"] = "UNREADABLE"
    write(path, rows)
    result = moderated(services, path)
    assert result.flagged_rows == 2
    assert [(one.rule, one.line) for one in result.findings] == [
        ("moderation-flag", 5),
        ("moderation-unjudged", 21),
        ("moderation-flag", 30),
    ]
    assert result.unjudged_rows == 1
    assert len(sent(service)) == len(set(sent(service))) == 80


def test_a_service_that_refuses_every_text_is_an_error_after_a_few(
    services: Services, service: FakeService, path: Path
) -> None:
    write(path, [chat(user(f"UNREADABLE {n}"), assistant("UNREADABLE")) for n in range(200)])
    with pytest.raises(ProviderError, match="can't be judged"):
        moderated(services, path)
    assert service.count(*ROUTE) < 12


def test_images_are_sent_only_when_asked_for_and_one_by_one(
    services: Services, service: FakeService, path: Path
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/VIOLENCE.png"}}
    write(path, [chat(user([{"type": "text", "text": "What is it?"}, picture]), assistant("A cat."))] * 3)
    assert moderated(services, path).flagged_rows == 0
    assert "https" not in json.dumps(service.bodies)
    result = moderated(services, path, images=True)
    assert (result.asked, result.flagged_rows, result.plan.images) == (1, 3, 1)
    assert service.bodies[-1]["input"] == [picture]
    assert result.findings[0].path == "$.messages[0].content[1].image_url.url"


def test_every_text_of_every_format_is_judged_and_long_ones_in_pieces(
    services: Services, service: FakeService, path: Path
) -> None:
    rows = [tool_chat(call(arguments='{"city": "HATE"}')), chat(user(" "), assistant("No.", refusal="HATE"))]
    write(path, rows)
    assert [one.path for one in moderated(services, path).findings] == [
        "$.messages[1].tool_calls[0].function.arguments",
        "$.messages[1].refusal",
    ]
    write(path, [preference(bad=[assistant("HATE")]), preference(user("x" * 9_000 + "HATE"))])
    assert [one.path for one in moderated(services, path).findings] == [
        "$.non_preferred_output[0].content",
        "$.input.messages[0].content",
    ]
    write(path, [{"prompt": "HATE", "completion": "x" * 40_000}])
    assert [one.path for one in moderated(services, path).findings] == ["$.prompt"]
    assert " " not in sent(service)
    assert all(sum(map(len, body["input"])) <= MOST_CHARACTERS for body in service.bodies)


def test_the_findings_join_a_report_and_replace_those_of_an_earlier_round(
    services: Services, path: Path
) -> None:
    report = check_file(path, CheckOptions(count_tokens=False))
    result = moderated(services, path)
    joined = with_moderation(report, result)
    assert joined.counts["warning"] == report.counts["warning"] + 2
    assert [one.line for one in joined.findings if one.rule == "moderation-flag"] == [6, 31]
    assert with_moderation(joined, result) == joined
    assert joined.valid == report.valid


def test_the_local_engine_has_no_moderation_and_says_so(services: Services) -> None:
    account, permission = moderating_account(services, "local")
    assert account is None
    assert permission.reason == "Local engine (this machine) has no moderation to ask."
    found, _ = moderating_account(services)
    assert found is not None
    assert found.name == "openai"


def test_the_notice_says_what_leaves_the_machine_and_how_long_it_takes(
    services: Services, path: Path
) -> None:
    plan = plan_moderation(services, path)
    assert "81 texts" in privacy_notice(plan, images=False)
    assert "images are not sent" in privacy_notice(plan, images=False)
    write(path, [chat(user(str(n) * 8_000), assistant()) for n in range(20)])
    notice = privacy_notice(plan_moderation(services, path), images=False)
    assert "about a minute for a large account and 4 minutes for a new one" in notice


def test_the_verb_asks_first_and_speaks_json(services: Services, service: FakeService, path: Path) -> None:
    refused = run_cli("moderate", str(path))
    assert refused.code == 2
    assert "81 texts of this file" in refused.stderr
    assert run_cli("moderate", str(path), "--dry-run", "--json").json()["unknown_texts"] == 81
    assert service.bodies == []
    done = run_cli("moderate", str(path), "--account", "openai", "--yes", "--json")
    assert done.code == 1
    value = done.json()
    assert (value["flagged_rows"], value["asked"], value["categories"]["hate"]) == (2, 81, 2)
    assert value["findings"][0]["line"] == 6
    text = run_cli("moderate", str(path))
    assert text.code == 1  # nothing is left to send, so nothing is asked
    assert "2 of 40 rows are flagged (5.0 %); 0 texts were asked about." in text.stdout
    assert run_cli("moderate", str(path), "--account", "local", "--yes").code == 2
    assert run_cli("moderate", str(path), "--account", "nobody", "--yes").code == 2
    assert run_cli("moderate", str(path) + "x", "--yes").code == 2


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("6m0s", 360), ("120ms", 0.12), ("1h2m3s", 3723), ("soon", 0), ("", 0)]
)
def test_durations_of_headers_are_read(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)
