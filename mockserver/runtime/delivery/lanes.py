"""Who is sent to next: attempts wait in a lane for each receiver, and the lanes take turns."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from mockserver.runtime.delivery.target import locate

_DOUBTFUL = 4
"""Parallel attempts to a receiver that has not answered yet, or not the last time."""


class Dispatch(Struct, frozen=True, kw_only=True):
    """One attempt to make. `timeout_ms` bounds all of it: name, connection, request, head of the answer.

    `render` gives the body when its turn comes, `now_ms` the time by its task's clock; `owner` is for whoever sends.
    """

    delivery_id: str
    attempt: int
    url: str
    render: Callable[[], bytes]
    now_ms: Callable[[], int]
    timeout_ms: int
    owner: Any = None


class Lane(Struct):
    """What waits for one receiver, how many attempts to it are under way, and whether it answered the last."""

    receiver: str
    waiting: deque[Dispatch] = msgspec.field(default_factory=deque)
    sending: int = 0
    answers: bool = False


class Lanes:
    """Who goes next: first in, first out for one receiver; receivers with room take turns.

    A receiver gets few attempts at a time until it answers.
    """

    def __init__(self, parallel_per_receiver: int) -> None:
        self._limit = parallel_per_receiver
        self._lanes: dict[str, Lane] = {}
        self._turns: OrderedDict[str, Lane] = OrderedDict()
        self.waiting = 0

    def put(self, dispatch: Dispatch) -> None:
        receiver = _receiver(dispatch.url)
        lane = self._lanes.get(receiver)
        if lane is None:
            lane = self._lanes[receiver] = Lane(receiver)
        lane.waiting.append(dispatch)
        self.waiting += 1
        self._enrol(lane)

    def take(self) -> tuple[Lane, Dispatch] | None:
        """The next one to send, if any may be sent; to be released once sent."""
        while self._turns:
            _, lane = self._turns.popitem(last=False)
            if not self._has_room(lane):
                continue
            lane.sending += 1
            self.waiting -= 1
            dispatch = lane.waiting.popleft()
            self._enrol(lane)
            return lane, dispatch
        return None

    def release(self, lane: Lane, *, answered: bool) -> None:
        lane.sending -= 1
        lane.answers = answered
        self._enrol(lane)
        if not lane.sending and not lane.waiting:
            del self._lanes[lane.receiver]

    def drop(self, owner: Any) -> None:
        """Take out what waits for this owner."""
        for lane in list(self._lanes.values()):
            kept = deque(one for one in lane.waiting if one.owner is not owner)
            self.waiting -= len(lane.waiting) - len(kept)
            lane.waiting = kept
            if not kept and not lane.sending:
                del self._lanes[lane.receiver]
                self._turns.pop(lane.receiver, None)  # a lane of the same receiver that comes later has its own turn

    def _enrol(self, lane: Lane) -> None:
        if self._has_room(lane):
            self._turns.setdefault(lane.receiver, lane)

    def _has_room(self, lane: Lane) -> bool:
        limit = self._limit if lane.answers else min(self._limit, _DOUBTFUL)
        return bool(lane.waiting) and lane.sending < limit


def _receiver(url: str) -> str:
    try:
        location = locate(url)
    except ValueError:
        return url  # refused before anything is sent
    return f"{location.scheme}://{location.host}:{location.port}"
