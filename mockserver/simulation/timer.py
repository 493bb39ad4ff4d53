"""Everything that is due, in one heap: ordered by time, ties by who was planned first."""

from heapq import heappop, heappush
from typing import NamedTuple


class Timer(NamedTuple):
    """Something to fire at `due_ms`: a task's next step or a delivery's next attempt."""

    due_ms: int
    sequence: int
    kind: str
    subject: str


TASK = "task"
DELIVERY = "delivery"


class Timers:
    """A heap of timers. One whose subject moved on stays where it is and is found stale in its time."""

    def __init__(self) -> None:
        self.heap: list[Timer] = []
        self.sequence = 0

    def plan(self, due_ms: int, kind: str, subject: str) -> None:
        self.sequence += 1
        heappush(self.heap, Timer(due_ms, self.sequence, kind, subject))

    def first(self) -> Timer | None:
        return self.heap[0] if self.heap else None

    def drop_first(self) -> None:
        heappop(self.heap)
