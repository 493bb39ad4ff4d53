"""What a document says that a request costs: its price rule worked out, and no guess where it says nothing."""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from contract_tests.contract.document import UC_PER_CREDIT

_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


@dataclass(frozen=True, slots=True)
class Price:
    """`rule` is one profile's part of `x-evolink-price`, `length` is `x-evolink-length`, `count_field` the request
    field that asks for several results, `count` how many come without it."""

    rule: dict[str, Any]
    length: dict[str, Any]
    count_field: str | None = None
    count: int = 1

    @property
    def billing_rule(self) -> str:
        return str(self.rule["billing_rule"])

    @property
    def minimum_seconds(self) -> float:
        return float(self.rule.get("minimum_seconds", 0))

    @property
    def maximum_seconds(self) -> float | None:
        most = self.rule.get("maximum_seconds")
        return None if most is None else float(most)

    @property
    def counts_seconds(self) -> bool:
        return "credits_per_second" in self.rule or bool(self.rule.get("tokens", {}).get("second"))

    @property
    def media_field(self) -> str | None:
        """The request field whose media tell the length that is billed."""
        field: str | None = self.length.get("field") if self.counts_seconds else None
        return field

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields at the top of a request that it looks at, but for media."""
        named = [self.count_field, self.length.get("seconds_field") if self.counts_seconds else None]
        found = [*(one for one in named if one), *(one["field"] for one in self.rule.get("factors", ()))]
        return tuple(dict.fromkeys(one for one in found if "." not in one and "[" not in one))

    def uc(self, body: dict[str, Any], media_seconds: float | None) -> int:
        """What this request costs in uc, half up, where its media are this long (None: nothing tells)."""
        seconds, images = self._billed(body, media_seconds), self._images(body)
        amount = _rational(self.rule.get("credits")) + _rational(self.rule.get("credits_per_second")) * seconds
        amount += _rational(self.rule.get("credits_per_image")) * images
        amount += _rational(self.rule.get("credits_per_token")) * self._tokens(body, seconds, images)
        for factor in self.rule.get("factors", ()):
            amount *= _factor(factor, body)
        return int(amount * UC_PER_CREDIT + Fraction(1, 2))

    def _billed(self, body: dict[str, Any], media_seconds: float | None) -> Fraction:
        billed = max(self._seconds(body, media_seconds), _rational(self.rule.get("minimum_seconds")))
        if self.maximum_seconds is not None:
            billed = min(billed, _rational(self.maximum_seconds))
        if (step := self.rule.get("seconds_rounded_up_to")) is not None:
            billed = -(-billed // Fraction(step)) * Fraction(step)
        return billed

    def _seconds(self, body: dict[str, Any], media_seconds: float | None) -> Fraction:
        media = _rational(media_seconds) if self.length.get("field") and media_seconds is not None else None
        if media is not None and not self.length.get("together"):
            return media
        said = at(body, str(self.length.get("seconds_field", "")))
        said = self.length.get("read_as", {}).get(str(said).lower(), said)
        number = _number(said)
        asked = number if number is not None and number > 0 else _rational(self.length.get("default_seconds"))
        return asked + (media or 0)

    def _images(self, body: dict[str, Any]) -> int:
        asked = body.get(self.count_field or "")
        return asked if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0 else self.count

    def _tokens(self, body: dict[str, Any], seconds: Fraction, images: int) -> Fraction:
        tokens = self.rule.get("tokens", {})
        amount = _rational(tokens.get("request")) + _rational(tokens.get("second")) * seconds
        amount += _rational(tokens.get("image")) * images
        return amount + _rational(tokens.get("character")) * len(str(body.get("prompt", "")))


def at(body: Any, path: str) -> Any:
    """A value at a dotted path, over an array (`shots[].n`) the first; None where there is none."""
    for name in path.split("."):
        body = body.get(name.removesuffix("[]")) if isinstance(body, dict) else None
        if name.endswith("[]"):
            body = body[0] if isinstance(body, list) and body else None
    return body


def _factor(factor: dict[str, Any], body: dict[str, Any]) -> Fraction:
    value = at(body, factor["field"])
    if "factor" in factor:
        same = value == factor["equals"] and isinstance(value, bool) == isinstance(factor["equals"], bool)
        return _rational(factor["factor"]) if same else Fraction(1)
    number = _number(value)
    return number if number is not None and number > 0 else Fraction(1)


def _number(value: Any) -> Fraction | None:
    """A number, also one written as text ("10", "10s"); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip().lower().removesuffix("s")
    return Fraction(text) if _NUMBER.fullmatch(text) else None


def _rational(value: Any) -> Fraction:
    """A number as a document writes it, exactly; nothing is 0."""
    return Fraction(0) if value is None else Fraction(str(value))
