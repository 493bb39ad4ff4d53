"""The ASGI face of the generation API, and what breaks between server and client on purpose."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from msgspec import structs

from mockserver.log import AwayError, LogError, MovedError
from mockserver.runtime.node import Node
from mockserver.runtime.resident import NotHereError
from mockserver.simulation.scenario import Fault
from mockserver.web.api.api import Api
from mockserver.web.api.identity import Headers
from mockserver.web.api.request_id import RequestIds
from mockserver.web.hints.adviser import Adviser
from mockserver.web.http.cors import Cors, is_preflight
from mockserver.web.http.exchange import Answer, RawHeaders, send_answer, spoilt
from mockserver.web.http.hold import hold
from mockserver.web.journal import Journal
from mockserver.web.links import PublicUrl

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

logger = logging.getLogger("mockserver")
_REFUSED = 400


class ApiApp:
    """The generation API on a wire: `answer` never waits, `deliver` sends what it said, faults included.

    As an ASGI callable it reads a bounded body first.
    """

    def __init__(
        self,
        api: Api,
        node: Node,
        journal: Journal,
        request_ids: RequestIds | None = None,
        adviser: Adviser | None = None,
        *,
        urls: PublicUrl,
        cors: Cors,
    ) -> None:
        self._api, self._node, self._journal, self._request_ids = api, node, journal, request_ids
        self._adviser, self._urls, self._cors = adviser, urls, cors if cors else None
        self.limit_of = api.limit_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive, self.limit_of(scope["path"]))
        if body is None:
            return
        request = scope["method"], scope["path"], scope["query_string"], scope["headers"], body
        answer = await self.answered(*request)
        await self.deliver(answer, scope, receive, send)

    def refused(self, refusal: str, path: str, **values: object) -> Answer:
        """The answer to what never became a request."""
        return self._named(self._api.general(refusal, path, **values))

    def unavailable(self, method: str, path: str, message: str) -> Answer:
        """The answer where nothing can be done at the moment."""
        return self._named(self._api.unavailable(method, path, message))

    def broken(self, path: str) -> Answer:
        """The answer where the mock itself fails."""
        return self._named(self._api.broken(path))

    def _named(self, answer: Answer) -> Answer:
        if self._request_ids is not None:
            self._request_ids.name(answer)
        return answer

    def answer(self, method: str, path: str, query: bytes, fields: Headers, body: bytes) -> Answer:
        """Answer a request now. The answer may leave once the node's round is over.

        Raises NotHereError where it has to wait for a world; then nothing has happened.
        """
        now, veil = self._node.clock.ticks(), self._journal.veil
        veil.note(fields.get(b"authorization"))
        if self._urls.follows:
            self._urls.asked_by(fields)
        answer = self._handled(method, path, query, fields, body, now)
        if self._adviser is not None:
            self._adviser.look(method, path, query, fields, body, now, answer)
        if answer.status >= _REFUSED or answer.hints:
            veil.over_answer(answer)
        if self._urls.follows:
            self._urls.remember(answer.tenant)
        return answer if self._cors is None else _allowed(self._cors, method, fields, answer)

    def _handled(self, method: str, path: str, query: bytes, fields: Headers, body: bytes, now: float) -> Answer:
        """Whatever becomes of it inside, an answer."""
        try:
            if len(body) > self._api.fits_anywhere and len(body) > self.limit_of(path):
                answer = self._api.general("body_too_large", path, limit=self.limit_of(path))
                answer.add_header("Connection", "close")  # the rest is not read
            else:
                answer = self._api.handle(method, path, query, fields, body, now)
        except (NotHereError, MovedError):
            raise
        except LogError as failure:
            answer = self._unkept(method, path, failure)
        except Exception:  # the client gets the API's own 500; the traceback is for whoever runs the mock
            logger.exception("%s %s broke the mock", method, self._journal.veil.over(path))
            answer = self._api.broken(path)
        return answer if self._request_ids is None else self._named(answer)

    def unkept(self, method: str, path: str, failure: LogError) -> Answer:
        """The answer where the log could not be written or read."""
        return self._named(self._unkept(method, path, failure))

    def _unkept(self, method: str, path: str, failure: LogError) -> Answer:
        if isinstance(failure, AwayError | MovedError):
            return self._api.unavailable(method, path, "The log of this mock can't be reached")
        return self._api.broken(path)

    async def answered(self, method: str, path: str, query: bytes, headers: RawHeaders, body: bytes) -> Answer:
        """Answer a request when its world is here, and the log has what the answer tells; keep it in the journal.

        Raises MovedError where its world is another node's: then nothing has happened."""
        while True:
            try:
                try:
                    answer = self.answer(method, path, query, dict(headers), body)
                    await self._node.round.closed()
                except NotHereError as away:
                    await self._node.come(away)
                    continue
            except MovedError:
                raise
            except LogError as failure:
                answer = self.unkept(method, path, failure)
            self.record(method, path, query, headers, body, answer)
            return answer

    def record(self, method: str, path: str, query: bytes, headers: RawHeaders, body: bytes, answer: Answer) -> None:
        """Keep an exchange in the journal."""
        at_ms = self._node.clock.now_ms() if answer.at_ms is None else answer.at_ms
        entry = self._journal.add(at_ms, method, path, headers, body, answer, query)
        if answer.hints and self._adviser is not None:
            self._adviser.publish(answer, entry.sequence)

    async def finish(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        """Deliver an answer that something is to break, once the log has what it tells."""
        body = (await receive())["body"]
        try:
            await self._node.round.closed()
        except MovedError:
            raise
        except LogError as failure:
            answer = self.unkept(scope["method"], scope["path"], failure)
        self.record(scope["method"], scope["path"], scope["query_string"], scope["headers"], body, answer)
        await self.deliver(answer, scope, receive, send)

    async def deliver(self, answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
        if answer.fault is None:
            await send_answer(send, answer)
        else:
            await self._break(answer, answer.fault, scope, receive, send)

    async def _break(self, answer: Answer, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault in (Fault.CLOSED_BEFORE_ANSWER, Fault.CLOSED_AFTER_ACCEPT):
            await hang_up(scope, receive)
        elif fault is Fault.TRUNCATED_BODY:
            await send_answer(send, structs.replace(answer, body=answer.body[: len(answer.body) // 2]), more=True)
            await hang_up(scope, receive, flush=True)
        elif (other := spoilt(answer)) is not None:
            await send_answer(send, other)
        else:
            await hold(self._node.worlds, answer.tenant, answer.stall_ms, receive)
            await send_answer(send, answer)


def _allowed(cors: Cors, method: str, fields: Headers, answer: Answer) -> Answer:
    """With what a browser asks for."""
    if is_preflight(method, fields):
        return cors.preflight(fields) or answer
    answer.headers += cors.headers(fields.get(b"origin"))
    return answer


async def hang_up(scope: Scope, receive: Receive, *, flush: bool = False) -> None:
    """Close the connection under the client (`flush`: after what was written).

    The transport is put into the connection's state by `protocol.HttpProtocol`. Without one (in process) the
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


async def _read(receive: Receive, limit: int) -> bytes | None:
    """A body in pieces, or as much as shows that it is over the limit; None: the client left."""
    chunks: list[bytes] = []
    size = 0
    while (message := await receive())["type"] != "http.disconnect":
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > limit or not message.get("more_body"):
            return b"".join(chunks)
    return None
