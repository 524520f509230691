from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, drop, refuse
from tui.errors import TunedeckError
from tui.jobs.inventory import account_models
from tui.jobs.model_facts import model_facts
from tui.jobs.model_family import FamilyModel, ModelKind, model_family
from tui.jobs.model_list import Only, Sort, arrange, cost_of, find_model, model_json
from tui.jobs.model_words import delete_model, read_tags, set_note, set_tags
from tui.money.lifetime import Lifetimes
from tui.money.usage_price import Amount
from tui.providers.protocol import ProviderError
from tui.records.chats import Answer, Usage
from tui.records.jobs import Checkpoint, Job, JobState, Method
from tui.records.models import ModelInfo
from tui.records.requests import RemoteFile
from tui.services import Services

Cli = Callable[..., CliResult]
TODAY = date(2026, 11, 29)
BASE = "gpt-4.1-mini-2025-04-14"
TONE = f"ft:{BASE}:acme:tone:AAAA1111"
MORE = f"ft:{BASE}:acme:tone-2:BBBB2222"
EARLY = f"{TONE}:ckpt-step-20"


def keep_family(services: Services) -> None:
    """A base, a model with two checkpoints, one trained further from it, and one under way."""
    store = services.store
    store.save_models("openai", [ModelInfo("openai", BASE, 1), ModelInfo("openai", TONE, 300, "acme", BASE)])
    first = Job(
        "openai", "ftjob-1", JobState.SUCCEEDED, "succeeded", BASE, created_at=100, finished_at=200,
        fine_tuned_model=TONE, training_file="file-1", trained_tokens=2_000_000,
    )  # fmt: skip
    store.save_job(first)
    store.save_job(
        replace(first, id="ftjob-2", model=TONE, fine_tuned_model=MORE, method=Method.DPO, created_at=400)
    )
    store.save_job(
        Job("openai", "ftjob-3", JobState.RUNNING, "running", EARLY, created_at=500, suffix="third")
    )
    store.remember_file("openai", "ab" * 32, RemoteFile("file-1", "tone.jsonl", 9, "fine-tune", 1, "ok"))
    store.save_checkpoints(
        "openai", "ftjob-1",
        [Checkpoint("c2", "ftjob-1", TONE, 40, 199, {"full_valid_loss": 0.5}),
         Checkpoint("c1", "ftjob-1", EARLY, 20, 150, {"full_valid_loss": 0.75})],
    )  # fmt: skip


def family_of(services: Services) -> dict[str, FamilyModel]:
    return {one.id: one for one in model_family(services, today=TODAY)}


def test_the_family_goes_from_base_to_job_to_checkpoint_to_continued_job(services: Services) -> None:
    keep_family(services)
    lines = arrange(model_family(services, today=TODAY))
    assert [(line.depth, line.model.id, line.model.kind) for line in lines] == [
        (0, BASE, ModelKind.BASE),
        (1, TONE, ModelKind.TUNED),
        (2, MORE, ModelKind.TUNED),
        (2, EARLY, ModelKind.CHECKPOINT),
        (3, "ftjob-3", ModelKind.JOB),
    ]
    family = family_of(services)
    tone = family[TONE]
    assert tone.scores == {"full_valid_loss": 0.5}
    assert tone.job is not None
    assert (tone.job.dataset_sha256, tone.job.dataset) == ("ab" * 32, "tone.jsonl")
    assert [one.base_model for one in family.values() if one.id != BASE] == [BASE] * 4
    assert not family[MORE].is_listed
    assert "has made no model yet" in family["ftjob-3"].trainable.reason


def test_a_checkpoint_that_its_service_dropped_can_be_neither_asked_nor_trained(services: Services) -> None:
    keep_family(services)
    assert family_of(services)[EARLY].can_chat
    services.store.save_checkpoints("openai", "ftjob-1", [Checkpoint("c2", "ftjob-1", TONE, 40)])
    early = family_of(services)[EARLY]
    assert (early.is_dropped, early.can_chat) == (True, False)
    assert "does not list this checkpoint any more" in early.trainable.reason
    assert ("Listed", "not among its job's checkpoints any more, as last seen") in model_facts(early)
    assert family_of(services)[TONE].can_chat


def test_days_left_name_who_said_so_and_of_which_model(services: Services) -> None:
    keep_family(services)
    life = family_of(services)[TONE].lifetime
    assert (life.shutdown_date, life.days_left, life.words) == ("2027-01-14", 46, "46 days")
    assert (life.source, life.base) == ("developers.openai.com/api/docs/deprecations", BASE)
    assert life.ends_soon
    services.store.save_model_dates("openai", {TONE: "2026-12-01"})
    own = family_of(services)[TONE].lifetime
    assert own.days_left == 2
    assert own.source.startswith("the service's own list of models, seen ")
    assert own.base == ""
    assert Lifetimes(services.catalog, today=date(2027, 1, 14)).of("openai", TONE).is_over


@pytest.mark.parametrize(("day", "words"), [("2026-11-30", "1 day"), ("2026-11-29", "shut down")])
def test_the_last_days_are_told_in_words(services: Services, day: str, words: str) -> None:
    told = [("custom", "m", day, 1)]
    assert Lifetimes(services.catalog, told, TODAY).of("custom", "m").words == words
    assert Lifetimes(services.catalog, [], TODAY).of("custom", "m", listed="not a date").words == "–"


def test_the_cost_to_date_is_training_and_answers(services: Services) -> None:
    keep_family(services)
    answer = Answer("chat", 1, TONE, "openai", "Hi", "stop", Usage(1_000_000, 500_000, 0), 0.1, 0.5, 77)
    services.store.add_answer(answer)
    family, model = family_of(services), services.catalog.model(BASE, "openai")
    training, into, out = (
        model.training_price_per_million, model.input_price_per_million, model.output_price_per_million,
    )  # fmt: skip
    assert training is not None
    assert into is not None
    assert out is not None
    cost = cost_of(family[TONE])
    assert cost is not None
    assert cost.low == cost.high == 2 * training + into + out / 2
    assert cost_of(family[BASE]) is not None
    assert cost_of(family["ftjob-3"]) is None
    assert family[EARLY].training_cost == Amount()


def test_lists_are_sorted_and_narrowed_and_a_tree_keeps_the_ancestors(services: Services) -> None:
    keep_family(services)
    set_tags(services, family_of(services)[MORE], ["keep", "best"])
    set_note(services, family_of(services)[TONE], "first try, \x1b[31mtoo loud")
    family = model_family(services, today=TODAY)
    assert [line.model.id for line in arrange(family, words="keep")] == [BASE, TONE, MORE]
    assert [line.model.id for line in arrange(family, words="KEEP tone-2", sort=Sort.NAME)] == [MORE]
    assert [line.model.id for line in arrange(family, words="loud", sort=Sort.NAME)] == [TONE]
    assert "\x1b" not in services.store.model_notes()["openai", TONE]
    newest = arrange(family, sort=Sort.NEWEST)
    assert [line.model.id for line in newest][:2] == ["ftjob-3", TONE]
    assert BASE not in [line.model.id for line in arrange(family, only=Only.TUNED, sort=Sort.COST)]
    assert len(arrange(family, only=Only.ENDING, sort=Sort.DAYS)) == 5
    assert arrange(family, words="nothing like it") == []


def test_a_ring_of_parents_ends_nothing(services: Services) -> None:
    job = Job("openai", "ftjob-a", JobState.SUCCEEDED, "succeeded", "b", fine_tuned_model="a")
    services.store.save_job(job)
    services.store.save_job(replace(job, id="ftjob-b", model="a", fine_tuned_model="b"))
    services.store.save_job(replace(job, id="ftjob-c", model="c", fine_tuned_model="c"))
    assert {line.model.id for line in arrange(model_family(services))} == {"a", "b", "c"}


def test_tags_are_words_and_replace_those_before(services: Services) -> None:
    keep_family(services)
    assert read_tags("good, best  good") == ["good", "best"]
    for wrong in ("x" * 41, "a\x07b"):
        with pytest.raises(TunedeckError, match="can't be a tag"):
            read_tags(wrong)
    set_tags(services, family_of(services)[TONE], ["a", "b"])
    set_tags(services, family_of(services)[TONE], ["b", "c"])
    assert family_of(services)[TONE].tags == ("b", "c")
    with pytest.raises(TunedeckError, match="letters"):
        set_note(services, family_of(services)[TONE], "n" * 2_001)


def test_a_model_is_deleted_only_by_its_whole_name_and_its_history_stays(
    services: Services, service: FakeService
) -> None:
    service.models += [{"id": TONE, "created": 300, "owned_by": "acme"}]
    keep_family(services)
    account_models(services, "openai")
    model = family_of(services)[TONE]
    with pytest.raises(TunedeckError, match="Nothing was deleted"):
        delete_model(services, model, TONE[:-1])
    assert [method for method, _ in service.requests if method == "DELETE"] == []
    assert delete_model(services, model, TONE)
    assert [one["id"] for one in service.models] == [BASE]
    gone = family_of(services)[TONE]
    assert gone.deleted_at is not None
    assert not gone.can_chat
    assert "was deleted" in gone.trainable.reason
    assert gone.job is not None
    with pytest.raises(TunedeckError) as refused:
        delete_model(services, gone, TONE)
    assert "deleted already" in refused.value.remedy


def test_only_what_a_job_made_can_be_deleted(services: Services, service: FakeService) -> None:
    keep_family(services)
    for name, reason in ((BASE, "belongs to its service"), (EARLY, "goes with the model")):
        with pytest.raises(TunedeckError) as refused:
            delete_model(services, family_of(services)[name], name)
        assert reason in refused.value.remedy
    assert service.requests == []


def test_a_refusal_or_a_lost_answer_leaves_the_model_listed_and_is_not_repeated(
    services: Services, service: FakeService
) -> None:
    keep_family(services)
    path = f"/v1/models/{TONE}"
    for fault in (refuse(403, "You need the Owner role"), drop):
        service.faults["DELETE", path].append(fault)
        with pytest.raises(ProviderError):
            delete_model(services, family_of(services)[TONE], TONE)
    assert service.count("DELETE", path) == 2
    assert family_of(services)[TONE].is_listed
    # The service, asked again, has none of that name: it is gone.
    assert not delete_model(services, family_of(services)[TONE], TONE)
    assert family_of(services)[TONE].deleted_at is not None


def test_a_name_is_found_by_its_end_and_never_guessed(services: Services) -> None:
    keep_family(services)
    family = model_family(services)
    assert find_model(family, "tone:AAAA1111").id == TONE
    with pytest.raises(TunedeckError) as nobody:
        find_model(family, "tone:AAAA111")
    assert "Did you mean" in nobody.value.remedy
    services.store.save_models("local", [ModelInfo("local", TONE, 1, "", BASE)])
    both = model_family(services)
    with pytest.raises(TunedeckError, match="may be any of"):
        find_model(both, TONE)
    assert find_model(both, TONE, "local").account == "local"


def test_the_facts_of_a_model_are_words_that_leave_out_what_is_not_known(services: Services) -> None:
    keep_family(services)
    facts = dict(model_facts(family_of(services)[TONE]))
    assert facts["Dataset"] == "tone.jsonl SHA-256 abababababab…"
    assert facts["Ends"] == "2027-01-14, 46 days"
    assert facts["Date from"] == "developers.openai.com/api/docs/deprecations"
    assert facts["Date of"] == f"its base {BASE}"
    assert facts["Scores"] == "full_valid_loss 0.5"
    assert "Note" not in facts
    assert "not among the account's models" in dict(model_facts(family_of(services)[MORE]))["Listed"]


def test_the_verbs_show_tag_note_and_delete(cli: Cli, service: FakeService, services: Services) -> None:
    service.models += [{"id": TONE, "created": 300, "owned_by": "acme"}]
    keep_family(services)
    listed = cli("models", "--account", "openai", "--json").json()
    assert [one["id"] for one in listed] == [BASE, TONE, MORE, EARLY, "ftjob-3"]
    tone = listed[1]
    assert (tone["parent"], tone["depth"], tone["job_id"], tone["shutdown_date"]) == (
        BASE, 1, "ftjob-1", "2027-01-14",
    )  # fmt: skip
    assert f"    {MORE}" in cli("models", "--offline").stdout
    (of_base,) = [line for line in cli("models", "--offline").stdout.splitlines() if line.startswith(BASE)]
    assert "free" not in of_base, "nobody used it, so that it has cost nothing, whatever its price is"
    assert cli("models", "tag", "tone:AAAA1111", "best", "--json").json()["tags"] == ["best"]
    assert cli("models", "tag", TONE, "old").stdout == f"{TONE}: best old\n"
    assert cli("models", "tag", TONE, "old", "--remove").stdout == f"{TONE}: best\n"
    assert cli("models", "note", TONE, "said \x1b[2J yes").code == 0
    assert "\x1b" not in cli("models", "note", TONE).stdout
    assert "Tags: best" in cli("models", "show", TONE).stdout
    assert [one["id"] for one in cli("models", "--filter", "best", "--sort", "name", "--json").json()] == [
        TONE
    ]
    unsure, wrong = cli("models", "delete", TONE), cli("models", "delete", TONE, "--confirm", "tone")
    assert (unsure.code, wrong.code) == (2, 2)
    assert "no terminal to ask on" in unsure.stderr
    assert "not the model's name" in wrong.stderr
    assert service.count("DELETE", f"/v1/models/{TONE}") == 0
    done = cli("models", "delete", TONE, "--confirm", TONE, "--json")
    assert done.json() == {"account": "openai", "id": TONE, "deleted": True, "was_there": True}
    assert "deleted" in cli("models", "--account", "openai").stdout
    base = cli("models", "delete", BASE, "--confirm", BASE)
    assert (base.code, "belongs to its service" in base.stderr) == (2, True)


def test_five_hundred_models_with_checkpoints_are_quick(services: Services) -> None:
    names = [f"ft:{BASE}:acme:run-{number}:{number:08d}" for number in range(500)]
    services.store.save_models(
        "openai", [ModelInfo("openai", name, number, "acme", BASE) for number, name in enumerate(names)]
    )
    for number, name in enumerate(names):
        job_id = f"ftjob-{number}"
        services.store.save_job(
            Job("openai", job_id, JobState.SUCCEEDED, "succeeded", BASE, created_at=number,
                fine_tuned_model=name, trained_tokens=1_000)
        )  # fmt: skip
        services.store.save_checkpoints(
            "openai", job_id,
            [Checkpoint(f"c{step}", job_id, f"{name}:ckpt-step-{step}", step) for step in (10, 20)],
        )  # fmt: skip
    started = time.process_time()
    lines = arrange(model_family(services))
    assert len(lines) == 1 + 3 * 500
    assert [model_json(line)["depth"] for line in lines[:4]] == [0, 1, 2, 2]
    assert time.process_time() - started < 1.0
