"""What a request costs, and what of it decides that: its length, its images, its tokens, some of its fields."""

from fractions import Fraction
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec import field as given

from mockserver.contract.document.evidence import Evidence, Told
from mockserver.contract.request import fields

UC_PER_CREDIT = 10_000
LONGEST_S = 86_400
"""A longer length is no length."""
_MOST = 1_000
"""How far a number in a request may multiply a price."""


class Quantities(NamedTuple):
    """What of a request its price depends on. `values` are those of the fields of the factors, in their order."""

    length_ms: int = 0
    images: int = 1
    characters: int = 0
    values: tuple[Any, ...] = ()


class Factor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a price is multiplied by: `factor` where a field has this value, or without both the number in the field.

    `evidence` is that of the price where it is left out.
    """

    field: str
    equals: str | int | float | bool | None = None
    factor: str | None = None
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        if (self.equals is None) != (self.factor is None):
            raise ValueError("a factor has both equals and factor, or neither")
        if self.factor is not None and Fraction(self.factor) < 0:
            raise ValueError("a factor can't be negative")

    def of(self, value: Any) -> Fraction:
        """By how much this value of the field multiplies; 1 where it says nothing."""
        if self.factor is not None:
            return Fraction(self.factor) if fields.same(value, self.equals) else Fraction(1)
        number = fields.number(value)
        return Fraction(1) if number is None or not 0 < number <= _MOST else Fraction(str(number))


class Tokens(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many tokens a request has: in any case, for a second, for an image, for a character of the prompt."""

    request: str = "0"
    second: str = "0"
    image: str = "0"
    character: str = "0"

    def __post_init__(self) -> None:
        if min(map(Fraction, (self.request, self.second, self.image, self.character))) < 0:
            raise ValueError("a number of tokens can't be negative")

    def of(self, asked: Quantities, seconds: Fraction) -> Fraction:
        by_length, by_images = Fraction(self.second) * seconds, Fraction(self.image) * asked.images
        return Fraction(self.request) + by_length + by_images + Fraction(self.character) * asked.characters


class Price(Told, frozen=True, kw_only=True):
    """Credits for the request, and by the billable second, image and token; then what the factors make of the sum.

    Rational numbers are strings such as "7/9".
    """

    billing_rule: str
    credits: str | None = None
    credits_per_second: str | None = None
    credits_per_image: str | None = None
    credits_per_token: str | None = None
    tokens: Tokens | None = None
    factors: tuple[Factor, ...] = ()
    minimum_seconds: float = 0
    maximum_seconds: float | None = None
    seconds_rounded_up_to: str | None = None

    def __post_init__(self) -> None:
        """Unreadable or negative numbers are refused at load, not at the first request."""
        parts = [one for _, one in self.parts if one is not None]
        if not parts:
            names = ", ".join(name for name, _ in self.parts)
            raise ValueError(f"a price has at least one of {names}")
        if min(map(Fraction, parts)) < 0 or min(self.minimum_seconds, self.maximum_seconds or 0) < 0:
            raise ValueError("a price can't be negative")
        if self.maximum_seconds is not None and self.maximum_seconds < self.minimum_seconds:
            raise ValueError("minimum_seconds is more than maximum_seconds")
        if (self.credits_per_token is None) != (self.tokens is None):
            raise ValueError("credits_per_token and tokens go together")
        self.amount_uc(Quantities())

    @property
    def parts(self) -> tuple[tuple[str, str | None], ...]:
        """(key, what it says) of all that is added up."""
        named = ("credits", "credits_per_second", "credits_per_image", "credits_per_token")
        return tuple((name, getattr(self, name)) for name in named)

    @property
    def counts_characters(self) -> bool:
        return self.tokens is not None and Fraction(self.tokens.character) > 0

    def amount_uc(self, asked: Quantities) -> int:
        """What a request costs, rounded half up to 1 uc (1/10,000 credit)."""
        seconds = self.billable_seconds(asked.length_ms)
        amount = Fraction(self.credits or 0) + Fraction(self.credits_per_second or 0) * seconds
        amount += Fraction(self.credits_per_image or 0) * asked.images
        if self.tokens is not None:
            amount += Fraction(self.credits_per_token or 0) * self.tokens.of(asked, seconds)
        for one, value in zip(self.factors, asked.values, strict=False):
            amount *= one.of(value)
        return int(amount * UC_PER_CREDIT + Fraction(1, 2))

    def billable_seconds(self, length_ms: int) -> Fraction:
        """What of a length is billed."""
        seconds = max(Fraction(length_ms, 1000), Fraction(str(self.minimum_seconds)))
        if self.maximum_seconds is not None:
            seconds = min(seconds, Fraction(str(self.maximum_seconds)))
        if self.seconds_rounded_up_to is not None:
            step = Fraction(self.seconds_rounded_up_to)
            seconds = -(-seconds // step) * step
        return seconds


class Length(Told, frozen=True, kw_only=True):
    """What tells the billed length: the media in `field`, else the number in `seconds_field`, else the default.

    `together`: both count, the media in so far as anything tells their length. `read_as` are values of the number
    field that stand for another length.
    """

    field: str | None = None
    seconds_field: str | None = None
    default_seconds: float
    together: bool = False
    read_as: dict[str, float] = given(default_factory=dict)

    def billed_ms(self, asked: Any, media_ms: int | None) -> int:
        """What is billed where the `seconds_field` says this and the media last `media_ms` (None: untold)."""
        return self.shown_ms(asked, media_ms) + (media_ms or 0 if self.together else 0)

    def shown_ms(self, asked: Any, media_ms: int | None) -> int:
        """What the task says of its length: where both count, that of the result alone."""
        if media_ms is not None and not self.together:
            return media_ms
        seconds = self._seconds(asked) if self.seconds_field else None
        return round((self.default_seconds if seconds is None else seconds) * 1000)

    def _seconds(self, value: Any) -> float | None:
        told = self.read_as.get(str(value).lower())
        number = fields.number(value) if told is None else told
        return number if number is not None and 0 < number <= LONGEST_S else None

    def words(self) -> str:
        """What tells the length, in words."""
        number = f"the field {self.seconds_field}" if self.seconds_field else ""
        media = f"what is told of {self.field}" if self.field else ""
        found = [one for one in ((number, media) if self.together else (media, number)) if one]
        odd = "".join(
            f"; {self.seconds_field} {value} counts as {seconds:g} s" for value, seconds in self.read_as.items()
        )
        default = f"{self.default_seconds:g} s{odd}"
        return (" plus " if self.together else ", else ").join(found) + f", else {default}" if found else default
