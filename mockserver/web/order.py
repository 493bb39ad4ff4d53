"""From a valid request to the terms of its task: how long it takes, what it costs, what it yields."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mockserver.contract.behaviour import Profile, TaskBehaviour
from mockserver.contract.operation import Operation
from mockserver.simulation.scenario import Media
from mockserver.simulation.task import Terms
from mockserver.web.script import media_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a task takes: this many seconds, or (None) as long as the document estimates."""

    task_seconds: float | None = 5.0

    def work_ms(self, behaviour: TaskBehaviour) -> int:
        seconds = behaviour.timeline.estimated_seconds if self.task_seconds is None else self.task_seconds
        return round(seconds * 1000)


MediaTable = dict[str, Media]
"""What scenarios say of media, by URL."""


def media_of(url: str, table: MediaTable) -> Media:
    """What lies behind a URL: its trigger words first, then the scenarios. Nothing is fetched."""
    told, listed = media_facts(url), table.get(url, Media())
    return Media(
        length_ms=listed.length_ms if told.length_ms is None else told.length_ms,
        bytes=listed.bytes if told.bytes is None else told.bytes,
    )


def terms_of(operation: Operation, model: str, length: int, profile: Profile, pace: Pace) -> Terms:
    """The terms of a task whose billed media last `length` ms."""
    behaviour = operation.task_behaviour
    price = behaviour.prices[profile]
    callback = behaviour.callback
    return Terms(
        model=model,
        object=operation.fixed("object"),
        type=behaviour.results.type,
        estimated_s=behaviour.timeline.estimated_seconds,
        work_ms=pace.work_ms(behaviour),
        queue_share=behaviour.queue.share,
        reserve_uc=price.amount_uc(length),
        billing_rule=price.billing_rule,
        length_ms=length,
        results=behaviour.results.count,
        sample=behaviour.results.sample,
        link_valid_ms=behaviour.results.valid_seconds * 1000,
        retry_delays_ms=tuple(round(delay * 1000) for delay in callback.retry_delays_seconds),
        callback_timeout_ms=round(callback.timeout_seconds * 1000),
    )


def length_ms(behaviour: TaskBehaviour, body: dict[str, Any], table: MediaTable) -> int:
    """How long the billed media of a request last, in ms."""
    lengths = [media_of(url, table).length_ms for url in urls_of(body, behaviour.length.field)]
    told = [length for length in lengths if length is not None]
    return sum(told) if told else round(behaviour.length.default_seconds * 1000)


def urls_of(body: dict[str, Any], *fields: str) -> Iterator[str]:
    """The URLs in these fields, single or listed."""
    for field in fields:
        value = body.get(field)
        yield from (url for url in (value if isinstance(value, list) else [value]) if isinstance(url, str))
