"""What is to be printed, kept until whoever prints comes for it. Nothing is done here but to keep or to count it."""

import threading
from collections import deque
from typing import Any, NamedTuple

from mockserver.log import MovedError
from mockserver.runtime.clock import unix_ms
from mockserver.runtime.node import Listener
from mockserver.runtime.resident import NotHereError
from mockserver.runtime.worlds import Worlds
from mockserver.simulation.event import Fired, Happening
from mockserver.simulation.task import Task
from mockserver.simulation.world import World
from mockserver.web.hints.hint import Hint
from mockserver.web.journal import Entry, readable

LINES_A_SECOND = 50
"""So many requests are told in a second, and as many ends of tasks and attempts of callbacks; the rest is counted."""
_HINTS_LIMIT = 100
"""Hints that may wait, beside all that: there never are many, and each is said once."""
Record = dict[str, Any]
_ENDINGS = frozenset({Happening.TASK_COMPLETED, Happening.TASK_FAILED, Happening.TASK_CANCELLED})
_TOLD = _ENDINGS | {Happening.CALLBACK_DELIVERED, Happening.CALLBACK_FAILED}
"""Which events are told: the ends of tasks, and how the attempts of callbacks ended."""


class Missed(NamedTuple):
    """How much was counted instead of kept, since the start; `is_deaf`: what happened then was not even counted."""

    requests: int = 0
    refused: int = 0
    events: int = 0
    is_deaf: bool = False

    def since(self, before: "Missed") -> "Missed":
        requests, refused = self.requests - before.requests, self.refused - before.refused
        return Missed(requests, refused, self.events - before.events, self.is_deaf)


class Feed:
    """Filled on the server's loop, emptied by a thread: `arrived` tells it that there is something.

    A request costs one call and an append. What an event was about is looked up at once, for the world moves on. In a
    flood nobody listens for events until the second is over: worlds that nobody listens to need not tell any.
    """

    def __init__(self, worlds: Worlds, listeners: list[Listener]) -> None:
        self.arrived = threading.Event()
        self._worlds, self._listeners = worlds, listeners
        self._kept: deque[Entry | Record] = deque()
        self._requests_left = self._events_left = LINES_A_SECOND
        self._requests = self._refused = self._events = 0
        self._is_deaf = self._is_closed = False

    # --- on the loop

    def listen(self) -> None:
        """Hear of events, from now on or again."""
        if not self._is_closed and self.event not in self._listeners:
            self._listeners.append(self.event)

    def close(self) -> None:
        """Hear of no more events."""
        self._is_closed = True
        self._leave()

    def request(self, entry: Entry) -> None:
        """A request and its answer, as the journal has it."""
        if self._requests_left > 0:
            self._requests_left -= 1
            self._keep(entry)
        else:
            self._requests += 1
            self._refused += entry.status >= 400

    def control(self, method: str, path: str, status: int, body: bytes) -> None:
        """A call of the control API, with the beginning of its answer."""
        if self._requests_left > 0:
            self._requests_left -= 1
            told = {"method": method, "path": path, "status": status, "answer": readable(body)}
            self._keep({"type": "control", "real_ms": unix_ms(), **told})
        else:
            self._requests += 1
            self._refused += status >= 400

    def event(self, tenant: str, event: Fired) -> None:
        """Whatever the node tells: of it the ends of tasks and the attempts of callbacks."""
        if event.type not in _TOLD:
            return
        if self._events_left > 0:
            self._events_left -= 1
            self._keep(self._happened(tenant, event))
        else:
            self._events += 1
            self._is_deaf = True
            self._leave()

    def hint(self, hint: Hint) -> None:
        if len(self._kept) < 2 * LINES_A_SECOND + _HINTS_LIMIT:
            record = _at(hint.tenant or "", hint)
            self._keep({**record, "kind": hint.kind, "text": hint.text, "task_id": hint.task_id})

    # --- on the thread that prints

    @property
    def missed(self) -> Missed:
        return Missed(self._requests, self._refused, self._events, self._is_deaf)

    @property
    def is_empty(self) -> bool:
        return not self._kept

    def take(self) -> Entry | Record | None:
        """The oldest that is kept; None where nothing is."""
        return self._kept.popleft() if self._kept else None

    def renew(self) -> None:
        """Another second begins; on the loop, `listen` follows."""
        self._requests_left = self._events_left = LINES_A_SECOND
        self._is_deaf = False

    # --- steps on the way

    def _leave(self) -> None:
        if self.event in self._listeners:
            self._listeners.remove(self.event)

    def _keep(self, item: Entry | Record) -> None:
        self._kept.append(item)
        if len(self._kept) == 1:
            self.arrived.set()

    def _happened(self, tenant: str, event: Fired) -> Record:
        try:
            world = self._worlds.here(tenant).world
        except (NotHereError, MovedError):
            world = None
        record = {**_at(tenant, event), "task_id": event.task_id}
        if event.type in _ENDINGS:
            return {**record, **_end(world, event)}
        return {**record, **_attempt(world, event)}


def _at(tenant: str, event: Fired | Hint) -> Record:
    return {"real_ms": unix_ms(), "at_ms": event.at_ms, "type": str(event.type), "tenant": tenant}


def _end(world: World | None, event: Fired) -> Record:
    task = None if world is None else world.tasks.get(event.task_id or "")
    if task is None:
        return {"error": event.error}
    charged_uc = task.terms.reserve_uc if event.type is Happening.TASK_COMPLETED else 0
    return {
        "error": event.error,
        "model": task.terms.model,
        "took_ms": event.at_ms - task.submitted_ms,
        "charged_uc": charged_uc,
        "released_uc": task.terms.reserve_uc - charged_uc,
        "callback": _callback(task),
    }


def _callback(task: Task) -> str | None:
    """What will come of it where that is not an attempt at once."""
    if task.callback_url is None:
        return "no callback_url"
    asked = task.effect.callback if task.effect else None
    if asked is None or (asked.copies == 1 and not asked.delay_ms):
        return None
    if not asked.copies:
        return "no callback, as was asked"
    return f"callback in {asked.delay_ms / 1000:g} s, {asked.copies} times"


def _attempt(world: World | None, event: Fired) -> Record:
    delivery = None if world is None else world.deliveries.get(event.delivery_id or "")
    return {
        "delivery_id": event.delivery_id,
        "attempt": event.attempt,
        "url": None if delivery is None else delivery.url,
        "status": event.status,
        "error": event.error,
        "retry_ms": None if event.retry_at_ms is None else event.retry_at_ms - event.at_ms,
    }
