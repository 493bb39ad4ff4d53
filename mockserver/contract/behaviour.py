"""What a document says in x-evolink-* keys: rules with an evidence mark each, typed and checked at load."""

from enum import StrEnum
from fractions import Fraction
from typing import Any, Literal

import msgspec
from msgspec import Struct

from mockserver.contract.document import PREFIX, Document

UC_PER_CREDIT = 10_000


class Evidence(StrEnum):
    """How surely something is known (facts, the table of marks)."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"
    VENDOR = "vendor"
    ASSUMED = "assumed"


class Profile(StrEnum):
    """How much the server shows: what is promised, or what was recorded as well."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"


class Role(StrEnum):
    """What the server does for an operation."""

    CREATE_TASK = "create_task"
    GET_TASK = "get_task"
    GET_CREDITS = "get_credits"
    LIST_TASKS = "list_tasks"
    GET_TASKS = "get_tasks"
    LIST_MODELS = "list_models"
    UPLOAD_BASE64 = "upload_base64"
    UPLOAD_STREAM = "upload_stream"
    UPLOAD_URL = "upload_url"
    GET_FILES_QUOTA = "get_files_quota"
    LIST_FILES = "list_files"
    DELETE_FILE = "delete_file"


UPLOADS = frozenset({Role.UPLOAD_BASE64, Role.UPLOAD_STREAM, Role.UPLOAD_URL})
"""The roles whose requests carry a file, or lead to one."""
FILE_ROLES = UPLOADS | {Role.GET_FILES_QUOTA, Role.LIST_FILES, Role.DELETE_FILE}
"""The roles of the files API."""


class _Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    evidence: Evidence
    note: str = ""


class Timeline(_Rule, frozen=True, kw_only=True):
    """What `task_info.estimated_time` says, in seconds."""

    estimated_seconds: int


class Queue(_Rule, frozen=True, kw_only=True):
    """(least, most) share of its length that a task waits as pending."""

    share: tuple[float, float]


class Factor(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a price is multiplied by where a request field has this value."""

    field: str
    equals: str | int | bool
    factor: str


class Price(_Rule, frozen=True, kw_only=True):
    """Credits by the billable second, or for the call; rational numbers are strings such as "7/9"."""

    billing_rule: str
    credits_per_second: str | None = None
    credits: str | None = None
    factors: tuple[Factor, ...] = ()
    minimum_seconds: float = 0
    maximum_seconds: float | None = None
    seconds_rounded_up_to: str | None = None

    def __post_init__(self) -> None:
        """Unreadable or negative numbers are refused at load, not at the first request."""
        if (self.credits is None) == (self.credits_per_second is None):
            raise ValueError("a price has either credits or credits_per_second")
        if self.amount_uc(0) < 0 or any(Fraction(one.factor) < 0 for one in self.factors):
            raise ValueError("a price can't be negative")

    def amount_uc(self, length_ms: int, values: tuple[Any, ...] = ()) -> int:
        """What a request costs whose media last this long, rounded half up to 1 uc (1/10,000 credit).

        `values` are those of the fields that the factors look at, in their order.
        """
        if self.credits_per_second is None:
            amount = Fraction(self.credits or 0)
        else:
            amount = Fraction(self.credits_per_second) * self._billable_seconds(length_ms)
        for one, value in zip(self.factors, values, strict=False):
            if value == one.equals:
                amount *= Fraction(one.factor)
        return int(amount * UC_PER_CREDIT + Fraction(1, 2))

    def _billable_seconds(self, length_ms: int) -> Fraction:
        seconds = max(Fraction(length_ms, 1000), Fraction(str(self.minimum_seconds)))
        if self.maximum_seconds is not None:
            seconds = min(seconds, Fraction(str(self.maximum_seconds)))
        if self.seconds_rounded_up_to is not None:
            step = Fraction(self.seconds_rounded_up_to)
            seconds = -(-seconds // step) * step
        return seconds


class Length(_Rule, frozen=True, kw_only=True):
    """What tells the billed length: the media in `field`, else the number in `seconds_field`, else the default."""

    field: str | None = None
    seconds_field: str | None = None
    default_seconds: float


class Results(_Rule, frozen=True, kw_only=True):
    """What a completed task links to: how many files, which sample stands for them, how long they live.

    `count_field` is a request field that asks for another number of files.
    """

    type: str
    count: int
    count_field: str | None = None
    sample: str
    valid_seconds: int


class Idempotency(_Rule, frozen=True, kw_only=True):
    """The header that makes a repeated submission safe, and for how long it is remembered."""

    header: str
    replayed_header: str
    window_seconds: int


class RateLimit(_Rule, frozen=True, kw_only=True):
    """Accepted requests per model in a window; None: no limit until an account sets one."""

    window_seconds: float
    requests: int | None


class Callback(_Rule, frozen=True, kw_only=True):
    """How a callback is delivered: delays count from the failure before."""

    timeout_seconds: float
    retry_delays_seconds: tuple[float, ...]
    follow_redirects: Literal[False]


class Extension(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="extension"):
    """File name endings that a URL may have."""

    field: str
    allowed: tuple[str, ...]


class MaxBytes(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="max_bytes"):
    """How large a file behind a URL may be."""

    field: str
    bytes: int


class Scheme(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="scheme"):
    """URL schemes that the server can fetch."""

    field: str
    schemes: tuple[str, ...]


class PublicUrl(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="public_url"):
    """A URL that the server calls: its scheme, its length, and no internal address."""

    field: str
    schemes: tuple[str, ...]
    maximum_characters: int


class Condition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request in which the field (a dotted path) has this value, or is there at all."""

    field: str
    equals: str | int | bool | None = None


class RequiredWhen(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="required_when"):
    """A field that has to be there where every condition holds."""

    field: str
    when: tuple[Condition, ...]


class AtLeastOneOf(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="at_least_one_of"):
    """One of these fields has to be there, where every condition holds."""

    fields: tuple[str, ...]
    when: tuple[Condition, ...] = ()


class MutuallyExclusive(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="mutually_exclusive"):
    """At most one of these fields may be there."""

    fields: tuple[str, ...]


class TotalCount(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="total_count"):
    """How many items the arrays in these fields may have together, where every condition holds."""

    fields: tuple[str, ...]
    minimum: int = 0
    maximum: int | None = None
    when: tuple[Condition, ...] = ()


class TotalSeconds(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="total_seconds"):
    """What the numbers in these fields (`shots[].duration`) add up to: within bounds, or equal to a field."""

    field: str
    minimum: float = 0
    maximum: float | None = None
    equals_field: str | None = None
    when: tuple[Condition, ...] = ()


class MinLength(_Rule, frozen=True, kw_only=True, tag_field="rule", tag="min_length"):
    """A text that may not be empty, or shorter than this, where every condition holds."""

    field: str
    characters: int = 1
    when: tuple[Condition, ...] = ()


UrlRule = Extension | MaxBytes | Scheme | PublicUrl
FieldRule = RequiredWhen | AtLeastOneOf | MutuallyExclusive | TotalCount | TotalSeconds | MinLength
Rule = UrlRule | FieldRule


class Failure(_Rule, frozen=True, kw_only=True):
    """How a failed task says why, and what its owner can do about it."""

    advice: Literal["change", "retry", "other"]
    message: str


class GeneralRefusal(_Rule, frozen=True, kw_only=True):
    """An answer that belongs to no operation."""

    status: int
    body: dict[str, Any]
    message: str | None = None


class RequestId(_Rule, frozen=True, kw_only=True):
    """The header that names a request in its answer, and the profile that has it."""

    profile: Profile
    header: str


class TaskBehaviour(Struct, frozen=True, kw_only=True):
    """All that decides how a submitted task runs and what it costs."""

    timeline: Timeline
    queue: Queue
    prices: dict[Profile, Price]
    length: Length
    results: Results
    idempotency: Idempotency
    rate_limit: RateLimit
    rules: tuple[Rule, ...]
    callback: Callback


def read(document: Document, node: dict[str, Any], key: str, kind: Any, place: str) -> Any:
    """The rule under x-evolink-`key`, typed. Raises DocumentError where it is absent or means nothing."""
    name = PREFIX + key
    if name not in node:
        raise document.error(place, f"{name} is missing")
    try:
        return msgspec.convert(node[name], kind)
    except (msgspec.ValidationError, ValueError, ZeroDivisionError) as error:
        raise document.error(f"{place}/{name}", str(error)) from error


def task_behaviour(document: Document, operation: dict[str, Any], place: str) -> TaskBehaviour:
    """The behaviour of a creating operation and of its callback."""
    return TaskBehaviour(
        timeline=read(document, operation, "timeline", Timeline, place),
        queue=read(document, operation, "queue", Queue, place),
        prices=read(document, operation, "price", dict[Profile, Price], place),
        length=read(document, operation, "length", Length, place),
        results=read(document, operation, "results", Results, place),
        idempotency=read(document, operation, "idempotency", Idempotency, place),
        rate_limit=read(document, operation, "rate-limit", RateLimit, place),
        rules=read(document, operation, "rules", tuple[Rule, ...], place),
        callback=_callback(document, operation, place),
    )


def _callback(document: Document, operation: dict[str, Any], place: str) -> Callback:
    for name, expressions in operation.get("callbacks", {}).items():
        for item in expressions.values():
            where = f"{place}/callbacks/{name}"
            callback: Callback = read(document, item.get("post", {}), "callback", Callback, where)
            return callback
    raise document.error(place, "callbacks are missing")
