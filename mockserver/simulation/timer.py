"""Everything that is due: by the millisecond, and within one in the order in which it was planned.

A heap of moments, and what is due at each. Many tasks share a moment when they come fast, and then it costs next to
nothing; a million of them at one moment are one list.
"""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from mockserver.simulation.callback import Delivery
from mockserver.simulation.task import Task

Subject = Task | Delivery
_NOBODY = Delivery(id="", task_id="", url="", retry_delays_ms=(), timeout_ms=0, due_ms=None)
"""Stale at every moment."""


class Timers:
    """What is due when. A subject that ended or moved on stays where it is and is found stale in its time.

    At a moment there is one subject alone, or several in a list.
    """

    def __init__(self) -> None:
        self.doubtful = False
        """Whether a subject was ever ended or moved by hand: until then nothing can be stale."""
        self._heap: list[int] = []
        self._due: dict[int, Subject | list[Subject]] = {}

    def plan(self, due_ms: int, subject: Subject) -> None:
        moment = self._due.get(due_ms)
        if moment is None:
            self._due[due_ms] = subject
            heappush(self._heap, due_ms)
        elif isinstance(moment, list):
            moment.append(subject)
        else:
            self._due[due_ms] = [moment, subject]

    def withdraw(self, due_ms: int, subject: Subject) -> None:
        """Take back a plan. What is planned anew could else be due there again, and before its turn."""
        self.doubtful = True
        moment = self._due[due_ms]
        if isinstance(moment, list):
            place = next(number for number, one in enumerate(moment) if one is subject)
            moment[place] = _NOBODY
        else:
            self._due[due_ms] = _NOBODY

    def next_ms(self) -> int | None:
        """When something is due next, once `settle` has been called."""
        return self._heap[0] if self._heap else None

    def is_due(self, now_ms: int) -> bool:
        """Whether something is due by now, stale or not."""
        return bool(self._heap) and self._heap[0] <= now_ms

    def settle(self) -> None:
        """Drop what is stale in front: what has ended or gone is not what comes next."""
        while self._heap:
            due_ms = self._heap[0]
            moment = self._at(due_ms)
            stale = next((place for place, one in enumerate(moment) if one.due_ms == due_ms), len(moment))
            if stale < len(moment):
                if isinstance(moment, list):
                    del moment[:stale]
                return
            self._forget_first()

    def take(self, now_ms: int, most: int) -> tuple[int, Sequence[Subject]] | None:
        """What is due next, if it is due by now: all of a moment, or so many of it, without what is stale."""
        if not self.is_due(now_ms):
            return None
        due_ms = self._heap[0]
        taken = self._at(due_ms)
        if isinstance(taken, list) and len(taken) > most:
            taken, self._due[due_ms] = taken[:most], taken[most:]
        else:
            self._forget_first()
        return due_ms, [one for one in taken if one.due_ms == due_ms] if self.doubtful else taken

    def moments(self) -> Iterator[tuple[int, list[Subject]]]:
        """All that is due and not stale, in order."""
        for due_ms in sorted(self._due):
            fresh = [one for one in self._at(due_ms) if one.due_ms == due_ms]
            if fresh:
                yield due_ms, fresh

    def _at(self, due_ms: int) -> Sequence[Subject]:
        moment = self._due[due_ms]
        return moment if isinstance(moment, list) else (moment,)

    def _forget_first(self) -> None:
        del self._due[heappop(self._heap)]
