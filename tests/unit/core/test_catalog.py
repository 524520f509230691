from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService
from tui import paths
from tui.errors import TunedeckError
from tui.jobs.inventory import account_models
from tui.money.catalog import Catalog
from tui.money.catalog_check import check_catalog
from tui.money.catalog_diff import diff_catalogs
from tui.money.catalog_file import read_catalog_file, shipped_file
from tui.records.jobs import Method
from tui.services import Services

Cli = Callable[..., CliResult]
DAY = date(2026, 11, 25)
MINE = """\
[[models]]
provider = "openai"
id = "gpt-4.1-2025-04-14"
training_price_per_million = "20"

[providers.nebius.model_defaults]
training_price_per_million = "0.55"
price_read_on = "2026-11-20"
price_source = "my contract"
"""


@pytest.fixture
def mine() -> Path:
    path = paths.make_private(paths.config_dir()) / "catalog.toml"
    path.write_text(MINE, "utf-8")
    return path


def test_the_shipped_catalog_is_sound_but_for_the_age_of_prices() -> None:
    files = [shipped_file()]
    found = check_catalog(Catalog.from_files(files), files, DAY)
    assert [one for one in found if one.level == "error"] == []
    assert all("read" in one.message for one in found)
    assert {one.provider for one in found} >= {"together", "nebius"}


def test_every_service_of_the_facts_is_there() -> None:
    catalog = Catalog.load()
    names = {
        "local", "tunedeck-engine", "openai", "azure", "together", "fireworks", "nebius", "crusoe", "bedrock",
        "unsloth", "litellm", "custom",
    }  # fmt: skip
    assert names <= set(catalog.providers)
    for name in names:
        entry = catalog.providers[name]
        assert entry.label
        assert entry.source
        assert date.fromisoformat(entry.read_on) < DAY


def test_one_model_at_two_services_is_two_entries() -> None:
    catalog = Catalog.load()
    assert catalog.model("gpt-4.1").provider == "openai"
    azure = catalog.model("gpt-4.1", "azure")
    assert (azure.provider, azure.shutdown_date, azure.training_ends) == ("azure", "2027-10-14", None)
    assert azure.can_train(Method.DPO, date(2027, 5, 1))
    assert catalog.find("gpt-4.1", "tinker") is None


def test_a_class_of_models_is_priced_and_named_by_no_job() -> None:
    catalog = Catalog.load()
    together = catalog.model("base up to 16B", "together")
    assert not together.can_train()
    assert together not in catalog.trainable()
    assert {catalog.is_launchable(one) for one in catalog.models if one.provider == "tinker"} == {False}


def test_a_service_that_trains_any_model_knows_what_holds_for_all(mine: Path) -> None:
    model = Catalog.load().model("Qwen/Qwen3-4B", "nebius")
    assert (model.id, str(model.training_price_per_million), model.weights_can_leave) == (
        "Qwen/Qwen3-4B", "0.55", True,
    )  # fmt: skip
    assert model.price_source == "my contract"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[[models]]\nprovider = "x"\nid = "a"\n\n[[models]]\nprovider = "x"\nid = "b"\nvision = "8k"\n',
         8, "vision is wrong"),
        ('[[models]]\nprovider = "x"\nid = "a"\nmethods = ["tuning"]\n', 4, "methods is wrong"),
        ('[[models]]\nprovider = "x"\nid = "a"\nvision = 1\n', 4, "vision is wrong"),
        ('[[models]]\nprovider = "x"\nid = "a"\ninput_price_per_million = "-1"\n', 4, "is wrong"),
        ('[[models]]\nprovider = "x"\nid = "a"\ninput_price_per_million = "inf"\n', 4, "is wrong"),
        ('[providers.x]\nlabel = "X"\n[providers.x.model_defaults]\nshutdown = "2027-01-01"\n', 4, "no key"),
        ('[providers.x]\nlaunchable = "yes"\n', 2, "launchable is wrong"),
        ('[[models]]\nprovider = "x"\nid = "a"\n[[models.price_tiers]]\nfactor = "2"\n', 1, "price_tiers"),
        ('prices = 1\n', 1, "no key 'prices'"),
        ('models = 1\n', 1, "models is not a list"),
        ('[providers]\nx = 1\n', 1, "providers is not a table"),
        ('[[models]]\nid = 1\n', 1, "needs provider"),
    ],
)  # fmt: skip
def test_a_wrong_key_is_told_with_its_line(tmp_path: Path, text: str, place: int, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(TunedeckError, match=words) as caught:
        Catalog.load(path)
    assert f"{path}, line {place}:" in caught.value.message


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ('training_ends = "2027-02-01"\nshutdown_date = "2027-01-01"', "training_ends 2027-02-01 is after"),
        ('training_ends = "2027-02-01"\ndates_source = ""', "dates have no source"),
        ('training_price_per_million = "2"\nhighest_training_price_per_million = "1"', "is below"),
        ('training_price_per_million = "2"', "prices have no day"),
        ('training_price_per_million = "2"\nprice_read_on = "2027-01-01"', "in the future"),
        ('training_price_per_million = "2000"\nprice_read_on = "2026-11-20"', "decimal point"),
        ('training_example_limit = 20\ncontext_limit = 10', "is above context_limit"),
        ('encoding = "p50k"', "no encoding 'p50k'"),
        ('methods = []', "names no method"),
        ('aliases = ["twin", "twin2"]\n[[models]]\nprovider = "custom"\nid = "twin"', "2 models have"),
        ('[[models]]\nprovider = "custom"\nid = "m"', "stands 2 times"),
        ('[[models]]\nprovider = "nobody"\nid = "m"\nmethods = ["dpo"]', "no service 'nobody'"),
    ],
)  # fmt: skip
def test_a_check_finds_what_is_wrong(tmp_path: Path, keys: str, words: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f'[[models]]\nprovider = "custom"\nid = "m"\n{keys}\n', "utf-8")
    files = [shipped_file(), read_catalog_file(path)]
    found = check_catalog(Catalog.from_files(files), files, DAY)
    assert any(words in one.message for one in found), found


def test_a_difference_is_told_key_by_key(mine: Path) -> None:
    shipped = shipped_file()
    changes = diff_catalogs(
        Catalog.from_files([shipped]), Catalog.from_files([shipped, read_catalog_file(mine)])
    )
    assert ("openai", "gpt-4.1-2025-04-14", "training_price_per_million", 25.0, 20.0) in [
        (one.provider, one.model, one.key, one.before, one.after) for one in changes
    ]
    gone = diff_catalogs(Catalog.load(), Catalog([], {}))
    assert {(one.key, one.after) for one in gone} == {("", None)}


def test_what_a_service_tells_beats_the_file_and_is_kept_with_its_day(
    services: Services, service: FakeService
) -> None:
    service.models = [
        {"id": "gpt-4.1-mini-2025-04-14", "created": 1, "shutdown_date": "2027-03-01"},
        {"id": "gpt-4o-2024-08-06", "created": 1, "shutdown_date": "soon"},
    ]
    account_models(services, "openai")
    mini = services.catalog.model("gpt-4.1-mini")
    assert mini.shutdown_date == "2027-03-01"
    assert "the service's own list of models, seen 20" in mini.dates_source
    assert services.catalog.model("gpt-4o").shutdown_date == "2027-01-14"
    with Services.open() as later:
        assert later.catalog.model("gpt-4.1-mini", "openai").shutdown_date == "2027-03-01"
    service.models[0]["shutdown_date"] = None
    account_models(services, "openai")
    with Services.open() as later:
        assert later.catalog.model("gpt-4.1-mini").shutdown_date == "2027-01-14"


def test_the_catalog_is_printed_and_filtered(cli: Cli) -> None:
    shown = cli("catalog").stdout
    assert "not published" in shown
    assert "$0.48 to $1.35" in shown
    assert "$100.00/h" in shown
    only = cli("catalog", "--provider", "azure", "--method", "dpo", "--json").json()
    assert {one["provider"] for one in only} == {"azure"}
    assert next(one for one in only if one["id"].startswith("gpt-4o"))["training_price_per_million"] is None
    trainable = cli("catalog", "--trainable", "--json").json()
    assert not [one for one in trainable if one["is_class"] or one["historic"]]
    assert cli("catalog", "--provider", "azur").code == 2
    assert "not published" in cli("catalog", "show", "gpt-4.1", "--provider", "azure").stdout
    assert cli("catalog", "show", "ft:gpt-4.1-mini:me::x", "--json").json()["provider"] == "openai"


def test_check_and_diff_have_their_exit_codes(cli: Cli, mine: Path, tmp_path: Path) -> None:
    assert cli("catalog", "check").code == 0
    assert cli("catalog", "check", "--fail-on", "warning").code == 1
    assert "20" in cli("catalog", "diff").stdout
    assert cli("catalog", "diff", "--json").json()[0]["after"] == 20.0
    bad = tmp_path / "bad.toml"
    bad.write_text('[[models]]\nprovider = "custom"\nid = "m"\nencoding = "x"\n', "utf-8")
    assert cli("catalog", "check", str(bad)).code == 1
    assert cli("catalog", "check", str(tmp_path / "none.toml")).code == 2
    mine.unlink()
    assert "no file of yours" in cli("catalog", "diff").stdout


def test_base_models_that_were_added_are_known_with_what_holds_for_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path))
    for name in ("own-model-1.0", "smollm2-135m-instruct", ".unpack-half", "gpt-4.1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tokenizer.json").write_text("{}")
    (tmp_path / "no-model").mkdir()
    catalog = Catalog.load()
    added = catalog.model("ft:own-model-1.0:local:tone:abc")
    assert (added.provider, added.id, added.highest) == ("local", "own-model-1.0", Decimal(0))
    local = [model for model in catalog.trainable() if model.provider == "local"]
    assert [model.id for model in local] == ["smollm2-135m-instruct", "gpt-4.1", "own-model-1.0"]
    # Each has a tokenizer, and so a count, of its own.
    assert len({model.vocabulary for model in local}) == len(local)
    assert catalog.model("gpt-4.1").provider == "openai"  # whose name it was before
