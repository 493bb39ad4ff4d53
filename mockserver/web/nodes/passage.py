"""A request that this node can't answer now: it waits until it can, or goes to the node that does."""

import asyncio
from typing import Protocol

from mockserver.web.http.request import Request
from mockserver.web.nodes.membership import LOOK_S, WAIT_S, Membership
from mockserver.web.nodes.upstream import PASSED, BrokenError, UnreachedError, Upstream, Way, written

_MISDIRECTED = b" 421 "
_SAFE = frozenset({"GET", "HEAD"})


class Connection(Protocol):
    """What a passage asks of the connection that its request came on."""

    @property
    def is_full(self) -> bool: ...
    def write(self, parts: tuple[bytes, ...]) -> None: ...
    def again(self, request: Request) -> None: ...
    def misdirect(self, request: Request) -> None: ...
    def put_off(self, request: Request, message: str) -> None: ...
    def ended(self, *, whole: bool) -> None: ...


class _MisdirectedError(Exception):
    """The other node says that it is not the owner either."""


class Passage:
    """One request on its way. `slot` is the one that it concerns."""

    def __init__(self, membership: Membership, connection: Connection, request: Request, slot: int) -> None:
        self._members, self._territory = membership, membership.territory
        self._connection, self._request, self._slot = connection, request, slot
        self._upstream: Upstream | None = None
        self._begun = b""
        self._task: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> "asyncio.Task[None]":
        self._task = loop.create_task(self._run())
        return self._task

    def leave(self) -> None:
        """The client has said its last; it may still read."""

    def disconnect(self) -> None:
        """The client is gone."""
        if self._task is not None:
            self._task.cancel()

    def pause(self, *, is_full: bool) -> None:
        """Wait for the client to read."""
        if self._upstream is not None:
            self._upstream.pause(is_full=is_full)

    async def _run(self) -> None:
        territory, request = self._territory, self._request
        deadline = asyncio.get_running_loop().time() + WAIT_S
        if PASSED in request.fields:
            await territory.refresh()
        while True:
            if territory.is_sure and self._slot in territory.ready:
                self._connection.again(request)
                return
            owner = territory.owners[self._slot]
            if owner != territory.name and PASSED in request.fields and not request.is_of_key:
                self._connection.misdirect(request)
                return
            if owner in territory.peers and await self._is_passed_on(owner):
                return
            hopeless = territory.is_superseded or (territory.is_away and not territory.is_sure)
            if hopeless or asyncio.get_running_loop().time() > deadline:
                self._connection.put_off(request, self._members.hindrance)
                return
            await territory.changed(LOOK_S)

    async def _is_passed_on(self, owner: str) -> bool:
        """Whether the client has got its answer, whatever it is."""
        way = self._members.way_to(owner)
        if way is None:
            return False
        self._begun = b""
        self._members.passed_on += 1
        try:
            await self._exchange(way)
        except _MisdirectedError:
            await self._territory.refresh()
            return False
        except UnreachedError:
            return False
        except BrokenError as broken:
            return self._is_over(broken)
        self._connection.ended(whole=True)
        return True

    def _is_over(self, broken: BrokenError) -> bool:
        """Whether there is nothing left to try: what may have changed something is not sent twice."""
        if broken.has_begun:
            self._connection.ended(whole=False)
        elif self._request.method in _SAFE:
            return False
        else:
            self._connection.put_off(self._request, "The node of this key gave no answer: nobody knows what it did")
        return True

    async def _exchange(self, way: Way) -> None:
        request, upstream = self._request, await way.take()
        self._upstream = upstream
        is_kept = False
        try:
            message = written(request, self._territory.name)
            is_kept = await upstream.exchange(message, self._hand_on, bodiless=request.method == "HEAD")
        finally:
            self._upstream = None
            if is_kept:
                way.give_back(upstream)
            else:
                upstream.close()
        if self._is_misdirected:
            raise _MisdirectedError

    @property
    def _is_misdirected(self) -> bool:
        return self._begun[8:13] == _MISDIRECTED

    def _hand_on(self, data: bytes) -> None:
        """What comes goes to the client, unless its first line says that it was the wrong node."""
        if len(self._begun) < 13:
            self._begun += data
            if len(self._begun) < 13:
                return
            data = self._begun
        if self._is_misdirected:
            return
        self._connection.write((data,))
        if self._connection.is_full and self._upstream is not None:
            self._upstream.pause(is_full=True)
