"""A price in words, and what two requests come to by it."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from mockserver.contract.behaviour import Profile, TaskBehaviour
from mockserver.contract.price import UC_PER_CREDIT, Factor, Price

_LONG_MS = 15_000
"""How long the media of a worked example last, where their length counts."""
_TEXT = 1_000
"""How many characters the prompt of a worked example has, where they count."""


class Worked(NamedTuple):
    """A request in words, and what it reserves."""

    request: str
    amount: str


def words(behaviour: TaskBehaviour, profile: Profile) -> str:
    """The rule of a price: what is added up, and what it is multiplied by."""
    price = behaviour.prices[profile]
    told = " + ".join(_parts(price)) + _bounds(price)
    if price.factors:
        told += "; times " + ", ".join(_factor(one) for one in price.factors)
    return f"{told} ({price.billing_rule})"


def worked(behaviour: TaskBehaviour, profile: Profile, properties: dict[str, Any]) -> list[Worked]:
    """Two requests by this price: one that says nothing of what counts, one that says all of it."""
    price, told = behaviour.prices[profile], dict(_asking(behaviour, profile, properties))
    media_ms = _LONG_MS if behaviour.length.field and _counts_seconds(price) else None
    spoken = [_spoken(name, value) for name, value in told.items()]
    spoken += [f"{behaviour.length.field} of {media_ms / 1000:g} s"] if media_ms else []
    plain, body = behaviour.quantities(behaviour.values(profile, {})), _nested(told)
    full = behaviour.quantities(behaviour.values(profile, body), behaviour.characters(profile, body), media_ms)
    return [
        Worked(
            "a request that says no more than it has to", _credits(Fraction(price.amount_uc(plain), UC_PER_CREDIT))
        ),
        Worked(", ".join(spoken) or "any other request", _credits(Fraction(price.amount_uc(full), UC_PER_CREDIT))),
    ]


def _parts(price: Price) -> Iterator[str]:
    units = {"credits_per_second": "a second", "credits_per_image": "an image", "credits_per_token": "a token"}
    for name, amount in price.parts:
        if amount is not None:
            yield f"{_credits(Fraction(amount))} {units.get(name, 'a request')}"


def _bounds(price: Price) -> str:
    if not _counts_seconds(price):
        return ""
    least = f"at least {price.minimum_seconds:g} s" if price.minimum_seconds else ""
    most = f"at most {price.maximum_seconds:g} s" if price.maximum_seconds is not None else ""
    step = f"rounded up to {price.seconds_rounded_up_to} s" if price.seconds_rounded_up_to else ""
    return "".join(f", {one}" for one in (least, most, step) if one)


def _counts_seconds(price: Price) -> bool:
    by_token = price.tokens is not None and Fraction(price.tokens.second) > 0
    return price.credits_per_second is not None or by_token


def _factor(one: Factor) -> str:
    evidence = f" [{one.evidence}]" if one.evidence else ""
    if one.factor is None:
        return f"the number {one.field}{evidence}"
    return f"{one.factor} where {one.field} is {_shown(one.equals)}{evidence}"


def _asking(behaviour: TaskBehaviour, profile: Profile, properties: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(field, value) of a request that says all that its price looks at, as much of it as the document allows."""
    price, length, count = behaviour.prices[profile], behaviour.length, behaviour.results.count_field
    if length.seconds_field and _counts_seconds(price):
        yield length.seconds_field, _most(properties.get(length.seconds_field, {}), round(length.default_seconds) * 2)
    if count is not None:
        yield count, _most(properties.get(count, {}), 4)
    if price.counts_characters:
        yield "prompt", "x" * _TEXT
    seen = {length.seconds_field, count}
    for one in price.factors:
        if one.field not in seen:
            seen.add(one.field)
            yield one.field, one.equals if one.equals is not None else _most(properties.get(one.field, {}), 4)


def _most(schema: dict[str, Any], otherwise: int) -> Any:
    """The most that a schema allows; a value of no meaning where it sets no bound."""
    if schema.get("enum"):
        return schema["enum"][-1]
    return schema.get("maximum", otherwise)


def _nested(told: dict[str, Any]) -> dict[str, Any]:
    """A body with each value at its dotted path."""
    body: dict[str, Any] = {}
    for path, value in told.items():
        *steps, name = path.split(".")
        inner = body
        for step in steps:
            inner = inner.setdefault(step, {})
        inner[name] = value
    return body


def _spoken(name: str, value: Any) -> str:
    return f"a prompt of {len(value)} characters" if name == "prompt" else f"{name} {_shown(value)}"


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _credits(amount: Fraction) -> str:
    """As a decimal where four places hold it, else as a fraction."""
    exact = (amount * UC_PER_CREDIT).denominator == 1
    number = f"{float(amount):,.4f}".rstrip("0").rstrip(".") if exact else str(amount)
    return f"{number} credit" if amount == 1 else f"{number} credits"
