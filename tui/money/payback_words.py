"""Pay-back in words: the formula with its numbers put in, the verdict, and the same as JSON values."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tui.money.amounts import format_money, unit_price
from tui.money.catalog_model import NOT_PUBLISHED, STALE_AFTER_DAYS, CatalogModel
from tui.money.estimate import auto_epochs
from tui.money.payback import CACHED_FROM, CallPrice, Payback, PaybackCase, Verdict

_THOUSAND = 1_000
_SMALL = Decimal(1)


def verdict_line(found: Payback) -> str:
    """Return the verdict as a sentence."""
    match found.verdict:
        case Verdict.PAYS if not found.investment:
            return f"Pays at once: {per_thousand(found.saved_per_call, found)} saved per 1,000 calls."
        case Verdict.PAYS:
            days = f"{found.break_even_days:,.1f}".rstrip("0").rstrip(".")
            return f"Pays back after {found.break_even_calls:,} calls, which is {days} days at this rate."
        case Verdict.ONLY_IF:
            return f"Only if {', or '.join(found.conditions)}."
        case Verdict.NEVER:
            return "Never, whichever one of these numbers is turned."
        case Verdict.UNKNOWN:
            return f"Can't be told: {found.reasons[0]}"


def formula_lines(found: Payback, case: PaybackCase) -> list[tuple[str, str]]:
    """Return (name, calculation with its numbers) in the order in which they build on each other."""
    choice = found.choice
    saved = per_thousand(found.saved_per_call, found)
    lines = [("1,000 prompted calls", _call(found.prompted)), ("1,000 tuned calls", _call(found.tuned))]
    if choice.training_paid:
        lines.append(("Training", "paid already"))
    else:
        lines.append(("Training", _training(found, case)))
    if found.hosting_per_day is None:
        lines.append(("Hosting", NOT_PUBLISHED))
    elif not found.hosting_per_day:
        lines.append(("Hosting", "nothing while it stands by"))
    else:
        per_hour = format_price(found.hosting_per_day / 24, found.tuned.currency)
        lines.append(("Hosting", f"{per_hour} an hour × 24 = {_money(found.hosting_per_day, found)} a day"))
    if found.saved_per_day is not None:
        hosting = f" - {_money(found.hosting_per_day, found)}" if found.hosting_per_day else ""
        words = f"{choice.calls_per_day:,} calls × {saved} / 1,000{hosting} = "
        lines.append(("Saved a day", words + _money(found.saved_per_day, found)))
    if found.break_even_calls is not None and found.investment is not None:
        paid = _money(found.investment, found)
        per_day = _money(found.saved_per_day, found)
        lines.append(
            ("Break-even", f"{paid} / {per_day} a day = {found.break_even_days:,.1f} days = "
             f"{found.break_even_calls:,} calls")
        )  # fmt: skip
    lines.append(("Life", _life(found)))
    return lines


def _training(found: Payback, case: PaybackCase) -> str:
    if found.training is None:
        return NOT_PUBLISHED
    epochs = "epoch" if found.choice.epochs == 1 else "epochs"
    words = f"{found.training_tokens:,} tokens × {found.choice.epochs} {epochs}"
    if case.tuned.highest is not None:
        words += f" × {unit_price(case.tuned.highest, found.tuned.currency)} per million"
    other = found.choice.other_costs
    return f"{words} = {_money(found.training, found)}" + (
        f" + {_money(other, found)} other" if other else ""
    )


def _life(found: Payback) -> str:
    life = found.life
    if life.shutdown_date is None:
        return "no end announced"
    words = f"{life.words} until {life.shutdown_date} ({life.source})"
    if found.saved_in_life is None:
        return words
    amount = found.saved_in_life
    verb = "saves" if amount >= 0 else "loses"
    return f"{words}: {verb} {_money(abs(amount), found)} in all"


def _call(side: CallPrice) -> str:
    currency = side.currency
    parts = (
        [f"{_tokens(side.cached)} cached × {unit_price(side.cached_price, currency)}"] if side.cached else []
    )
    parts.append(f"{_tokens(side.fresh)} in × {unit_price(side.fresh_price, currency)}")
    parts.append(f"{_tokens(side.answer)} out × {unit_price(side.answer_price, currency)}")
    total = NOT_PUBLISHED if side.cost is None else format_price(side.cost * _THOUSAND, currency)
    return f"({' + '.join(parts)}) / 1,000 = {total}"


def _tokens(mean: Decimal) -> str:
    return f"{mean:,.1f}".removesuffix(".0")


def per_thousand(amount: Decimal | None, found: Payback) -> str:
    """Return what a thousand calls cost or save."""
    return NOT_PUBLISHED if amount is None else format_price(amount * _THOUSAND, found.tuned.currency)


def _money(amount: Decimal | None, found: Payback) -> str:
    return NOT_PUBLISHED if amount is None else format_price(amount, found.tuned.currency)


def format_price(amount: Decimal, currency: str) -> str:
    """Return an amount, negative ones too; one below 1 keeps three digits that count."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if not size:
        return format_money(Decimal(0), currency)
    if size < _SMALL:
        return f"{sign}{unit_price(Decimal(f'{size:.3g}'), currency)}"
    return f"{sign}{format_money(size, currency)}"


def notes(found: Payback, case: PaybackCase) -> list[str]:
    """Return what a reader has to know of the numbers: why not, where prices are from, what is left out."""
    lines = list(found.reasons)
    for model, side in ((case.prompted, found.prompted), (case.tuned, found.tuned)):
        lines += _cache_notes(model, side, case)
    if not found.choice.training_paid and auto_epochs(max(1, case.rows), case.tuned.provider).epochs is None:
        lines.append(
            f"How often {case.tuned.provider} reads the file by itself is {NOT_PUBLISHED}: reckoned with "
            f"{found.choice.epochs}."
        )
    for model in dict.fromkeys((case.prompted, case.tuned)):
        if model.price_read_on:
            line = f"Prices of {model.id}: read on {model.price_read_on} at {model.price_source}."
            age = model.price_age_days(case.today)
            if age is not None and age > STALE_AFTER_DAYS:
                line += f" That is {age} days ago: look again."
            lines.append(line)
    if case.prompted_call.is_sampled or case.tuned_call.is_sampled:
        lines.append("Tokens of a call are the mean of a sample of the file.")
    return lines


def _cache_notes(model: CatalogModel, side: CallPrice, case: PaybackCase) -> list[str]:
    call = case.tuned_call if side.tuned else case.prompted_call
    if side.cached or side.fresh_price is None or not call.system + call.tools:
        return []
    if side.cached_price is None:
        return [f"A cached price of {model.id} is not published: reckoned without a cache."]
    fewest = CACHED_FROM.get(model.provider, 0)
    kind = "tuned" if side.tuned else "prompted"
    return (
        [f"A {kind} call is not cached: {model.provider} caches from {fewest:,} tokens on."] if fewest else []
    )


def payback_json(found: Payback, case: PaybackCase) -> dict[str, Any]:
    """Return all of it as JSON values; money as numbers, null where it is not published."""
    choice, life = found.choice, found.life
    return {
        "verdict": str(found.verdict),
        "sentence": verdict_line(found),
        "conditions": list(found.conditions),
        "reasons": list(found.reasons),
        "prompted": _side_json(found.prompted, case.prompted),
        "tuned": _side_json(found.tuned, case.tuned),
        "calls_per_day": choice.calls_per_day,
        "cache_percent": choice.cache_percent,
        "kept_percent": choice.kept_percent,
        "answer_percent": choice.answer_percent,
        "epochs": choice.epochs,
        "training_tokens": found.training_tokens,
        "training": _number(found.training),
        "training_paid": choice.training_paid,
        "other_costs": _number(choice.other_costs),
        "hosting_per_day": _number(found.hosting_per_day),
        "saved_per_call": _number(found.saved_per_call),
        "saved_per_day": _number(found.saved_per_day),
        "break_even_calls": found.break_even_calls,
        "break_even_days": _number(found.break_even_days),
        "shutdown_date": life.shutdown_date,
        "days_left": life.days_left,
        "date_source": life.source or None,
        "saved_in_life": _number(found.saved_in_life),
        "currency": found.tuned.currency,
        "formula": [f"{name}: {words}" for name, words in formula_lines(found, case)],
        "notes": notes(found, case),
    }


def _side_json(side: CallPrice, model: CatalogModel) -> dict[str, Any]:
    return {
        "model": side.model,
        "provider": side.provider,
        "cached_tokens": float(side.cached),
        "fresh_tokens": float(side.fresh),
        "answer_tokens": float(side.answer),
        "cached_price_per_million": _number(side.cached_price),
        "input_price_per_million": _number(side.fresh_price),
        "output_price_per_million": _number(side.answer_price),
        "cost_per_call": _number(side.cost),
        "price_read_on": model.price_read_on or None,
        "price_source": model.price_source or None,
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
