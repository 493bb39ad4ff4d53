"""Asking another node: what a client would ask it, with the whole answer, or piece by piece as it comes."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request

from mockserver.web.http.exchange import RawHeaders
from mockserver.web.nodes.coverage import read_head
from mockserver.web.nodes.upstream import BrokenError, UnreachedError, Upstream, Way

GATHERED = b"x-mock-gathered"
"""The header that says: answer for yourself alone, somebody gathers."""
_ANSWER_S = 5.0
_HEAD_BYTES = 4096
_HANDED = frozenset({b"authorization", b"host", b"content-type"})
"""Which headers of the client's go along: they say that it may ask."""


class Told(NamedTuple):
    """The answer of a node; status 0 where none came. `slots` are those that it speaks for, a bit for each."""

    node: str
    status: int
    body: bytes
    slots: int = 0


class _Head:
    """The first bytes of an answer: its head is among them."""

    def __init__(self) -> None:
        self.told = bytearray()

    def read(self, data: bytes) -> None:
        self.told += data[: _HEAD_BYTES - len(self.told)]


class Question(NamedTuple):
    """What to ask. `target` is a path with its query."""

    method: str
    target: bytes
    headers: RawHeaders
    body: bytes = b""

    def written(self, by: str) -> bytes:
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), self.target)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] in _HANDED]
        lines += [b"%b: %b" % (GATHERED, by.encode()), b"content-length: %d" % len(self.body)]
        return b"\r\n".join([*lines, b"", self.body])


async def ask(node: str, way: Way, question: Question, by: str) -> Told:
    """Whatever goes wrong, the answer says so."""
    pieces: list[bytes] = []
    head = _Head()
    try:
        async with asyncio.timeout(_ANSWER_S):
            upstream = await way.take()
            is_kept = False
            try:
                is_kept = await upstream.exchange(question.written(by), head.read, body=pieces.append)
            finally:
                if is_kept:
                    way.give_back(upstream)
                else:
                    upstream.close()
    except (UnreachedError, BrokenError, TimeoutError):
        return Told(node, 0, b"")
    return Told(node, upstream.status, b"".join(pieces), read_head(bytes(head.told)))


class Stream:
    """The body of an answer as it comes; it ends where the node does. Then `told` has its status, 0 where it did not
    come whole, and its slots."""

    def __init__(self, node: str, way: Way, question: Question, by: str) -> None:
        self.told = Told(node, 0, b"")
        self._way, self._request = way, question.written(by)
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            upstream = await self._way.take()
        except UnreachedError:
            return
        reading = asyncio.create_task(self._read(upstream))
        try:
            while (piece := await self._pieces.get()) is not None:
                yield piece
        finally:
            reading.cancel()
            upstream.close()

    async def _read(self, upstream: Upstream) -> None:
        head = _Head()
        try:
            await upstream.exchange(self._request, head.read, body=self._pieces.put_nowait)
            self.told = Told(self.told.node, upstream.status, b"", read_head(bytes(head.told)))
        except BrokenError:
            pass
        finally:
            self._pieces.put_nowait(None)


def is_part(request: Request) -> bool:
    """Whether another node gathers, so that this one answers for itself alone."""
    return GATHERED.decode() in request.headers


def question(request: Request, query: bytes, body: Any = None) -> Question:
    """The same to another node."""
    path = request.scope["raw_path"] or request.scope["path"].encode()
    content = b"" if body is None else msgspec.json.encode(body)
    return Question(request.method, path + (b"?" + query if query else b""), request.scope["headers"], content)


async def side_by_side(own: AsyncIterator[bytes], others: Iterable[AsyncIterable[bytes]]) -> AsyncIterator[bytes]:
    """The pieces of all as they come; it ends when this node's own does. A piece of another's may end within an
    event: what is not whole yet waits."""
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(stream: AsyncIterable[bytes], *, is_own: bool) -> None:
        rest = b""
        async for piece in stream:
            whole, end, rest = (rest + piece).rpartition(b"\n\n")
            if end:
                pieces.put_nowait(whole + end)
        if is_own:
            pieces.put_nowait(None)

    reading = [asyncio.create_task(read(own, is_own=True))]
    reading += [asyncio.create_task(read(stream, is_own=False)) for stream in others]
    try:
        while (piece := await pieces.get()) is not None:
            yield piece
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
