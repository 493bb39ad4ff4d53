"""Everything that is due, in one heap: ordered by time, ties by who was planned first."""

from heapq import heappop, heappush

Timer = tuple[int, int, str, str]
"""(due_ms, sequence, kind, subject). A plain tuple of plain values: the garbage collector lets go of those, and a
million of them cost it nothing."""

TASK = "task"
DELIVERY = "delivery"


class Timers:
    """A heap of timers. One whose subject moved on stays where it is and is found stale in its time."""

    def __init__(self) -> None:
        self.heap: list[Timer] = []
        self.sequence = 0

    def plan(self, due_ms: int, kind: str, subject: str) -> None:
        self.sequence += 1
        heappush(self.heap, (due_ms, self.sequence, kind, subject))

    def first(self) -> Timer | None:
        return self.heap[0] if self.heap else None

    def drop_first(self) -> None:
        heappop(self.heap)
