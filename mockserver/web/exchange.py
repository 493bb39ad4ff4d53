"""One answer to one request, before it meets the wire."""

from typing import NamedTuple

from mockserver.simulation.scenario import Fault

RawHeaders = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """Status, headers and body, and what the wire does to them.

    `stall_ms` is how long (of the clock) a stalled answer is held; `task_id` and `tenant` are for the journal.
    """

    status: int
    headers: RawHeaders
    body: bytes
    fault: Fault | None = None
    stall_ms: int = 0
    tenant: str | None = None
    task_id: str | None = None


JSON_TYPE = (b"content-type", b"application/json")


def json_answer(status: int, body: bytes, *more: tuple[bytes, bytes]) -> Answer:
    return Answer(status, [JSON_TYPE, (b"content-length", b"%d" % len(body)), *more], body)
