"""What a run has paid for where money is real: bought once, looked at by every check that it can serve."""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

from contract_tests.contract.contract import Contract
from contract_tests.judge import Judge
from contract_tests.server.probes.auditor import Auditor, Seen
from contract_tests.server.talk import reading
from contract_tests.server.talk.budget import OverBudgetError
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.listener import Box
from contract_tests.server.talk.reading import Balance
from contract_tests.server.talk.target import CaseOverError, UnmetError

_MISSES = 3
"""So often in a row a task may not be read until it is given up."""
_READINGS = 4
"""How often the credits are read until they show what has happened: a bill may come a moment after the end."""


class Item(StrEnum):
    """What is bought; the text says it in a plan and in reasons."""

    PLAIN = "plain task"
    FAILING = "task that fails"
    LARGE = "task at the upper bounds"


@dataclass(slots=True)
class Bought:
    """`before` is the balance before it was submitted, `ended_s` the monotonic time at which it was first seen to
    have ended; `is_shared` is whether other tasks call back at its URL, which a correct server would not have
    made."""

    seen: Seen
    before: Balance | None = None
    box: Box | None = None
    ended_s: float | None = None
    is_resumed: bool = False
    is_shared: bool = False

    @property
    def id(self) -> str:
        return self.seen.id


class Shelf:
    """The tasks of one account, and the one auditor of all that is said about them."""

    def __init__(self, judge: Judge, contract: Contract) -> None:
        self.auditor = Auditor(judge, contract)
        self.items: dict[Item, Bought] = {}
        self.case: Case | None = None
        self.off = ""
        self._looked_s = 0.0
        self._missed: Counter[str] = Counter()
        self._missed_s: dict[str, float] = {}
        self._lacks: dict[Item, str] = {}

    def of(self, case: Case) -> Case:
        """The account that pays: the first case that asks."""
        self.case = self.case or case
        return self.case

    def put(self, item: Item, answer: Answer, box: Box | None = None) -> Bought:
        """Raises UnmetError where the submission was refused; then nobody can have it."""
        before = self.auditor.shown
        try:
            seen = self.auditor.submitted(answer.body, answer.task_id)
        except UnmetError as unmet:
            self._lacks[item] = str(unmet)
            raise
        self.items[item] = Bought(seen, before, box)
        return self.items[item]

    def resume(self, task_id: str) -> None:
        """A task that an earlier, interrupted run has paid for."""
        if self.case is not None:
            self.auditor.resumed(self.case.task(task_id).body, task_id)
            self.items[Item.PLAIN] = Bought(self.auditor.tasks[task_id], is_resumed=True)

    @contextmanager
    def buying(self, item: Item) -> Iterator[None]:
        """Remember why it could not even be asked for."""
        try:
            yield
        except (OverBudgetError, CaseOverError) as error:
            self._lacks[item] = str(error)
            raise

    def get(self, item: Item) -> Bought:
        """Raises UnmetError where there is none, with the reason."""
        if item not in self.items:
            why = self._lacks.get(item, "its turn did not come")
            raise UnmetError(f"needs a {item}, which there is not: {why}")
        return self.items[item]

    def ended(self, *items: Item) -> Bought:
        """The first of these that has ended. Raises UnmetError where none has."""
        there = [self.items[one] for one in items if one in self.items] or [self.get(items[0])]
        for bought in there:
            if bought.seen.ended is not None:
                return bought
        raise UnmetError(f"needs the end of a {items[0]}, and it did not end while the run waited")

    def adopt(self, answer: Answer) -> None:
        """A submission that should not have been accepted costs like any other."""
        task_id = reading.text(answer.at("id"))
        if self.case is None:
            return
        if task_id and task_id not in self.auditor.tasks:
            self.auditor.submitted(answer.body, task_id)
        else:
            self.off = "a submission was accepted whose task can't be told from others"

    @property
    def open(self) -> list[Seen]:
        """The tasks whose end is still to come; not those that can't be read any more."""
        tasks = self.auditor.tasks.values()
        return [one for one in tasks if one.is_open and self._missed[one.id] < _MISSES]

    def look(self) -> int:
        """Ask about every open task; how many of them have ended since."""
        still, self._looked_s = self.open, time.monotonic()
        for seen in still:
            self._query(seen)
        for bought in self.items.values():
            if bought.seen.ended is not None and bought.ended_s is None:
                bought.ended_s = time.monotonic()
        return len(still) - len(self.open)

    def glance(self) -> None:
        """Look, if it is time to: between other things, so that no task goes its way unseen."""
        if self.case is not None and time.monotonic() - self._looked_s >= self.case.target.settings.poll_s:
            with suppress(CaseOverError, UnmetError):
                if self.look():
                    self.reckon()

    def after_refusals(self) -> None:
        """The credits once more, as long as nothing else has happened that could have moved them."""
        if self.case is not None and self.auditor.changes.refused:
            with suppress(CaseOverError, UnmetError):
                self.reckon()

    def look_again(self) -> None:
        """Ask about every task that has ended."""
        for seen in self.auditor.tasks.values():
            if not seen.is_open:
                self._query(seen)

    def reckon(self) -> None:
        """The credits against all that has happened: by a reading before and after which no task has moved on,
        and, as long as it shows something else, by a later one."""
        if self.case is None or self.off:
            return
        for number in range(_READINGS):
            self.look()
            body = self.case.credits().body
            if self.look():
                continue
            predicted = self.auditor.predicted
            if predicted is None or predicted == reading.balance(body) or number == _READINGS - 1:
                self.auditor.balanced(body)
                return
            self.case.let_pass(self.case.target.settings.poll_s)

    def _query(self, seen: Seen) -> None:
        if self.case is None:
            return
        answer = self.case.task(seen.id)
        self.case.judge.that("TASK-STAYS", answer.is_ok, answer.told, "200")
        if answer.is_ok:
            self._missed[seen.id] = 0
            self.auditor.queried(answer.body, seen.id)
        else:
            self._miss(seen.id, self.case.target.settings.poll_s)
            self.auditor.lost()

    def _miss(self, task_id: str, poll_s: float) -> None:
        """Several looks within one pause are one: a server that stumbles once costs no task."""
        now_s = time.monotonic()
        if now_s - self._missed_s.get(task_id, -math.inf) >= poll_s:
            self._missed[task_id] += 1
            self._missed_s[task_id] = now_s
