"""What the wire is to do in one case: the behaviour's deviations, and how often each has met a request."""

import json
import re
from collections import Counter
from email.utils import formatdate
from typing import Any

from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.deviation import Answer, Ask, Effect, Headers, Operation
from contract_tests.client.behaviours.openings import ID_TAIL, LowerCaseHeaders, OddIds
from contract_tests.client.behaviours.troubles import MOVED, READING, LinkDies
from contract_tests.client.wire.journal import told_of
from contract_tests.contract.contract import Contract

_OPENED = frozenset({Operation.SUBMISSION, Operation.QUERY, Operation.LIST})
_LINK = re.compile(r'(https?://[^"\s]+/media/[^"\s?]+)')
_TASK_ID = re.compile(r"task-unified-[A-Za-z0-9]+-[A-Za-z0-9]+")
_ODD_ID = re.compile(rf"({_TASK_ID.pattern})({re.escape(ID_TAIL)})?")
_CUT = "-cut"
"""What the id of nobody's task ends with."""
_NOTHING = Effect()


class Script:
    """One case. `here` is where the client reaches the API, `elsewhere` another host that leads to it."""

    def __init__(self, behaviour: Behaviour, here: str, elsewhere: str, contract: Contract) -> None:
        self._behaviour, self._here, self._elsewhere, self._contract = behaviour, here, elsewhere, contract
        self._met: Counter[int] = Counter()
        self._reads: Counter[str] = Counter()
        self._tail = ID_TAIL if behaviour.has(OddIds) else ""

    def effect(self, method: str, path: str, query: str, operation: Operation, now_s: float) -> Effect:
        """What becomes of a request: the first deviation that has something to do with it decides."""
        reads = self._reads[path.removeprefix(MOVED)]
        for place, deviation in enumerate(self._behaviour.deviations):
            if not deviation.meets(operation):
                continue
            number = self._met[place]
            ask = Ask(
                method, path, query, operation, number, reads, now_s, self._here, self._elsewhere, self._contract
            )
            self._met[place] += 1
            found = deviation.effect(ask)
            if found is not None:
                return found
        return _NOTHING

    def to_the_fake(self, text: str) -> str:
        """A path or body of the client, in the ids of the fake; one that was cut is no task's."""
        return _ODD_ID.sub(lambda found: found[1] + ("" if found[2] else _CUT), text) if self._tail else text

    def opened(self, operation: Operation, path: str, answer: Answer) -> Answer:
        """A healthy answer as this behaviour has it; whatever it does not concern is as the fake gave it."""
        body = answer.body
        if operation in _OPENED and answer.status < 300:
            body = self._changed(operation, path, body)
        is_lower = self._behaviour.has(LowerCaseHeaders)
        headers = [(name.lower() if is_lower else name.title(), value) for name, value in answer.headers]
        return Answer(answer.status, headers, body, answer.is_made)

    def told_by_callback(self, body: bytes) -> bytes:
        """What a callback tells of a task: what a query would."""
        found = _TASK_ID.search(body.decode("utf-8", "replace"))
        path = self._contract.query.of(f"{found[0] if found else ''}{self._tail}")
        return self._changed(Operation.QUERY, path, body)

    def _changed(self, operation: Operation, path: str, body: bytes) -> bytes:
        try:
            told = json.loads(body)
        except ValueError:
            return body
        if not isinstance(told, dict):
            return body
        changed = self._opened(operation, path, told)
        text = body.decode() if changed == told else json.dumps(changed, ensure_ascii=False, separators=(",", ":"))
        if self._behaviour.has(LinkDies):
            text = _LINK.sub(rf"\1?{READING}{self._reads[path]}", text)
        return (_TASK_ID.sub(rf"\g<0>{self._tail}", text) if self._tail else text).encode()

    def _opened(self, operation: Operation, path: str, told: dict[str, Any]) -> dict[str, Any]:
        reads = self._reads[path]
        self._reads[path] += told_of(self._contract, operation, told).get("status") == "completed"
        listed = told.get("data")
        for opening in self._behaviour.openings:
            told = opening.opened(operation, told, reads)
            if isinstance(listed, list):
                items = [opening.opened(operation, one, reads) if isinstance(one, dict) else one for one in listed]
                told, listed = {**told, "data": items}, items
        return told


def dated(answer: Answer, now_s: float) -> Answer:
    """With the moment at which it leaves, by the clocks that a Retry-After goes by: a client may count from it."""
    kept = [(name, value) for name, value in answer.headers if name.lower() != "date"]
    headers = [("Date", formatdate(now_s, usegmt=True)), *kept]
    return Answer(answer.status, headers, answer.body, answer.is_made)


def with_length(headers: Headers, length: int) -> Headers:
    """The headers of an answer whose body has this many bytes."""
    kept = [(name, value) for name, value in headers if name.lower() not in ("content-length", "transfer-encoding")]
    name = "content-length" if kept and all(one.islower() for one, _ in kept) else "Content-Length"
    return [*kept, (name, str(length))]
