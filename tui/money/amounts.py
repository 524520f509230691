"""Amounts of money for people: never rounded to nothing, ranges with both ends."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

_CENT = Decimal("0.01")


def format_money(amount: Decimal, currency: str = "USD") -> str:
    """Return an amount for people: two decimals, or "under $0.01"; never rounded to nothing."""
    sign = "$" if currency == "USD" else f"{currency} "
    if 0 < amount < _CENT:
        return f"under {sign}0.01"
    return f"{sign}{amount.quantize(_CENT):,}"


def small_money(amount: Decimal, currency: str = "USD") -> str:
    """Return an amount that may be far under a cent with two digits that count: `$0.00012`, `free`."""
    if not amount:
        return "free"
    sign = "$" if currency == "USD" else f"{currency} "
    if abs(amount) >= 1:
        return f"{sign}{amount.quantize(_CENT):,}"
    places = 1 - amount.adjusted()
    return f"{sign}{round(amount, max(2, places)):f}"


def money_range(low: Decimal, high: Decimal, currency: str = "USD") -> str:
    """Return one amount, or two where they differ; nothing is "free"."""
    if not high:
        return "free"
    ends = dict.fromkeys((format_money(low, currency), format_money(high, currency)))
    return " to ".join(ends)


def unit_price(amount: Decimal | None, currency: str = "USD") -> str:
    """Return a price per unit with every digit it was published with (`$0.075`), or "not published"."""
    if amount is None:
        return "not published"
    if not amount:
        return "free"
    sign = "$" if currency == "USD" else f"{currency} "
    plain = amount.normalize()
    return f"{sign}{plain if _digits(plain) > 2 else plain.quantize(_CENT):,f}"


def _digits(amount: Decimal) -> int:
    exponent = amount.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def typed_amount(text: str) -> Decimal | None:
    """Return an amount that a person typed, such as `2.50` or `$2.50`; None where it is none."""
    try:
        amount = Decimal(text.strip().lstrip("$"))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None
