"""The stream for whoever looks on: events in time with the eye, and what stands where, a few times a second.

Nothing here is done for each event but to keep it; of a flood it is told that there was more. Requests are no events:
the pulse says how many there are, and whoever wants them asks for those since.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from mockserver.runtime.pause import pause
from mockserver.simulation.event import Fired
from mockserver.web.control.stream import written

BEAT_S = 0.05
TOLD_LIMIT = 200
"""How many events one beat tells. For those beyond nobody listens until the next: worlds then need not tell any."""
_SILENT_BEATS = 300
_encode = msgspec.json.Encoder().encode


class Looker:
    """A listener of the node that keeps the events of one tenant, or of all, until the next beat."""

    def __init__(self, tenant: str | None, listeners: list[Callable[[str, Fired], None]]) -> None:
        self._tenant, self._listeners = tenant, listeners
        self._kept: deque[tuple[str, Fired]] = deque()
        self._left_out = 0
        self.is_let_go = False

    def __call__(self, name: str, event: Fired) -> None:
        if self._tenant is not None and name != self._tenant:
            return
        if len(self._kept) < TOLD_LIMIT:
            self._kept.append((name, event))
        else:
            self._left_out += 1
            self.leave()

    def taken(self) -> tuple[bytes, int]:
        """What came since it was last asked, written, and how many it knows of beyond that: one at least, if any."""
        told, left_out = b"".join(written(*one) for one in self._kept), self._left_out
        self._kept.clear()
        self._left_out = 0
        self.listen()
        return told, left_out

    def listen(self) -> None:
        if not self.is_let_go and self not in self._listeners:
            self._listeners.append(self)

    def leave(self) -> None:
        if self in self._listeners:
            self._listeners.remove(self)


class Pulse:
    """Subscribers that are told `state()`, of their tenant or of the server, whenever it is another than before."""

    def __init__(self, listeners: list[Callable[[str, Fired], None]], limit: int = 100) -> None:
        """Past the limit the oldest subscriber is let go."""
        self._listeners, self._limit = listeners, limit
        self._lookers: list[Looker] = []

    async def subscribe(self, tenant: str | None, state: Callable[[], dict[str, Any]]) -> AsyncIterator[bytes]:
        """A beat as soon as somebody listens, then one whenever there is something to tell."""
        looker = self._admit(Looker(tenant, self._listeners))
        before: dict[str, Any] | None = None
        silent = 0
        try:
            while not looker.is_let_go:
                told, left_out = looker.taken()
                now = state()
                if left_out or _moved(before, now):
                    told += b"event: pulse\ndata: %b\n\n" % _encode({**now, "left_out": left_out})
                before, silent = now, 0 if told else silent + 1
                if silent >= _SILENT_BEATS:
                    told, silent = b": still here\n\n", 0
                if told:
                    yield told
                await pause(BEAT_S)
        finally:
            self._dismiss(looker)

    def close(self) -> None:
        """Let every subscriber go, so that the server can stop."""
        for looker in tuple(self._lookers):
            self._dismiss(looker)

    def _admit(self, looker: Looker) -> Looker:
        if len(self._lookers) >= self._limit:
            self._dismiss(self._lookers[0])
        self._lookers.append(looker)
        looker.listen()
        return looker

    def _dismiss(self, looker: Looker) -> None:
        if not looker.is_let_go:
            looker.is_let_go = True
            self._lookers.remove(looker)
            looker.leave()


def _moved(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    """Whether there is more to tell than that a running clock ran on."""
    return before is None or _still(before) != _still(now)


def _still(state: dict[str, Any]) -> dict[str, Any]:
    clock = state["clock"]
    return {**state, "clock": {**clock, "now_ms": 0}} if clock["mode"] == "real" else state
