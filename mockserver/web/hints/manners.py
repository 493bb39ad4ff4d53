"""Hints about how a client asks again: how soon, and how long."""

from email.utils import parsedate_to_datetime

from mockserver.simulation.task import Task
from mockserver.web.hints.exchanged import Exchanged, Memory
from mockserver.web.hints.hint import Found, Kind

RETRIABLE = frozenset({429, 502, 503})
_WAIT_CAP_MS = 30_000
"""The provider's own clients wait no longer than this, whatever they are told."""
_SLACK = 0.95
_FAR_FASTER = 3
"""Polls that come in less than this part of the documented pause are far too fast."""
_QUICK_IN_A_ROW = 3
_ENDS_ALLOWED = 3
"""How often the end of a task may be read: by the poll that sees it, by whoever was called back, by a page."""


def polling_after_end(seen: Exchanged, memory: Memory) -> Found | None:
    """Queries on and on after the end of a task."""
    task = _asked_for(seen)
    if task is None or not task.ended:
        return None
    polls, _ = memory.polled(task.id, seen.moment())
    polls.ended += 1
    if polls.ended <= _ENDS_ALLOWED:
        return None
    told = f"{task.id} has ended, and its end was read {polls.ended} times"
    return Kind.POLLING_AFTER_END, f"{told}; completed and failed are final: stop asking"


def fast_polling(seen: Exchanged, memory: Memory) -> Found | None:
    """Queries of one task far faster than the documentation. Nobody can be too fast on a clock that others move."""
    task, matter = _asked_for(seen), seen.matter
    if task is None or task.ended or matter is None or not matter.call.resident.agenda.clock.runs:
        return None
    polls, before = memory.polled(task.id, moment := seen.moment())
    pause = matter.operation.polling
    if before is None or pause is None:
        return None
    gap_ms = moment.since_ms(before)
    polls.quick = polls.quick + 1 if gap_ms * _FAR_FASTER < pause.seconds * 1000 else 0
    if polls.quick < _QUICK_IN_A_ROW:
        return None
    told = f"one task is asked for every {gap_ms / 1000:.2g} s; the documentation's examples wait {pause.seconds:g} s"
    return Kind.FAST_POLLING, f"{told} or longer, and the live API has rate limits"


def ignored_retry_after(seen: Exchanged, memory: Memory) -> Found | None:
    """The same request again, before the time was up that its refusal asked for."""
    if seen.matter is None or not seen.matter.call.resident.agenda.clock.runs:
        return None
    memory.waited(moment := seen.moment())
    if not memory.waits and seen.answer.status not in RETRIABLE:
        return None
    request = (seen.method, seen.path, hash(seen.body))
    asked = memory.waits.pop(request, None)
    wait_ms = _wait_ms(seen) if seen.answer.status in RETRIABLE else None
    if wait_ms is not None:
        memory.told_to_wait(request, moment, wait_ms)
    if asked is None or (passed_ms := moment.since_ms(asked[0])) >= asked[1] * _SLACK:
        return None
    told = f"the same request came again after {passed_ms / 1000:.2g} s, though Retry-After asked for"
    return Kind.IGNORED_RETRY_AFTER, f"{told} {asked[1] / 1000:.3g} s; wait that long, then try again"


def _asked_for(seen: Exchanged) -> Task | None:
    """The task that an answer tells of."""
    if seen.matter is None or seen.answer.task_id is None:
        return None
    return seen.matter.call.resident.world.tasks.get(seen.answer.task_id)


def _wait_ms(seen: Exchanged) -> float | None:
    """How long a refusal asks to wait: seconds or a date (RFC 9110, 10.2.3); None where it says nothing usable."""
    value = next((value for name, value in seen.answer.headers if name == b"retry-after"), b"").decode("latin-1")
    if value.isascii() and value.isdecimal():
        return min(float(value[:9]) * 1000, _WAIT_CAP_MS)
    try:
        until_ms = parsedate_to_datetime(value).timestamp() * 1000
    except (ValueError, OverflowError, OSError):
        return None
    return max(0.0, min(until_ms - seen.moment().at_ms, _WAIT_CAP_MS))
