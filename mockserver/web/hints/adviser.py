"""Asks every rule about every exchange, and says what they find: once for each kind (or unknown field) and key."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from msgspec import structs

from mockserver.contract.behaviour import Role
from mockserver.contract.document.line import harmless
from mockserver.log import LogError, MovedError
from mockserver.runtime.delivery.courier import Receipt
from mockserver.runtime.resident import NotHereError, Resident
from mockserver.runtime.worlds import Worlds
from mockserver.web.api.identity import Headers
from mockserver.web.hints.aftermath import unanswered_callback, unfetched_result
from mockserver.web.hints.exchanged import Exchanged, Memory
from mockserver.web.hints.hint import HEADER, Found, Hint, Kind, in_a_header
from mockserver.web.hints.manners import RETRIABLE, fast_polling, ignored_retry_after, polling_after_end
from mockserver.web.hints.submissions import (
    key_handed_on,
    key_in_url,
    local_callback,
    repeated_submission,
    result_awaited,
    unknown_field,
    unmounted_model,
)
from mockserver.web.http.exchange import Answer

logger = logging.getLogger("mockserver")
GIVEN_LIMIT = 1_000
"""Hints that are kept."""
_WAITING_LIMIT = 1_000
"""Keys whose next answer has something to carry."""
_LOOK_S = 5.0
_KEYS_A_LOOK = 20

Rule = Callable[[Exchanged, Memory], Found | None]
Rules = tuple[tuple[Kind, Rule], ...]
_OF_ROLE: dict[Role, Rules] = {
    Role.CREATE_TASK: (
        (Kind.UNKNOWN_FIELD, unknown_field),
        (Kind.REPEATED_SUBMISSION, repeated_submission),
        (Kind.KEY_IN_URL, key_handed_on),
        (Kind.UNFETCHED_RESULT, result_awaited),
    ),
    Role.GET_TASK: ((Kind.POLLING_AFTER_END, polling_after_end), (Kind.FAST_POLLING, fast_polling)),
}
_OF_REFUSED: Rules = (
    (Kind.UNKNOWN_FIELD, unknown_field),
    (Kind.LOCAL_CALLBACK, local_callback),
    (Kind.UNMOUNTED_MODEL, unmounted_model),
)
"""Which rules look at what, for whom they have found nothing so far."""


def _rules(seen: Exchanged, memory: Memory) -> Rules:
    """Those that could find something: most exchanges have no query and no wait to keep to."""
    matter, status = seen.matter, seen.answer.status
    rules = _OF_REFUSED if matter is None or status >= 400 else _OF_ROLE.get(matter.operation.role, ())
    if seen.query:
        rules = (*rules, (Kind.KEY_IN_URL, key_in_url))
    if memory.waits or status in RETRIABLE:
        rules = (*rules, (Kind.IGNORED_RETRY_AFTER, ignored_retry_after))
    return rules


class Adviser:
    """Remembers a little of each key. What an answer can carry goes with it; what comes up later waits for the next
    answer to that key."""

    def __init__(self, worlds: Worlds, keys_limit: int) -> None:
        self._worlds, self._limit = worlds, keys_limit
        self.listeners: list[Callable[[Hint], None]] = []
        self._memories: dict[str | None, Memory] = {}
        self._given: deque[Hint] = deque(maxlen=GIVEN_LIMIT)
        self._waiting: dict[str | None, list[Hint]] = {}
        self._turn: deque[str | None] = deque()
        self._timer: asyncio.TimerHandle | None = None

    # --- exchanges

    def look(
        self, method: str, path: str, query: bytes, headers: Headers, body: bytes, now_ms: float, answer: Answer
    ) -> None:
        """Put what there is to say of an exchange on its answer. A rule that fails is told of in the log alone."""
        memory = self._memories.get(answer.tenant) or self._remember(answer.tenant)
        seen = Exchanged(method, path, query, headers, body, now_ms, answer, answer.matter)
        try:
            for kind, rule in _rules(seen, memory):
                if kind not in memory.told and (found := rule(seen, memory)) is not None:
                    hint = self._hint(memory, found, answer.tenant, answer.at_ms, answer.task_id)
                    answer.hints = (*answer.hints, hint)
        except Exception:
            logger.exception("%s %s: no hint, for a rule of them is broken", method, path)
        if answer.hints or answer.tenant in self._waiting:
            self._carry(answer)

    def publish(self, answer: Answer, request: int) -> None:
        """Tell everybody what an answer carries, once it leaves."""
        for hint in answer.hints:
            self._tell(structs.replace(hint, request=request))

    def _carry(self, answer: Answer) -> None:
        """Also what waited for an answer to this key."""
        carried = (*answer.hints, *self.waiting(answer.tenant))
        answer.headers.append((HEADER, in_a_header(carried)))

    # --- what comes without a request

    def reported(self, receipt: Receipt, _: LogError | None) -> None:
        """An attempt of a callback came back, and its world knows."""
        resident: Resident = receipt.owner
        delivery = resident.world.deliveries.get(receipt.delivery_id)
        found = None if delivery is None else unanswered_callback(delivery)
        if found is not None and delivery is not None:
            self._say_later(resident, found, task_id=delivery.task_id, delivery_id=delivery.id)

    def fetched(self, tenant: str, task_id: str) -> None:
        """Somebody has the result of a task."""
        if tenant in self._memories:
            self._memories[tenant].unwatch(task_id)

    def look_around(self) -> None:
        """At the links of what some keys submitted, of others each time."""
        self._turn = self._turn or deque(self._memories)
        for tenant in [self._turn.popleft() for _ in range(min(_KEYS_A_LOOK, len(self._turn)))]:
            memory = self._memories.get(tenant)
            if tenant is not None and memory is not None and memory.unfetched:
                self._look_at_links(tenant, memory)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look around now and then."""
        self.look_around()
        self._timer = loop.call_later(_LOOK_S, self.start, loop)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    # --- what was said

    def given(self, tenant: str | None = None) -> list[Hint]:
        """Oldest first; to one key, or all."""
        return [one for one in self._given if tenant in (None, one.tenant)]

    def waiting(self, tenant: str | None, *, everybody: bool = False) -> list[Hint]:
        """What waits for an answer to this key, or to any; it waits no longer."""
        if not everybody:
            return self._waiting.pop(tenant, [])
        found = [hint for hints in self._waiting.values() for hint in hints]
        self._waiting.clear()
        return found

    def forget(self, tenant: str | None = None) -> None:
        """One key, or all: whoever starts again is told again."""
        if tenant is None:
            for kept in (self._memories, self._waiting, self._given):
                kept.clear()
            return
        self._memories.pop(tenant, None)
        self._waiting.pop(tenant, None)
        self._given = deque((one for one in self._given if one.tenant != tenant), maxlen=GIVEN_LIMIT)

    # --- steps on the way

    def _remember(self, tenant: str | None) -> Memory:
        if len(self._memories) > self._limit:
            del self._memories[next(iter(self._memories))]
        memory = self._memories[tenant] = Memory()
        return memory

    def _hint(self, memory: Memory, found: Found, tenant: str | None, at_ms: int | None, task_id: str | None) -> Hint:
        kind, text = found
        if kind is not Kind.UNKNOWN_FIELD:  # each such field is told of once
            memory.told.add(kind)
        at_ms = self._worlds.agenda.clock.now_ms() if at_ms is None else at_ms
        return Hint(at_ms=at_ms, type="hint", kind=kind, text=harmless(text), tenant=tenant, task_id=task_id)

    def _say_later(self, resident: Resident, found: Found, *, task_id: str, delivery_id: str | None = None) -> None:
        memory = self._memories.get(resident.name) or self._remember(resident.name)
        if found[0] in memory.told:
            return
        hint = self._hint(memory, found, resident.name, resident.now_ms(), task_id)
        hint = structs.replace(hint, delivery_id=delivery_id)
        if len(self._waiting) < _WAITING_LIMIT or resident.name in self._waiting:
            self._waiting.setdefault(resident.name, []).append(hint)
        self._tell(hint)

    def _tell(self, hint: Hint) -> None:
        self._given.append(hint)
        for listener in tuple(self.listeners):
            listener(hint)

    def _look_at_links(self, tenant: str, memory: Memory) -> None:
        try:
            resident = self._worlds.here(tenant)
        except (NotHereError, MovedError):
            return
        now_ms = resident.now_ms()
        for task_id in tuple(memory.unfetched):
            task = resident.world.tasks.get(task_id)
            if task is None or (task.ended and task.links_valid_until_ms() is None):
                memory.unwatch(task_id)
            elif (found := unfetched_result(task, now_ms)) is not None:
                self._say_later(resident, found, task_id=task_id)
                memory.unwatch(task_id)
