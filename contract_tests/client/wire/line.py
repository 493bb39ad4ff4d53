"""The wire between a client and the fake: it carries each request on, does what the script says, and keeps a record.

    program --> wire --> fake
            <-- script <--

It runs in a thread of its own. What it writes down is what the client really sent and got, with every key masked.
"""

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from contract_tests.client.behaviours.deviation import Answer, Operation
from contract_tests.client.behaviours.troubles import LATE_S, MOVED
from contract_tests.client.wire.callbacks import PREFIX, Callbacks, for_receiver
from contract_tests.client.wire.http1 import NotHttpError, Request, asked_of, head_of, read_request
from contract_tests.client.wire.journal import operation_of, told_of
from contract_tests.client.wire.script import Script, dated, with_length
from contract_tests.contract.contract import Contract
from contract_tests.exchange import as_text, masked
from mockserver.testing import Connections

HERE, ELSEWHERE = "127.0.0.1", "localhost"
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: whatever is unsent is dropped, and the peer is told by RST."""
_NOTHING_COMES = ("closed_before_answer", "closed_after_accept", "reset", "stalled")
_CUT = len(b"HTTP/1.")
"""Before the status: some programs take half of a number for one."""
"""Where a head breaks off; many take one that ends later, between two headers, for a whole one."""
_LOOK_S = 0.05
_IDLE_S = 9.0
"""So long a connection stays open for another request: longer than clients pause, and not for ever, since some end
only when it closes."""
_BODY_KEPT = 16_384
Record = dict[str, Any]
_UNANSWERED: Record = {
    "status": 0,
    "answer": None,
    "answer_headers": {},
    "fault": "stalled",
    "task_id": None,
    "made": False,
}


@dataclass(frozen=True, slots=True)
class _Visit:
    """One request, and the connection that it came by."""

    request: Request
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """End the connection so that the client sees a reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.writer.transport.abort()


class Wire:
    """A port on loopback that stands before a fake. `records` are those of the case that runs; `slept_s`: how far
    the client's clocks are ahead of real ones."""

    def __init__(self, contract: Contract, slept_s: Callable[[], float] = lambda: 0.0) -> None:
        self._contract, self._slept_s = contract, slept_s
        self._socket = socket.create_server((HERE, 0))
        self.port: int = self._socket.getsockname()[1]
        self.records: list[Record] = []
        self._script: Script | None = None
        self._callbacks = Callbacks("", None)
        self._key, self._case = "", 0
        self._now_ms: Callable[[], int] = lambda: 0
        self._connections = Connections(self._serve)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HERE}:{self.port}"

    @property
    def elsewhere(self) -> str:
        """Another host that leads here, as results lie on another host than the API."""
        return f"http://{ELSEWHERE}:{self.port}"

    def start(self, fake_port: int, now_ms: Callable[[], int]) -> None:
        """Carry on to the fake at this port, whose clock shows `now_ms`."""
        self._fake_port, self._now_ms = fake_port, now_ms
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._connections.begun, sock=self._socket))

    def stop(self) -> None:
        """Close every connection."""
        self._run(self._connections.close(self._server))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, script: Script, key: str) -> None:
        """A new case; what is left of the last one ends unanswered."""
        self._case += 1
        self.records = []
        self._script, self._key = script, key
        self._callbacks = Callbacks(self.url, self._contract.requests.callback)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        try:
            while (request := await _next(reader, writer, rest)) is not None:
                rest = request.rest
                if not await self._answer(request, reader, writer):
                    break
        except NotHttpError:
            writer.write(head_of(400, [("Content-Length", "0"), ("Connection", "close")]))
        except (OSError, asyncio.CancelledError):
            """The client has left, or has been silent for too long, or the wire is stopped."""

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        script = self._script
        path, _, query = request.target.partition("?")
        if script is not None and path.startswith(PREFIX):
            return await self._called_back(script, request, path, writer)
        operation = operation_of(request.method, path.removeprefix(MOVED), self._contract)
        record = self._noted(request, path, query, operation)
        record["port"] = writer.get_extra_info("peername")[1]
        if script is None:
            return False
        now_s = record["client_ms"] / 1000
        effect = script.effect(request.method, path, query, operation, now_s)
        answer = await self._from_fake(script, request, operation) if effect.reaches else None
        answer = dated(effect.answer or answer or Answer(502, []), now_s)
        answer = script.opened(operation, path.removeprefix(MOVED), answer)
        record |= {"status": answer.status, "made": effect.answer is not None, "fault": effect.fault or None}
        record["task_id"] = self._task_id(operation, path.removeprefix(MOVED), query, answer)
        record["answer_headers"] = {name.lower(): value for name, value in answer.headers}
        return await self._sent(effect.fault, answer, record, _Visit(request, reader, writer))

    async def _called_back(self, script: Script, request: Request, path: str, writer: asyncio.StreamWriter) -> bool:
        """Carry a callback to the receiver that the client named, and its answer back to the fake."""
        target = self._callbacks.target_of(path)
        if target is None:
            return False
        port, path, led = for_receiver(request, target)
        answer = await asked_of(port, led, path, script.told_by_callback(request.body))
        writer.write(broken("", answer, answer.body))
        await writer.drain()
        return request.keeps_alive

    async def _from_fake(self, script: Script, request: Request, operation: Operation) -> Answer:
        target = script.to_the_fake(request.target.removeprefix(MOVED))
        body = request.body
        if operation is Operation.SUBMISSION:
            body = self._callbacks.led_here(body)
        if operation is Operation.LIST:
            body = script.to_the_fake(body.decode("utf-8", "replace")).encode()
        return await asked_of(self._fake_port, request, target, body)

    async def _sent(self, fault: str, answer: Answer, record: Record, visit: _Visit) -> bool:
        """Send an answer with what breaks in it; whether the connection goes on."""
        if fault in ("late", "stalled") and not await self._held(fault, visit.reader):
            record["fault"] = "stalled"
            return False
        if fault == "reset":
            visit.reset()
            return False
        is_head = visit.request.method == "HEAD"
        body = b"" if is_head else answer.body
        record["answer"] = self._readable(_got(fault, body))
        if self._contract.speech is not None and answer.status < 300:
            record["told"] = told_of(self._contract, record["operation"], record["answer"])
        visit.writer.write(broken(fault, answer, body, is_head=is_head))
        await visit.writer.drain()
        return visit.request.keeps_alive and fault in ("", "malformed_json", "late")

    async def _held(self, fault: str, reader: asyncio.StreamReader) -> bool:
        """Hold an answer back; whether it may be given after all. A stalled one may not."""
        until, case = time.monotonic() + (LATE_S if fault == "late" else 3600), self._case
        while time.monotonic() < until and not reader.at_eof() and case == self._case:
            await asyncio.sleep(_LOOK_S)
        return fault == "late" and not reader.at_eof() and case == self._case

    def _noted(self, request: Request, path: str, query: str, operation: Operation) -> Record:
        """A record of a request, not answered yet."""
        real_ms = time.time_ns() // 1_000_000
        told = unquote(query)
        record: Record = {
            "sequence": len(self.records) + 1,
            "at_ms": self._now_ms(),
            "real_ms": real_ms,
            "client_ms": real_ms + round(self._slept_s() * 1000),
            "method": request.method,
            "path": self._masked(path),
            "query": self._masked(told) if self._key in told else query,
            "headers": {name: self._masked(value) for name, value in request.headers},
            "body": self._readable(request.body),
            **_UNANSWERED,
            "operation": operation,
            "key_in": self._carriers(request),
            "other_key": None if operation is Operation.FETCH else self._other_key(request),
        }
        self.records.append(record)
        return record

    def _task_id(self, operation: Operation, path: str, query: str, answer: Answer) -> str | None:
        """The task that an exchange is about."""
        if operation is Operation.FETCH:
            return path.removeprefix("/media/").partition("/")[0]
        if operation is Operation.QUERY:
            return self._contract.query.value_in(path, query)
        if operation is not Operation.SUBMISSION or answer.status >= 300:
            return None
        try:
            told = told_of(self._contract, operation, json.loads(answer.body))
        except ValueError:
            return None
        return as_text(told["id"]) if isinstance(told, dict) and "id" in told else None

    def _carriers(self, request: Request) -> list[str]:
        """Where in its head a request carries the client's key."""
        if not self._key:
            return []
        named = [name for name, value in request.headers if self._key in value]
        return [*named, *(["URL"] if self._key in unquote(request.target) else [])]

    def _other_key(self, request: Request) -> str | None:
        """A key that is not the one that the client was told, masked."""
        token = (request.header("authorization") or "").removeprefix("Bearer ").strip()
        return masked(token) if token and token != self._key else None

    def _masked(self, text: str) -> str:
        return text.replace(self._key, masked(self._key)) if self._key else text

    def _readable(self, body: bytes) -> Any:
        """JSON decoded, other text as it is, bounded; of other bytes how many; None for nothing."""
        if not body:
            return None
        if b"\0" in body[:_BODY_KEPT]:
            return f"({len(body)} bytes)"
        text = self._masked(body[:_BODY_KEPT].decode("utf-8", "replace"))
        try:
            return json.loads(text)
        except ValueError:
            return text


async def _next(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rest: bytes) -> Request | None:
    """The next request of a connection; None where the client has left. Raises NotHttpError, OSError."""
    async with asyncio.timeout(_IDLE_S):
        return await read_request(reader, writer, rest)


def broken(fault: str, answer: Answer, body: bytes, *, is_head: bool = False) -> bytes:
    """The bytes of an answer, with what breaks in them; empty where none leaves."""
    if fault in _NOTHING_COMES:
        return b""
    got = _got(fault, body)
    length = len(body) if fault in ("truncated_body", "cut_head") else len(got)
    head = head_of(answer.status, answer.headers if is_head else with_length(answer.headers, length))
    if fault == "cut_head":
        return head[:_CUT]
    return head + (body if fault == "short_length" else got)


def _got(fault: str, body: bytes) -> bytes:
    """What of a body a client gets."""
    if fault in _NOTHING_COMES or fault == "cut_head":
        return b""
    if fault in ("truncated_body", "short_length"):
        return body[: len(body) // 2]
    return body[:-1] + b"," if fault == "malformed_json" else body
