"""The ASGI face of the generation API, and what breaks between server and client on purpose."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mockserver.runtime.clock import Clock
from mockserver.runtime.node import Node
from mockserver.simulation.scenario import Fault
from mockserver.web.api import Api
from mockserver.web.exchange import Answer, RawHeaders, resized, with_unknown_fields
from mockserver.web.journal import Journal
from mockserver.web.request_id import RequestIds

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("mockserver")
_STALL_LOOK_S = 0.02
"""How often a stalled answer looks at a clock that somebody else moves."""


class ApiApp:
    """The generation API on a wire: `answer` never waits, `deliver` sends what it said, faults included.

    As an ASGI callable it reads a bounded body first.
    """

    def __init__(self, api: Api, node: Node, journal: Journal, request_ids: RequestIds | None = None) -> None:
        self._api, self._node, self._journal, self._request_ids = api, node, journal, request_ids
        self.limit_of = api.limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body: bytes | None = message.get("body")
        if body is None or message.get("more_body"):
            body = await _read_on(message, receive, self.limit_of(scope["path"]))
        if body is not None:
            answer = self.answer(scope["method"], scope["path"], scope["headers"], body, scope["query_string"])
            await self.deliver(answer, scope, receive, send)

    def answer(self, method: str, path: str, headers: RawHeaders, body: bytes, query: bytes = b"") -> Answer:
        """Answer a request now, and keep it in the journal."""
        now_ms = self._node.catch_up()
        if len(body) > self.limit_of(path):
            answer = self._api.too_large(path)
        else:
            try:
                answer = self._api.handle(method, path, dict(headers), body, now_ms, query)
            except Exception:  # the client gets the API's own 500; the traceback is for whoever runs the mock
                logger.exception("%s %s broke the mock", method, path)
                answer = self._api.broken(path)
        if self._request_ids is not None:
            self._request_ids.name(answer)
        self._journal.add(now_ms, method, path, headers, body, answer, query)
        return answer

    async def deliver(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        if answer.fault is None:
            await _send(send, answer, answer.body)
        else:
            await self._break(answer, answer.fault, scope, receive, send)

    async def _break(self, answer: Answer, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault in (Fault.CLOSED_BEFORE_ANSWER, Fault.CLOSED_AFTER_ACCEPT):
            await hang_up(scope, receive)
        elif fault is Fault.TRUNCATED_BODY:
            await _send(send, answer, answer.body[: len(answer.body) // 2], more=True)
            await hang_up(scope, receive, flush=True)
        elif fault is Fault.MALFORMED_JSON:
            await _send(send, answer, answer.body[:-1] + b",")
        elif fault is Fault.UNKNOWN_FIELDS:
            body = with_unknown_fields(answer.body)
            await _send(send, resized(answer, len(body)), body)
        else:
            await _stall(self._node.clock, answer.stall_ms, receive)
            await _send(send, answer, answer.body)


async def hang_up(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Close the connection under the client (`flush`: after what was written).

    The transport is put into the connection's state by `protocol.MockProtocol`. Without one (in process) the
    client sees the connection error that it would see on a wire.
    """
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionResetError("the mock closed the connection, as a scenario asked")
    if flush:
        transport.close()
    else:
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        """Until the server has seen it too, it would take the missing answer for a mistake."""


async def _read_on(message: Message, receive: Receive, limit: int) -> bytes | None:
    """The rest of a body in pieces, or as much as shows that it is over the limit; None: the client left."""
    chunks: list[bytes] = []
    size = 0
    while message["type"] != "http.disconnect":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit or not message.get("more_body"):
            return b"".join(chunks)
        message = await receive()
    return None


async def _send(send: Send, answer: Answer, body: bytes, *, more: bool = False) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def _stall(clock: Clock, stall_ms: int, receive: Receive) -> None:
    """Wait until the clock has moved on, or the client has lost patience."""
    until_ms = clock.now_ms() + stall_ms
    leaving = asyncio.ensure_future(receive())
    try:
        while clock.now_ms() < until_ms and not leaving.done():
            wait_s = clock.wait_s(until_ms)
            await asyncio.wait([leaving], timeout=_STALL_LOOK_S if wait_s is None else min(wait_s, 0.5))
    finally:
        leaving.cancel()
