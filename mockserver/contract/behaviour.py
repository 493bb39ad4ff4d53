"""What a document says in x-evolink-* keys: rules with an evidence mark each, typed and checked at load."""

from enum import StrEnum
from typing import Any, Literal

import msgspec
from msgspec import Struct, structs

from mockserver.contract.document.document import PREFIX, Document
from mockserver.contract.document.evidence import Told
from mockserver.contract.price import Length, Price, Quantities
from mockserver.contract.request import fields, misfit
from mockserver.contract.request.fields import Condition

_MOST_RESULTS = 100


class Profile(StrEnum):
    """How much the server shows: what is promised, or what was recorded as well."""

    DOCUMENTED = "documented"
    OBSERVED = "observed"


class Role(StrEnum):
    """What the server does for an operation."""

    CREATE_TASK = "create_task"
    GET_TASK = "get_task"
    GET_CREDITS = "get_credits"
    CANCEL_TASK = "cancel_task"
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


class Timeline(Told, frozen=True, kw_only=True):
    """What `task_info.estimated_time` says, in seconds."""

    estimated_seconds: int


class Queue(Told, frozen=True, kw_only=True):
    """(least, most) share of its length that a task waits as pending."""

    share: tuple[float, float]


class Results(Told, frozen=True, kw_only=True):
    """What a completed task links to: how many files, which sample stands for them, how long they live.

    `count_field` is a request field that asks for another number of files.
    """

    type: str
    count: int
    count_field: str | None = None
    sample: str
    valid_seconds: int

    def wanted(self, asked: Any) -> int:
        """How many files a valid request asks for, by the value of its `count_field`."""
        if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0:
            return min(asked, _MOST_RESULTS)
        return self.count


class Idempotency(Told, frozen=True, kw_only=True):
    """The header that makes a repeated submission safe, and for how long it is remembered."""

    header: str
    replayed_header: str
    window_seconds: int


class RateLimit(Told, frozen=True, kw_only=True):
    """Accepted requests per model in a window; None: no limit until an account sets one."""

    window_seconds: float
    requests: int | None


class Polling(Told, frozen=True, kw_only=True):
    """The shortest pause that a client is shown to make between two queries of a task, in seconds."""

    seconds: float


class Callback(Told, frozen=True, kw_only=True):
    """How a callback is delivered: delays count from the failure before."""

    timeout_seconds: float
    retry_delays_seconds: tuple[float, ...]
    follow_redirects: Literal[False]


class Extension(Told, frozen=True, kw_only=True, tag_field="rule", tag="extension"):
    """File name endings that a URL may have."""

    field: str
    allowed: tuple[str, ...]


class MaxBytes(Told, frozen=True, kw_only=True, tag_field="rule", tag="max_bytes"):
    """How large a file behind a URL may be."""

    field: str
    bytes: int


class Scheme(Told, frozen=True, kw_only=True, tag_field="rule", tag="scheme"):
    """URL schemes that the server can fetch."""

    field: str
    schemes: tuple[str, ...]


class PublicUrl(Told, frozen=True, kw_only=True, tag_field="rule", tag="public_url"):
    """A URL that the server calls: its scheme, its length, and no internal address."""

    field: str
    schemes: tuple[str, ...]
    maximum_characters: int


class RequiredWhen(Told, frozen=True, kw_only=True, tag_field="rule", tag="required_when"):
    """A field that has to be there where every condition holds."""

    field: str
    when: tuple[Condition, ...]


class AtLeastOneOf(Told, frozen=True, kw_only=True, tag_field="rule", tag="at_least_one_of"):
    """One of these fields has to be there, where every condition holds."""

    fields: tuple[str, ...]
    when: tuple[Condition, ...] = ()


class MutuallyExclusive(Told, frozen=True, kw_only=True, tag_field="rule", tag="mutually_exclusive"):
    """At most one of these fields may be there."""

    fields: tuple[str, ...]


class TotalCount(Told, frozen=True, kw_only=True, tag_field="rule", tag="total_count"):
    """How many items the arrays in these fields may have together, where every condition holds."""

    fields: tuple[str, ...]
    minimum: int = 0
    maximum: int | None = None
    when: tuple[Condition, ...] = ()


class TotalSeconds(Told, frozen=True, kw_only=True, tag_field="rule", tag="total_seconds"):
    """What the numbers in these fields (`shots[].duration`) add up to: within bounds, or equal to a field."""

    field: str
    minimum: float = 0
    maximum: float | None = None
    equals_field: str | None = None
    when: tuple[Condition, ...] = ()


class MinLength(Told, frozen=True, kw_only=True, tag_field="rule", tag="min_length"):
    """A text that may not be empty, or shorter than this, where every condition holds."""

    field: str
    characters: int = 1
    when: tuple[Condition, ...] = ()


UrlRule = Extension | MaxBytes | Scheme | PublicUrl
FieldRule = RequiredWhen | AtLeastOneOf | MutuallyExclusive | TotalCount | TotalSeconds | MinLength
Rule = UrlRule | FieldRule


class Failure(Told, frozen=True, kw_only=True):
    """How a failed task says why, and what its owner can do about it."""

    advice: Literal["change", "retry", "other"]
    message: str


class GeneralRefusal(Told, frozen=True, kw_only=True):
    """An answer that belongs to no operation."""

    status: int
    body: dict[str, Any]
    message: str | None = None


class RequestId(Told, frozen=True, kw_only=True):
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

    _looked_at: dict[Profile, tuple[str, ...]] = {}
    """The fields of a request that decide its price, told once: every request is looked at."""

    def __post_init__(self) -> None:
        always = (self.length.seconds_field or "", self.results.count_field or "")
        looked_at = {
            profile: (*always, *(one.field for one in price.factors)) for profile, price in self.prices.items()
        }
        structs.force_setattr(self, "_looked_at", looked_at)

    def values(self, profile: Profile, body: dict[str, Any]) -> tuple[Any, ...]:
        """What a valid request says of its length, of how many results it wants, and of each factor of its price."""
        return tuple([fields.scalar(body, path) for path in self._looked_at[profile]])

    def characters(self, profile: Profile, body: dict[str, Any]) -> int:
        """How long its prompt is, where that is counted."""
        return len(str(body.get("prompt", ""))) if self.prices[profile].counts_characters else 0

    def quantities(self, values: tuple[Any, ...], characters: int = 0, media_ms: int | None = None) -> Quantities:
        """What the price of a request depends on, by its `values`, where its media last `media_ms` (None: untold)."""
        seconds, count, *factors = values
        length_ms, images = self.length.billed_ms(seconds, media_ms), self.results.wanted(count)
        return Quantities(length_ms, images, characters, tuple(factors))


def read(document: Document, node: dict[str, Any], key: str, kind: Any, place: str) -> Any:
    """The rule under x-evolink-`key`, typed. Raises DocumentError where it is absent or means nothing."""
    name = PREFIX + key
    if name not in node:
        raise document.error(place, f"{name} is missing")
    try:
        return msgspec.convert(node[name], kind)
    except (msgspec.ValidationError, ValueError, ZeroDivisionError) as error:
        raise document.error(f"{place}/{name}", misfit.words(error, node[name], kind)) from error


def prices(document: Document, operation: dict[str, Any], place: str) -> dict[Profile, Price]:
    """The price of each profile; one that is not named has the other's."""
    written, known = operation.get(f"{PREFIX}price"), ", ".join(Profile)
    odd = [one for one in written if one not in list(Profile)] if isinstance(written, dict) else []
    if odd:
        raise document.error(
            f"{place}/{PREFIX}price", f"received {odd[0]}; allowed: a price by its profile ({known})"
        )
    told: dict[Profile, Price] = read(document, operation, "price", dict[Profile, Price], place)
    if not told:
        raise document.error(f"{place}/{PREFIX}price", f"names no profile; known are {known}")
    return {one: told.get(one, next(iter(told.values()))) for one in Profile}


def task_behaviour(document: Document, operation: dict[str, Any], place: str) -> TaskBehaviour:
    """The behaviour of a creating operation and of its callback."""
    return TaskBehaviour(
        timeline=read(document, operation, "timeline", Timeline, place),
        queue=read(document, operation, "queue", Queue, place),
        prices=prices(document, operation, place),
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
