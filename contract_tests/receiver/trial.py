"""One receiver on trial: deliveries as the provider makes them, its state before and after, and what follows."""

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.receiver.bodies import ANSWERS, Shape, plain
from contract_tests.receiver.bounds import AbortedError, Bounds, UntoldError
from contract_tests.receiver.delivery import Delivery, Sender, failed_inside, is_2xx, is_late, is_unreachable
from contract_tests.receiver.hooks import Hooks
from contract_tests.receiver.state import Effect, Usual, effect
from contract_tests.receiver.stock import COMPLETED, Ended
from contract_tests.receiver.watch import Watch

IN_TIME, EFFECT, RETRY = "RECEIVER-IN-TIME", "RECEIVER-EFFECT", "RECEIVER-RETRY-RECOVERS"
A_STATE = "--state-url or --state-command, with a state that changes by callbacks only"
_KEPT = 2_000
_FULL_WAITS, _SHORT = 4, 0.1
"""After so many failures of its own, a receiver gets the first repetition after this part of the documented time."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What the receiver failed at first and accepted then. `remake` gets ready to send the like of it again."""

    case: str
    kind: str
    owner: str
    what: str
    remake: Callable[[], Awaitable[Delivery]]
    exchange: Exchange


class Trial(Watch):
    """Sends, looks and judges.

    `named` are the kinds of tasks that the state names only once they have ended, and `oldest` the first that it
    named; `usual` is what one callback does to it, by whether the task succeeded. `unfit` are kinds whose plain
    callback is not accepted. `exchanges` are the last 2,000 of the run.
    """

    def __init__(
        self, judge: Judge, sender: Sender, new_task: Callable[[str], Ended], hooks: Hooks, bounds: Bounds
    ) -> None:
        super().__init__(hooks, bounds)
        self.judge, self.sender = judge, sender
        self.named: set[str] = set()
        self.oldest = ""
        self.usual: defaultdict[bool, Usual] = defaultdict(Usual)
        self.unfit: set[str] = set()
        self.suspects: dict[tuple[str, str], Suspect] = {}
        self.is_hurried = True
        self.counts: Counter[str] = Counter()
        self.exchanges: deque[Exchange] = deque(maxlen=_KEPT)
        self._new_task = new_task
        self._failures = 0
        self._started = time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether there is time for another case."""
        return time.monotonic() - self._started > self.bounds.run_s

    @property
    def names_tasks(self) -> bool:
        """All that have completed: not one that shows the last few."""
        return COMPLETED in self.named and self.oldest in self.state

    async def task(
        self, kind: str = COMPLETED, *, known: bool = True, named: Callable[[str], str] = lambda task_id: task_id
    ) -> Ended:
        """A new task, which the receiver is told of if there is a way to. `named` may give it another id."""
        if kind in self.unfit:
            raise UntoldError
        task = self._new_task(kind)
        task = task.renamed(named(task.id))
        self.counts["tasks"] += 1
        if known and self.hooks.before:
            await self.hooks.before(task.id)
            await self.look_after_telling()
        return task

    async def shown(self, task: Ended, before: str) -> bool:
        """Whether the state has changed since `before`, waiting no longer for it than such a task is worth."""
        if task.succeeded:
            return await self.appeared(before, self.bounds.patience_s)
        return await (self.appeared(before, self.settle_s) if any(self.usual[False].samples) else self.look())

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

        Nothing is repeated that was late, which is a broken promise already, nor what was refused. The state is read
        after every attempt. One that fails now and then may fail all of them: then there is a second round.
        """
        others = self._failures
        exchange = await self.send(delivery)
        delays_s = self._delays_s(exchange)
        for delay_s in delays_s + delays_s[:1] + delays_s if others else delays_s:
            if not failed_inside(exchange):
                break
            await asyncio.sleep(delay_s)
            await self.look_between()
            self.note(f"delivered again {delay_s:g} s after the failure")
            exchange = await self.send(delivery)
        return exchange

    def _delays_s(self, exchange: Exchange) -> tuple[float, ...]:
        self._failures += failed_inside(exchange)
        first, *others = self.bounds.retry_delays_s or (0.0,)
        short = self.is_hurried and self._failures > _FULL_WAITS
        return (first * _SHORT, *others) if short else self.bounds.retry_delays_s

    async def accepted(self, delivery: Delivery, owner: str, suspect: tuple[str, str, Any] | None = None) -> bool:
        """Deliver what has to be accepted. True if it took more than one attempt; anything but 2xx is a broken
        promise of `owner`. `suspect` is the kind of the task, what was sent, how to get the like of it ready."""
        before = len(self.steps)
        exchange = await (self.send(delivery) if self.judge.is_found(owner) else self.deliver(delivery))
        again = len(self.steps) - before > 1
        self.answered(exchange, owner)
        if suspect and again:
            kind, what, remake = suspect
            self.suspects.setdefault((owner, what), Suspect(self.case, kind, owner, what, remake, self.steps[before]))
        return again

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
            self.judge.not_judged(check_id, self.blind, A_STATE)
        else:
            self.require(check_id, holds, received, documented)

    async def first(
        self, task: Ended, *, shape: Shape = plain, owner: str = ANSWERS, effect: str = EFFECT, line: str = ""
    ) -> Effect:
        """The first callback of a task: accepted, or `owner` is broken; and if the task completed, with an effect on
        the state, or `effect` is - unless the callback had to be repeated, which is the retry's own matter. What it
        did to the state."""
        self.note(f"{line or task.kind}: first callback of {task.id}")
        before = self.state

        async def remake() -> Delivery:
            return shape(await self.task(task.kind))

        again = await self.accepted(shape(task), owner, (task.kind, line or task.kind, remake))
        changed = await self.shown(task, before)
        if task.id in self.state and task.id not in before:
            self.named.add(task.kind)
            self.oldest = self.oldest or task.id
        if task.succeeded:
            self._came(RETRY if again else effect, changed)
        got = self.effect_since(before, task)
        if again and shape is plain:
            await self.done_once(task, before, RETRY)
        elif shape is plain:
            self._keep_sample(task, got)
        return got

    def _keep_sample(self, task: Ended, got: Effect) -> None:
        if not self.blind and (got or not task.succeeded):
            self.usual[task.succeeded].add(got)

    def _came(self, check_id: str, changed: bool) -> None:
        if check_id == RETRY and not changed and self._forgives():
            raise UntoldError
        received = "2xx, and the state stayed as it was"
        self.require_state(check_id, changed, received, f"an effect on the state within {self.bounds.patience_s:g} s")

    def _forgives(self) -> bool:
        """Whether the retry came sooner than documented: then it proves nothing, and no other will."""
        hurried, self.is_hurried = self.is_hurried and self._failures > _FULL_WAITS, False
        return hurried

    def effect_since(self, before: str, task: Ended) -> Effect:
        return Effect() if self.blind else effect(before, self.state, task.told)

    async def sample(self, kind: str = COMPLETED) -> Effect:
        """What the callback of a new task does to the state. Counts as usual where one attempt was enough."""
        task, before, sent = await self.task(kind), self.state, len(self.steps)
        self.note(f"{kind}: first callback of {task.id}, to compare with")
        await self.accepted(Delivery(task.body), ANSWERS)
        await self.shown(task, before)
        got = self.effect_since(before, task)
        if len(self.steps) - sent == 1:
            self._keep_sample(task, got)
        return got

    async def done_once(self, task: Ended, before: str, owner: str) -> None:
        """What became of the state since `before` is what one callback of such a task does, no less and no more; or
        `owner` is broken. What is usual may have changed: then a new task shows it."""
        usual, got = self.usual[task.succeeded], self.effect_since(before, task)
        if self.blind or not usual.samples:
            return
        if usual.excess(got) or usual.missing(got):
            await self.sample(task.kind)
        wrong = usual.excess(got) or usual.missing(got)
        if wrong and owner == RETRY and self._forgives():
            raise UntoldError
        self.require_state(owner, not wrong, wrong, "the effect of one callback, once")

    async def again(
        self, task: Ended, owner: str, *, shape: Shape = plain, line: str = "", exact: bool = True
    ) -> None:
        """The same callback once more: accepted, without an effect; `exact`: also none on how the state is spelt."""
        self.note(f"{line or 'the same callback'} of {task.id} again")

        async def remake() -> Delivery:
            other = await self.task(task.kind)
            await self.deliver(shape(other))
            return shape(other)

        before = self.state
        await self.accepted(shape(task), owner, (task.kind, f"{line or 'a copy'} of {task.kind}", remake))
        await self.look()
        got = self.effect_since(before, task)
        changed = self.state != before if exact else bool(got)
        self.require_state(owner, not changed, f"2xx, and in the state: {got}", "2xx and no further effect")

    async def is_alive(self) -> bool:
        """Whether it answers anything at all, soon enough: also where nothing more is judged of completed tasks."""
        self.counts["tasks"] += 1
        exchange = await self.deliver(Delivery(self._new_task(COMPLETED).body))
        alive = not (is_late(exchange) or is_unreachable(exchange))
        if alive:
            await self.look()
        return alive
