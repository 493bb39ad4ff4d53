"""One answer to one request, before it meets the wire."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct, structs

from mockserver.simulation.scenario import Fault
from mockserver.web.hints.hint import Hint

RawHeaders = list[tuple[bytes, bytes]]


class Answer(Struct, gc=False):
    """Status, headers and body, and what the wire does to them.

    `stall_ms` is how long (of the clock) a stalled answer is held; `tenant`, `at_ms`, `task_id`, `request_id` and
    `hints` are for the journal; `matter` is what the exchange was about (web.api.matter), for whoever has a hint.
    """

    status: int
    headers: RawHeaders
    body: bytes
    fault: Fault | None = None
    stall_ms: int = 0
    tenant: str | None = None
    at_ms: int | None = None
    task_id: str | None = None
    request_id: str | None = None
    hints: tuple[Hint, ...] = ()
    matter: Any = None

    def add_header(self, name: str, value: str) -> None:
        self.headers.append((name.lower().encode("ascii"), value.encode("latin-1", "replace")))

    def take_body(self, body: bytes) -> None:
        """Another body, and its length."""
        self.body = body
        self.headers = [header for header in self.headers if header[0] != b"content-length"]
        self.headers.append((b"content-length", b"%d" % len(body)))


_JSON_TYPE = (b"content-type", b"application/json")


_UNKNOWN = b'"x_unknown":{"nested":[1,null,"text"]},"x_unknown_flag":true'
"""Members that no document names: the API may grow such at any time."""


def _with_unknown_fields(body: bytes) -> bytes:
    """A JSON object with members more than the document has, in front, where a reader meets them first."""
    return b"{" + _UNKNOWN + (b"," if body[1:2] != b"}" else b"") + body[1:]


def spoilt(answer: Answer) -> Answer | None:
    """The answer with what its fault does to the body; None where the fault is none of the body."""
    if answer.fault is Fault.MALFORMED_JSON:
        return structs.replace(answer, body=answer.body[:-1] + b",")
    if answer.fault is Fault.UNKNOWN_FIELDS:
        other = structs.replace(answer)
        other.take_body(_with_unknown_fields(answer.body))
        return other
    return None


def json_answer(status: int, body: bytes, task_id: str | None = None, media_type: str = "") -> Answer:
    kind = (b"content-type", media_type.encode()) if media_type else _JSON_TYPE
    return Answer(status, [kind, (b"content-length", b"%d" % len(body))], body, task_id=task_id)


async def send_answer(send: Callable[[Any], Awaitable[None]], answer: Answer, *, more: bool = False) -> None:
    """Through ASGI."""
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": more})
