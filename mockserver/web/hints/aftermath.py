"""Hints about what happens without a request: results that nobody fetches, callbacks that nobody answers."""

from mockserver.simulation.callback import Delivery, DeliveryState
from mockserver.simulation.task import Task
from mockserver.web.hints.hint import Found, Kind

_LAST_PART = 10
"""A link is about to expire in the last tenth of its life."""
_SHORTEST_MS = 10_000
"""Links that live shorter were made to fail."""


def unfetched_result(task: Task, now_ms: int) -> Found | None:
    """A result link that is about to expire (or did) before anybody fetched it."""
    until_ms = task.links_valid_until_ms()
    if until_ms is None or task.ended_ms is None or until_ms - task.ended_ms < _SHORTEST_MS:
        return None
    left_ms = until_ms - now_ms
    if left_ms * _LAST_PART > until_ms - task.ended_ms:
        return None
    when = f"expires in {_lasts(left_ms)}" if left_ms > 0 else "has expired"
    told = f"the result of {task.id} {when} and nobody has fetched it; links live for"
    return Kind.UNFETCHED_RESULT, f"{told} {_lasts(until_ms - task.ended_ms)}: save what they lead to"


def unanswered_callback(delivery: Delivery) -> Found | None:
    """A callback that was given up."""
    if delivery.state is not DeliveryState.GIVEN_UP or not delivery.attempts:
        return None
    last = delivery.attempts[-1]
    answer = f"answered {last.status}" if last.status is not None else last.error or "no answer"
    told = f"nobody answered the callback of {delivery.task_id} with 2xx in {len(delivery.attempts)} attempts"
    again = f"once the receiver runs, POST /_mock/callbacks/{delivery.id}/replay sends it again"
    return Kind.UNANSWERED_CALLBACK, f"{told} (last: {answer}); {again}"


def _lasts(span_ms: int) -> str:
    """A span in words."""
    seconds = span_ms / 1000
    for length, unit in ((3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"
