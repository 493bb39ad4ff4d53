"""One receiver on trial: deliveries as the provider makes them, its state before and after, and what follows."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.receiver.delivery import (
    TIME_LIMIT_S,
    Delivery,
    Sender,
    failed_inside,
    is_2xx,
    is_late,
    is_unreachable,
)
from contract_tests.receiver.hooks import Hooks
from contract_tests.receiver.stock import COMPLETED, Ended

RETRY_DELAYS_S = (1.0, 2.0, 4.0)
"""Documented: how long after each failure a delivery is repeated."""
ANSWERS, IN_TIME = "RECEIVER-ANSWERS-2XX", "RECEIVER-IN-TIME"
EFFECT, RETRY = "RECEIVER-EFFECT", "RECEIVER-RETRY-RECOVERS"
_KEPT = 2_000


class UntoldError(Exception):
    """This case can tell nothing more: what is wrong here has its finding already."""


class AbortedError(Exception):
    """The run cannot go on; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Of one run, in seconds.

    `timeout_s` is how long an answer may take; `settle_s` how long the receiver may work on after it until its state
    is read. No case begins after `run_s`, and no delivery after twice that.
    """

    timeout_s: float = TIME_LIMIT_S
    retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S
    settle_s: float = 0.2
    run_s: float = 300.0


class Trial:
    """Sends, looks and judges. `blind` says why the state cannot be told, and is empty where it can; `named` are the
    kinds of tasks that the state names once they have ended.

    `steps` and `notes` belong to the case under way; `exchanges` are the last 2,000 of the run.
    """

    def __init__(
        self, judge: Judge, sender: Sender, new_task: Callable[[str], Ended], hooks: Hooks, bounds: Bounds
    ) -> None:
        self.judge, self.sender, self.hooks, self.bounds = judge, sender, hooks, bounds
        self.blind = "" if hooks.state else "no --state-url or --state-command tells the receiver's state"
        self.named: set[str] = set()
        self.state = ""
        self.counts: Counter[str] = Counter()
        self.exchanges: deque[Exchange] = deque(maxlen=_KEPT)
        self.steps: list[Exchange] = []
        self.notes: list[str] = []
        self._new_task = new_task
        self._started = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether there is time for another case."""
        return time.monotonic() - self._started > self.bounds.run_s

    @property
    def names_tasks(self) -> bool:
        return COMPLETED in self.named

    def begin(self) -> None:
        """A new case."""
        self.steps, self.notes = [], []

    def note(self, text: str) -> None:
        self.notes.append(f"{len(self.steps) + 1}. {text}")

    async def task(self, kind: str = COMPLETED, *, known: bool = True) -> Ended:
        """A new task, which the receiver is told of if there is a way to."""
        task = self._new_task(kind)
        self.counts["tasks"] += 1
        if known and self.hooks.before:
            await self.hooks.before(task.id)
        return task

    async def look(self) -> bool:
        """Read the state, and whether it changed since the last look. Never, while blind."""
        if self.blind or self.hooks.state is None:
            return False
        await asyncio.sleep(self.bounds.settle_s)
        former, self.state = self.state, await self.hooks.state()
        return self.state != former

    async def send(self, delivery: Delivery) -> Exchange:
        """Once."""
        if time.monotonic() - self._started > 2 * self.bounds.run_s:
            raise AbortedError(f"not done within {2 * self.bounds.run_s:g} s")
        exchange = await self.sender.send(delivery)
        self.keep(exchange)
        return exchange

    def keep(self, exchange: Exchange) -> None:
        self.counts["deliveries"] += 1
        self.steps.append(exchange)
        self.exchanges.append(exchange)

    async def deliver(self, delivery: Delivery) -> Exchange:
        """And again after a failure of the receiver's own, as the provider does; returns the last exchange.

        Nothing is repeated that was late, which is a broken promise already, nor what was refused.
        """
        exchange = await self.send(delivery)
        for delay_s in self.bounds.retry_delays_s:
            if not failed_inside(exchange):
                break
            await asyncio.sleep(delay_s)
            self.note(f"delivered again {delay_s:g} s after the failure")
            exchange = await self.send(delivery)
        return exchange

    async def accepted(self, delivery: Delivery, owner: str) -> bool:
        """Deliver what has to be accepted. True if it took more than one attempt; anything but 2xx is a broken
        promise of `owner`."""
        before = len(self.steps)
        exchange = await self.deliver(delivery)
        attempts = len(self.steps) - before
        self.answered(exchange, owner)
        return attempts > 1

    def answered(self, exchange: Exchange, owner: str) -> None:
        """Whether this answer to a valid callback is one: 2xx, and in time."""
        if is_late(exchange):
            if self.judge.is_found(IN_TIME):
                raise UntoldError
            self.require(IN_TIME if owner == ANSWERS else owner, False, exchange.answer_line(), self._limit())
        self.judge.that(IN_TIME, True, "")
        if not is_2xx(exchange):
            self.require(owner, False, exchange.answer_line(), "any 2xx")

    def _limit(self) -> str:
        return f"2xx within {self.sender.timeout_s:g} s"

    def require(self, check_id: str, holds: bool, received: Any, documented: str = "") -> None:
        """Judge.that, but where it does not hold the case always ends."""
        self.judge.that(check_id, holds, received, documented)
        if not holds:
            raise UntoldError

    def require_state(self, check_id: str, holds: bool, received: Any, documented: str = "") -> None:
        """The same for what only the state proves: while blind nothing holds, though much can break."""
        if self.blind:
            self.judge.not_judged(check_id, self.blind)
        else:
            self.require(check_id, holds, received, documented)

    async def first(self, task: Ended, *, owner: str = ANSWERS, effect: str = EFFECT) -> None:
        """The first callback of a task: accepted, or `owner` is broken; and if the task completed, with an effect on
        the state, or `effect` is - unless the callback had to be repeated, which is the retry's own matter."""
        self.note(f"{task.kind}: first callback of {task.id}")
        again = await self.accepted(Delivery(task.body), owner)
        changed = await self.look()
        if task.id in self.state:
            self.named.add(task.kind)
        if task.kind == COMPLETED:
            received = "2xx, and the state stayed as it was"
            self.require_state(RETRY if again else effect, changed, received, "2xx and an effect on the state")

    async def again(self, task: Ended, owner: str) -> None:
        """The same callback once more: accepted, without an effect."""
        self.note(f"the same callback of {task.id} again")
        await self.accepted(Delivery(task.body), owner)
        changed = await self.look()
        self.require_state(owner, not changed, "2xx, and the state changed", "2xx and no further effect")

    async def is_alive(self) -> bool:
        """Whether it answers anything at all, soon enough."""
        exchange = await self.deliver(Delivery((await self.task(known=False)).body))
        alive = not (is_late(exchange) or is_unreachable(exchange))
        if alive:
            await self.look()
        return alive
