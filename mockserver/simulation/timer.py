"""Everything that is due: by the millisecond, and within one in the order in which it was planned.

A heap of moments, and what is due at each. Many tasks share a moment when they come fast, and then it costs next to
nothing; a million of them at one moment are one list.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from mockserver.simulation.callback import Delivery
from mockserver.simulation.task import Task

Subject = Task | Delivery
_FEW = 32
"""From a list of so many the first can be taken at no cost worth mentioning."""
_NOBODY = Delivery(id="", task_id="", url="", retry_delays_ms=(), timeout_ms=0, due_ms=None)
"""Stale at every moment."""


class Timers:
    """What is due when. A subject that ended or moved on stays where it is and is found stale in its time.

    At a moment there is one subject alone, or several in a list; a long list that is taken piece by piece is made
    a deque.
    """

    def __init__(self) -> None:
        self.doubtful = False
        """Whether a subject was ever ended or moved by hand: until then nothing can be stale."""
        self._heap: list[int] = []
        self._due: dict[int, Subject | list[Subject] | deque[Subject]] = {}

    def plan(self, due_ms: int, subject: Subject) -> None:
        moment = self._due.get(due_ms)
        if moment is None:
            self._due[due_ms] = subject
            heappush(self._heap, due_ms)
        elif isinstance(moment, list | deque):
            moment.append(subject)
        else:
            self._due[due_ms] = [moment, subject]

    def withdraw(self, due_ms: int, subject: Subject) -> None:
        """Take back a plan. What is planned anew could else be due there again, and before its turn."""
        self.doubtful = True
        moment = self._due[due_ms]
        if isinstance(moment, list | deque):
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
            moment = self._due[due_ms]
            first = moment[0] if isinstance(moment, list | deque) else moment
            if first.due_ms == due_ms:
                return
            self._take_first()

    def take(self, now_ms: int) -> tuple[int, Subject] | None:
        """The next subject that is due by now, with its moment."""
        heap = self._heap
        while heap and heap[0] <= now_ms:
            due_ms = heap[0]
            subject = self._take_first()
            if subject.due_ms == due_ms:
                return due_ms, subject
        return None

    def moments(self) -> Iterator[tuple[int, list[Subject]]]:
        """All that is due and not stale, in order."""
        for due_ms in sorted(self._due):
            moment = self._due[due_ms]
            several: Sequence[Subject] = moment if isinstance(moment, list | deque) else (moment,)
            fresh = [one for one in several if one.due_ms == due_ms]
            if fresh:
                yield due_ms, fresh

    def _take_first(self) -> Subject:
        due_ms = self._heap[0]
        moment = self._due[due_ms]
        if isinstance(moment, list):
            if len(moment) <= _FEW:
                subject = moment.pop(0)
                if not moment:
                    self._forget_first()
                return subject
            self._due[due_ms] = moment = deque(moment)
        if isinstance(moment, deque):
            subject = moment.popleft()
            if not moment:
                self._forget_first()
            return subject
        self._forget_first()
        return moment

    def _forget_first(self) -> None:
        del self._due[heappop(self._heap)]
