"""A free job on a machine of one's own that is not this one: no time is promised before one was measured."""

from __future__ import annotations

from tui.money.catalog import Catalog
from tui.money.estimate import estimate_cost, time_of


def test_only_past_jobs_say_how_quick_another_machine_is() -> None:
    catalog = Catalog.load()
    here = next(model for model in catalog.models if model.provider == "local")
    model = catalog.find(here.id, "tunedeck-engine") or here
    estimate = estimate_cost(1000, model, epochs=2, examples=50)
    assert estimate.provider == "tunedeck-engine"
    assert estimate.formula.endswith("free on that machine")
    assert time_of(estimate) is None
    assert time_of(estimate, [100.0, 200.0]) is not None
    local = estimate_cost(1000, here, epochs=2, examples=50)
    assert local.formula.endswith("free on this machine")
    assert time_of(local) is not None
