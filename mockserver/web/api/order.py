"""From a valid request to the terms of its task: how long it takes, what it costs, what it yields."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from mockserver.contract.behaviour import Profile, TaskBehaviour
from mockserver.contract.operation import Operation
from mockserver.simulation.scenario import Media
from mockserver.simulation.task import Terms
from mockserver.web.api.script import media_facts


class Pace(Struct, frozen=True, kw_only=True):
    """How long a task takes: this many seconds, or (None) as long as the document estimates."""

    task_seconds: float | None = 5.0

    def work_ms(self, behaviour: TaskBehaviour) -> int:
        seconds = behaviour.timeline.estimated_seconds if self.task_seconds is None else self.task_seconds
        return round(seconds * 1000)


MediaTable = dict[str, Media]
"""What scenarios say of media, by URL."""


def media_of(url: str, table: MediaTable) -> Media:
    """What lies behind a URL: its trigger words first, then the scenarios. Nothing is fetched."""
    told = media_facts(url)
    listed = table.get(url)
    if listed is None:
        return told
    return Media(
        length_ms=listed.length_ms if told.length_ms is None else told.length_ms,
        bytes=listed.bytes if told.bytes is None else told.bytes,
    )


class Asked(NamedTuple):
    """What of a request its terms depend on; equal requests share one set of terms."""

    model: str
    media_ms: int | None
    characters: int
    values: tuple[Any, ...]


def plain(behaviour: TaskBehaviour, profile: Profile) -> bool:
    """Whether nothing in a request but its model and its media decides the terms."""
    price = behaviour.prices[profile]
    asks = (behaviour.length.seconds_field, behaviour.results.count_field, price.counts_characters, *price.factors)
    return not any(asks)


def asked(behaviour: TaskBehaviour, profile: Profile, body: dict[str, Any], table: MediaTable | None) -> Asked:
    """Read it off a valid request."""
    media_ms, characters = _media_ms(behaviour, body, table), behaviour.characters(profile, body)
    return Asked(body["model"], media_ms, characters, behaviour.values(profile, body))


def terms_of(operation: Operation, request: Asked, profile: Profile, pace: Pace) -> Terms:
    """The terms of a task."""
    behaviour = operation.task_behaviour
    price, callback, results = behaviour.prices[profile], behaviour.callback, behaviour.results
    quantities = behaviour.quantities(request.values, request.characters, request.media_ms)
    return Terms(
        model=request.model,
        object=operation.task_object,
        type=results.type,
        estimated_s=behaviour.timeline.estimated_seconds,
        work_ms=pace.work_ms(behaviour),
        queue_share=behaviour.queue.share,
        reserve_uc=price.amount_uc(quantities),
        billing_rule=price.billing_rule,
        length_ms=behaviour.length.shown_ms(request.values[0], request.media_ms),
        results=quantities.images,
        sample=results.sample,
        link_valid_ms=results.valid_seconds * 1000,
        retry_delays_ms=tuple(round(delay * 1000) for delay in callback.retry_delays_seconds),
        callback_timeout_ms=round(callback.timeout_seconds * 1000),
        can_cancel=operation.can_cancel,
        cancelled_as=operation.cancelled_as,
    )


def _media_ms(behaviour: TaskBehaviour, body: dict[str, Any], table: MediaTable | None) -> int | None:
    """How long the billed media of a request last; None where nothing tells it."""
    if behaviour.length.field is None or table is None:
        return None
    lengths = [media_of(url, table).length_ms for url in urls_of(body, behaviour.length.field)]
    told = [one for one in lengths if one is not None]
    return sum(told) if told else None


def urls_of(body: dict[str, Any], *names: str) -> Iterator[str]:
    """The URLs in these fields, single or listed."""
    for name in names:
        value = body.get(name)
        yield from (url for url in (value if isinstance(value, list) else [value]) if isinstance(url, str))
