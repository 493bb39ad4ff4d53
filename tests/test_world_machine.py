"""Random histories of several tenants against an auditor that knows the promises and shares no code with the world.

The auditor is told each command and what came out of it (reply, events, sends), and nothing else.
After every step its own sums, states and plans must be those of the world.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockserver.simulation import command as commands
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.command import AccountState, Command, Pass
from mockserver.simulation.event import Fired, Outcome, Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault, Match, Rule, Scenario
from mockserver.simulation.task import Event, Task, Terms
from mockserver.simulation.world import Settings, World
from tests.orders import ALICE, BOB, CAROL, DAY_MS, MODEL, START_MS, URL, dumped, restored, terms

CREDITS_UC = 500_000
RETRY_GAPS_MS = (1_000, 2_000, 4_000)
MINUTE_MS = 60_000
WAS = {
    "task.submitted": {None},
    "task.started": {"pending"},
    "task.completed": {"pending", "processing"},
    "task.failed": {"pending", "processing"},
    "task.cancelled": {"pending", "processing"},
}
"""For each event of a task: the states in which it may find it."""
BECOMES = {
    "task.submitted": "pending",
    "task.started": "processing",
    "task.completed": "completed",
    "task.failed": "failed",
    "task.cancelled": "cancelled",
}
ENDS = {"task.completed", "task.failed", "task.cancelled"}
REPORTED = {"callback.delivered", "callback.failed", "callback.given_up"}


# --- the auditor


@dataclass
class Sums:
    """Where the credits of one balance are, as far as the events tell."""

    granted: int
    available: int
    reserved: int = 0
    charged: int = 0

    def check(self) -> None:
        assert self.granted == self.available + self.reserved + self.charged, self
        assert min(self.available, self.reserved, self.charged) >= 0, self

    def same_as(self, other: Any) -> bool:
        theirs = (other.granted, other.available, other.reserved, other.charged)
        return theirs == (self.granted, self.available, self.reserved, self.charged)


@dataclass
class Purse:
    """A tenant's money, limits and remembered keys."""

    user: Sums
    token: Sums | None = None
    open: dict[str, tuple[int, bool]] = field(default_factory=dict)
    """Reservations by task: (amount, whether the token's limit holds it too)."""
    models: tuple[str, ...] | None = None
    expired: bool = False
    per_minute: int | None = None
    concurrent: int | None = None
    windows: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Rate windows by model: (when it began, requests accepted in it)."""
    keys: dict[str, tuple[str | None, str, int, int]] = field(default_factory=dict)
    """Idempotency keys: (fingerprint, task, when the first answer came, when it is forgotten)."""

    def balances(self) -> list[Sums]:
        return [self.user, *([self.token] if self.token else [])]


@dataclass
class Job:
    """A task, as its reply and events tell."""

    tenant: str
    starts_ms: int
    ends_ms: int
    fails: str | None
    url: str | None
    delay_ms: int
    copies: int
    timeout_ms: int
    state: str | None = None
    settled: bool = False
    progress: int = 0


@dataclass
class Parcel:
    """A delivery: attempts in all, attempts and failures since it was planned anew."""

    task_id: str
    sent: int = 0
    sent_in_cycle: int = 0
    sending: bool = False


class Auditor:
    """Rebuilds what must be true from commands and outcomes, and objects where they disagree."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms
        self.purses: dict[str, Purse] = {}
        self.jobs: dict[str, Job] = {}
        self.parcels: dict[str, Parcel] = {}
        self.due: dict[str, int] = {}
        """When each task or delivery moves next by itself."""
        self._planned: dict[tuple[str, int], int] = {}
        self._plans: Counter[tuple[str, int]] = Counter()
        self._handlers = {
            "credits.reserved": self._on_reserved,
            "credits.charged": self._on_settled,
            "credits.released": self._on_settled,
            "callback.sent": self._on_sent,
            "callback.delivered": self._on_delivered,
            "callback.failed": self._on_failed,
            "callback.given_up": self._on_given_up,
            "account.changed": self._on_account,
            "tenant.forgotten": self._on_forgotten,
        }

    def observe(self, command: Command, outcome: Outcome) -> None:
        before_ms, self.now_ms = self.now_ms, max(self.now_ms, command.at_ms)
        self._check_times(before_ms, outcome.events)
        self._judge(command, outcome)
        for number, event in enumerate(outcome.events, start=1):
            is_last = number == len(outcome.events)
            if isinstance(command, commands.Redeliver) and outcome.reply.refusal is None and is_last:
                self._replan(command.delivery_id)
            handler = self._handlers.get(event.type.value)
            if event.type in WAS:
                self._on_task(event, command, outcome.reply)
            elif handler:
                handler(event, command)
        self._check_sends(outcome)
        self._judge_after(command, outcome)
        assert all(due > self.now_ms for due in self.due.values()), "something due has not fired"
        for purse in self.purses.values():
            for sums in purse.balances():
                sums.check()

    # times

    def _check_times(self, before_ms: int, events: list[Fired]) -> None:
        """What time fires lies between the last command and this one, in order; a report bears its own time."""
        last_ms = before_ms
        for event in events:
            if event.type not in REPORTED:
                assert last_ms <= event.at_ms <= self.now_ms, event
                last_ms = event.at_ms

    def _plan(self, subject: str, due_ms: int) -> None:
        self.due[subject] = due_ms
        self._planned.setdefault((subject, due_ms), len(self._planned))
        self._plans[subject, due_ms] += 1

    def _fires(self, subject: str, at_ms: int) -> None:
        """It was due exactly then, nothing was due before it, and ties go to whoever was planned first."""
        assert self.due.get(subject) == at_ms == min(self.due.values()), subject
        tied = [(one, at_ms) for one, due in self.due.items() if due == at_ms]
        if all(self._plans[one] == 1 for one in tied):
            assert min(tied, key=self._planned.__getitem__) == (subject, at_ms), subject
        del self.due[subject]

    # tasks

    def _on_task(self, event: Fired, command: Command, reply: Reply) -> None:
        task_id = event.task_id or ""
        if event.type == "task.submitted":
            assert isinstance(command, commands.Submit)
            assert reply.task is not None
            assert task_id not in self.jobs
            self.jobs[task_id] = _job(command, reply.task)
        job = self.jobs[task_id]
        assert job.state in WAS[event.type], (job, event)
        was, job.state = job.state, BECOMES[event.type]
        if event.type == "task.submitted":
            self._plan(task_id, job.starts_ms)
        elif event.type in ENDS and reply.refusal is None and getattr(command, "task_id", None) == task_id:
            self._check_steering(command, event)
            del self.due[task_id]
        else:
            self._fires(task_id, event.at_ms)
            self._check_timeline(job, was, event)
        if event.type == "task.started":
            self._plan(task_id, job.ends_ms)

    def _check_timeline(self, job: Job, was: str | None, event: Fired) -> None:
        if was == "pending":
            assert (event.type, event.at_ms) == ("task.started", job.starts_ms)
        else:
            assert event.at_ms == job.ends_ms
            assert event.type == ("task.failed" if job.fails else "task.completed")
            assert event.error == job.fails

    def _check_steering(self, command: Command, event: Fired) -> None:
        assert isinstance(command, commands.Steer)
        assert (event.type, event.error) == (f"task.{_past(command.event)}", _code(command))
        assert event.at_ms == self.now_ms

    # money

    def _on_reserved(self, event: Fired, command: Command) -> None:
        assert isinstance(command, commands.Submit)
        purse, amount = self.purses[event.tenant or ""], event.amount_uc or 0
        assert amount == command.terms.reserve_uc
        assert event.task_id not in purse.open
        assert self.jobs[event.task_id or ""].state == "pending"
        purse.open[event.task_id or ""] = (amount, purse.token is not None)
        for sums in purse.balances():
            sums.available -= amount
            sums.reserved += amount

    def _on_settled(self, event: Fired, command: Command) -> None:
        """Each reservation ends once, charged if and only if its task completed, and then callbacks may go."""
        task_id, purse = event.task_id or "", self.purses[event.tenant or ""]
        job, charged = self.jobs[task_id], event.type == "credits.charged"
        assert job.state == "completed" if charged else job.state in ("failed", "cancelled")
        amount, with_token = purse.open.pop(task_id)
        assert event.amount_uc == amount
        for sums in purse.balances() if with_token else [purse.user]:
            sums.reserved -= amount
            sums.charged += amount if charged else 0
            sums.available += 0 if charged else amount
        job.settled = True
        for copy in range(1, job.copies + 1 if job.url else 1):
            delivery_id = f"callback-{task_id.removeprefix('task-unified-')}-{copy}"
            self.parcels[delivery_id] = Parcel(task_id)
            self._plan(delivery_id, event.at_ms + job.delay_ms)

    def _on_account(self, event: Fired, command: Command) -> None:
        assert isinstance(command, commands.SetAccount)
        purse = self.purses[command.tenant]
        for name in ("models", "requests_per_minute", "concurrent_tasks"):
            value = getattr(command, name)
            short = {"requests_per_minute": "per_minute", "concurrent_tasks": "concurrent"}.get(name, name)
            setattr(purse, short, getattr(purse, short) if value is msgspec.UNSET else value)
        if command.state is not msgspec.UNSET:
            purse.expired = command.state is AccountState.EXPIRED
        if command.credits_uc is not msgspec.UNSET:
            purse.user.granted += command.credits_uc - purse.user.available
            purse.user.available = command.credits_uc
        if command.token_credits_uc is not msgspec.UNSET:
            self._limit_token(purse, command.token_credits_uc)

    def _limit_token(self, purse: Purse, available: int | None) -> None:
        if available is None:
            purse.token = None
            return
        if purse.token is None:
            held = sum(amount for amount, with_token in purse.open.values() if with_token)
            purse.token = Sums(held + purse.user.charged, 0, held, purse.user.charged)
        purse.token.granted += available - purse.token.available
        purse.token.available = available

    # callbacks

    def _replan(self, delivery_id: str) -> None:
        self.parcels[delivery_id].sent_in_cycle = 0
        self.due.pop(delivery_id, None)
        self._plan(delivery_id, self.now_ms)

    def _on_sent(self, event: Fired, command: Command) -> None:
        parcel = self.parcels[event.delivery_id or ""]
        assert parcel.task_id == event.task_id
        assert self.jobs[parcel.task_id].settled, "a callback before billing"
        assert not parcel.sending
        self._fires(event.delivery_id or "", event.at_ms)
        parcel.sending = True
        parcel.sent += 1
        parcel.sent_in_cycle += 1
        assert event.attempt == parcel.sent
        assert parcel.sent_in_cycle <= 4

    def _came_back(self, event: Fired, command: Command) -> Parcel:
        assert isinstance(command, commands.Report)
        parcel = self.parcels[event.delivery_id or ""]
        assert parcel.sending
        assert (event.delivery_id, event.attempt) == (command.delivery_id, command.attempt)
        assert command.attempt == parcel.sent
        assert (event.at_ms, event.status) == (command.ended_ms, command.status)
        parcel.sending = False
        return parcel

    def _on_delivered(self, event: Fired, command: Command) -> None:
        self._came_back(event, command)
        assert 200 <= (event.status or 0) < 300
        assert event.retry_at_ms is None

    def _on_failed(self, event: Fired, command: Command) -> None:
        parcel = self._came_back(event, command)
        assert not 200 <= (event.status or 0) < 300
        gaps = dict(enumerate(RETRY_GAPS_MS, start=1))
        gap = gaps.get(parcel.sent_in_cycle)
        assert event.retry_at_ms == (None if gap is None else event.at_ms + gap)
        if event.retry_at_ms is not None:
            self._plan(event.delivery_id or "", event.retry_at_ms)

    def _on_given_up(self, event: Fired, command: Command) -> None:
        assert self.parcels[event.delivery_id or ""].sent_in_cycle == 4
        assert event.delivery_id not in self.due

    def _check_sends(self, outcome: Outcome) -> None:
        """Every attempt told of is handed out (unless forgotten at once), to the URL that was submitted."""
        sent = [one for one in outcome.events if one.type == "callback.sent" and one.delivery_id in self.parcels]
        told = [(one.delivery_id, one.attempt, one.task_id) for one in sent]
        assert [(one.delivery_id, one.attempt, one.task_id) for one in outcome.sends] == told
        for send in outcome.sends:
            job = self.jobs[send.task_id]
            assert (send.url, send.timeout_ms) == (job.url, job.timeout_ms)

    # tenants

    def _on_forgotten(self, event: Fired, command: Command) -> None:
        tenant = event.tenant or ""
        self.purses.pop(tenant, None)
        gone = {task_id for task_id, job in self.jobs.items() if job.tenant == tenant}
        gone |= {delivery_id for delivery_id, parcel in self.parcels.items() if parcel.task_id in gone}
        for one in gone:
            self.jobs.pop(one, None)
            self.parcels.pop(one, None)
            self.due.pop(one, None)

    # replies

    def _judge(self, command: Command, outcome: Outcome) -> None:
        """Open the tenant as the world does: at the first command that concerns it."""
        if isinstance(command, commands.Submit | commands.Strike | commands.SetAccount):
            self.purses.setdefault(command.tenant, Purse(Sums(CREDITS_UC, CREDITS_UC)))

    def _judge_after(self, command: Command, outcome: Outcome) -> None:
        refusal = outcome.reply.refusal
        match command:
            case commands.Submit():
                self._judge_submission(command, outcome)
            case commands.Report():
                parcel = self.parcels.get(command.delivery_id)
                assert (refusal is Refusal.DELIVERY_NOT_FOUND) == (parcel is None)
                assert parcel is None or not (parcel.sending and parcel.sent == command.attempt)
            case commands.Redeliver():
                assert (refusal is Refusal.DELIVERY_NOT_FOUND) == (command.delivery_id not in self.parcels)
            case commands.Steer():
                assert (refusal is Refusal.TASK_NOT_FOUND) == (command.task_id not in self.jobs)
                job = self.jobs.get(command.task_id)
                assert job is None or BECOMES.get(f"task.{job.state}") or job.settled

    def _judge_submission(self, command: commands.Submit, outcome: Outcome) -> None:
        purse, reply = self.purses[command.tenant], outcome.reply
        known = purse.keys.get(command.idempotency_key or "")
        known = known if known and self.now_ms < known[3] else None
        if reply.replayed:
            assert known is not None
            assert reply.task is not None
            assert known[:2] == (command.fingerprint, reply.task.id)
            assert self.now_ms >= known[2]
        elif reply.refusal is None:
            assert known is None
            self._remember(purse, command, outcome)
        else:
            assert self._deserved(purse, command, known, outcome), reply

    def _remember(self, purse: Purse, command: commands.Submit, outcome: Outcome) -> None:
        task, effect = outcome.reply.task, outcome.reply.effect
        assert task is not None
        assert not purse.expired
        assert purse.models is None or command.terms.model in purse.models
        assert self._wait_ms(purse, command.terms.model) == 0
        started_ms, requests = self._window(purse, command.terms.model)
        purse.windows[command.terms.model] = (started_ms, requests + 1)
        if command.idempotency_key:
            stall_ms = effect.stall_ms or 0 if effect else 0
            answered_ms, until_ms = self.now_ms + stall_ms, self.now_ms + command.idempotency_window_ms
            purse.keys[command.idempotency_key] = (command.fingerprint, task.id, answered_ms, until_ms)

    def _window(self, purse: Purse, model: str) -> tuple[int, int]:
        started_ms, requests = purse.windows.get(model, (self.now_ms, 0))
        return (self.now_ms, 0) if self.now_ms >= started_ms + MINUTE_MS else (started_ms, requests)

    def _wait_ms(self, purse: Purse, model: str) -> int:
        started_ms, requests = self._window(purse, model)
        if purse.per_minute is None or requests < purse.per_minute:
            return 0
        return started_ms + MINUTE_MS - self.now_ms

    def _deserved(self, purse: Purse, command: commands.Submit, known: Any, outcome: Outcome) -> bool:
        """Whether the reason given for the refusal holds."""
        reply, model, amount = outcome.reply, command.terms.model, command.terms.reserve_uc
        token = purse.token
        reasons = {
            Refusal.UNAUTHORIZED: purse.expired,
            Refusal.SCENARIO: reply.effect is not None,
            Refusal.MODEL_ACCESS_DENIED: purse.models is not None and model not in purse.models,
            Refusal.IDEMPOTENCY_CONFLICT: known is not None and known[0] != command.fingerprint,
            Refusal.OUTCOME_UNKNOWN: known is not None and self.now_ms < known[2],
            Refusal.RATE_LIMITED: 0 < self._wait_ms(purse, model) == reply.retry_after_ms,
            Refusal.TOO_MANY_TASKS: purse.concurrent is not None
            and len(purse.open) >= purse.concurrent
            and reply.retry_after_ms >= 1_000,
            Refusal.INSUFFICIENT_CREDITS: purse.user.available < amount,
            Refusal.INSUFFICIENT_TOKEN_CREDITS: token is not None and token.available < amount,
        }
        return reasons[reply.refusal] if reply.refusal else False

    # the world

    def agrees_with(self, world: World) -> None:
        assert world.now_ms == self.now_ms
        assert world.next_due_ms() == min(self.due.values(), default=None)
        assert {one.id: one.state.value for one in world.tasks.values()} == {
            task_id: job.state for task_id, job in self.jobs.items()
        }
        assert world.deliveries.keys() == self.parcels.keys()
        assert world.tenants.keys() == self.purses.keys() >= world.playbook.hits.keys()
        for tenant_id, purse in self.purses.items():
            self._agrees_with_tenant(world, tenant_id, purse)

    def _agrees_with_tenant(self, world: World, tenant_id: str, purse: Purse) -> None:
        tenant = world.tenants[tenant_id]
        assert purse.user.same_as(tenant.book.user), (purse, tenant.book)
        assert (purse.token is None) == (tenant.book.token is None)
        assert purse.token is None or purse.token.same_as(tenant.book.token), (purse, tenant.book)
        running = {task_id for task_id, job in self.jobs.items() if job.tenant == tenant_id and not job.settled}
        assert running == purse.open.keys() == tenant.book.open.keys()
        assert tenant.active == len(running)
        assert purse.user.reserved == sum(amount for amount, _ in purse.open.values())
        assert tenant.tasks.keys() == {task_id for task_id, job in self.jobs.items() if job.tenant == tenant_id}

    def progress_of(self, task: Task) -> None:
        job, percent = self.jobs[task.id], task.progress(self.now_ms)
        assert job.progress <= percent <= 100, (job, percent)
        assert (percent == 100) == (job.state == "completed")
        job.progress = percent


def _job(command: commands.Submit, task: Task) -> Job:
    """What was agreed, worked out anew; the reply must say the same."""
    agreed, effect = command.terms, task.effect or Effect()
    work_ms = agreed.work_ms if effect.work_ms is None else effect.work_ms
    if effect.queue_ms is None:
        low, high = (int(share * work_ms) for share in agreed.queue_share)
        assert low <= task.starts_ms - task.submitted_ms <= high
        assert task.ends_ms == task.submitted_ms + work_ms
    else:
        assert task.starts_ms == task.submitted_ms + effect.queue_ms
        assert task.ends_ms == task.starts_ms + work_ms
    callback = effect.callback or CallbackEffect()
    return Job(
        tenant=command.tenant,
        starts_ms=task.starts_ms,
        ends_ms=task.ends_ms,
        fails=effect.fail,
        url=command.callback_url,
        delay_ms=callback.delay_ms,
        copies=callback.copies,
        timeout_ms=agreed.callback_timeout_ms,
    )


def _code(command: commands.Steer) -> str | None:
    return "request_cancelled" if command.event is Event.CANCEL else command.failure


def _past(event: Event) -> str:
    return {Event.COMPLETE: "completed", Event.FAIL: "failed", Event.CANCEL: "cancelled"}[event]


# --- what may happen

TENANTS = st.sampled_from([ALICE, BOB, CAROL])
MODELS = st.sampled_from([MODEL, "kling-o1-video-edit"])
CALLBACKS = st.builds(CallbackEffect, delay_ms=st.sampled_from([0, 1, 1_500, 10_000]), copies=st.integers(0, 3))
EFFECTS = st.builds(
    Effect,
    fail=st.sampled_from([None, None, "service_error", "generation_timeout"]),
    work_ms=st.sampled_from([None, None, 0, 1, 3_000, MINUTE_MS]),
    queue_ms=st.sampled_from([None, None, 0, 1_000]),
    stall_ms=st.sampled_from([None, None, 2_000]),
    callback=st.none() | CALLBACKS,
)
ANSWERS = st.sampled_from([Effect(answer=Answer(status=500)), Effect(fault=Fault.CLOSED_BEFORE_ANSWER)])
RULES = st.builds(
    Rule,
    then=EFFECTS | ANSWERS,
    skip=st.integers(0, 2),
    times=st.sampled_from([None, 1, 2]),
    chance=st.sampled_from([1.0, 0.5]),
)
TERMS = st.builds(
    terms,
    model=MODELS,
    work_ms=st.sampled_from([0, 1, 5_000, 20_000]),
    queue_share=st.sampled_from([(0.0, 0.0), (0.1, 0.3), (1.0, 1.0)]),
    reserve_uc=st.sampled_from([0, 1, 70_000, 300_000]),
)
KEYS = st.sampled_from([None, None, "key-a", "key-b"])
PICK = st.integers(0, 1_000)
RESULTS = st.sampled_from(
    [
        {"status": 200},
        {"status": 204},
        {"status": 500},
        {"status": 301},
        {"status": 199},
        {"status": None, "error": "connection refused"},
        {"status": None, "error": "timeout", "waited_ms": 10_000},
    ]
)
ACCOUNTS = st.fixed_dictionaries(
    {},
    optional={
        "credits_uc": st.sampled_from([0, 70_000, 300_000]),
        "token_credits_uc": st.sampled_from([0, 70_000, 400_000]),
        "models": st.sampled_from([None, (), (MODEL,)]),
        "state": st.sampled_from(list(AccountState)),
        "requests_per_minute": st.sampled_from([None, 0, 1, 1]),
        "concurrent_tasks": st.sampled_from([None, 0, 2]),
        "user_group": st.just("vip"),
    },
)
OPEN_ACCOUNT: dict[str, Any] = {
    "credits_uc": CREDITS_UC,
    "models": None,
    "state": AccountState.ACTIVE,
    "requests_per_minute": None,
    "concurrent_tasks": None,
}


class WorldMachine(RuleBasedStateMachine):
    """Commands of three tenants in any order, judged by the auditor after each."""

    born: ClassVar[Settings] = Settings(seed=7, credits_uc=CREDITS_UC)

    @initialize()
    def begin(self) -> None:
        self.world = World(self.born, START_MS)
        self.audit = Auditor(START_MS)
        self.lines: list[bytes] = []
        self.owner: dict[str, str] = {}
        """Every task and delivery there ever was, and whose it is."""

    def do(self, command: Command) -> Outcome:
        before = dumped(self.world)
        self.lines.append(commands.encode(command))
        outcome = self.world.apply(command)
        self.audit.observe(command, outcome)
        self.owner |= {task.id: task.tenant for task in self.world.tasks.values()}
        self.owner |= {one.id: one.tenant for one in self.world.deliveries.values()}
        if outcome.reply.refusal not in (None, Refusal.SCENARIO):
            self.changed_nothing(before, command)
        return outcome

    def changed_nothing(self, before: list[bytes], command: Command) -> None:
        """A refusal leaves the world as if only time had passed (a tenant seen first is opened, though)."""
        other = restored(before)
        if getattr(command, "tenant", None) in (None, *other.tenants):
            other.apply(Pass(at_ms=command.at_ms))
            assert dumped(other) == dumped(self.world)

    def now(self) -> int:
        return self.world.now_ms

    def pick(self, number: int, kind: str) -> str:
        """A task or delivery out of all there ever were, or one that never was."""
        found = [one for one in self.owner if one.startswith(kind)]
        return found[number % len(found)] if found else f"{kind}-nobody"

    # submissions

    @rule(
        tenant=TENANTS,
        agreed=TERMS,
        url=st.sampled_from([URL, URL, None]),
        key=KEYS,
        fingerprint=st.sampled_from(["one", "one", "other"]),
        window_ms=st.sampled_from([5_000, DAY_MS]),
        effect=st.none() | EFFECTS,
    )
    def submit(
        self,
        tenant: str,
        agreed: Terms,
        url: str | None,
        key: str | None,
        fingerprint: str,
        window_ms: int,
        effect: Effect | None,
    ) -> None:
        outcome = self.do(
            commands.Submit(
                at_ms=self.now(),
                tenant=tenant,
                terms=agreed,
                callback_url=url,
                idempotency_key=key,
                fingerprint=fingerprint,
                idempotency_window_ms=window_ms,
                matches=self.matches(tenant),
                effect=effect,
            )
        )
        task = outcome.reply.task
        if task and not outcome.reply.replayed:
            assert task.effect == outcome.reply.effect

    @rule(tenant=TENANTS, fail=st.sampled_from([None, None, "service_error"]), after_ms=st.integers(0, 2_000))
    def submit_plainly(self, tenant: str, fail: str | None, after_ms: int) -> None:
        effect = Effect(fail=fail) if fail else None
        at_ms = self.now() + after_ms
        self.do(commands.Submit(at_ms=at_ms, tenant=tenant, terms=terms(), callback_url=URL, effect=effect))

    @rule(tenant=TENANTS, fingerprint=st.sampled_from(["one", "one", "other"]), stall_ms=st.sampled_from([None, 900]))
    def submit_with_a_key(self, tenant: str, fingerprint: str, stall_ms: int | None) -> None:
        command = commands.Submit(
            at_ms=self.now(),
            tenant=tenant,
            terms=terms(),
            idempotency_key="key-a",
            fingerprint=fingerprint,
            idempotency_window_ms=5_000,
            effect=Effect(stall_ms=stall_ms) if stall_ms else None,
        )
        self.do(command)

    @rule(tenant=TENANTS, callback=CALLBACKS)
    def submit_what_ends_at_once(self, tenant: str, callback: CallbackEffect) -> None:
        effect = Effect(work_ms=0, callback=callback)
        self.do(commands.Submit(at_ms=self.now(), tenant=tenant, terms=terms(), callback_url=URL, effect=effect))

    def matches(self, tenant: str) -> tuple[Match, ...]:
        return tuple(
            Match(scenario.name, number, own)
            for scenario, own in self.world.playbook.of(tenant)
            for number in range(len(scenario.rules))
        )

    # time

    @rule(
        after_ms=st.one_of(
            st.integers(0, 3_000), st.sampled_from([999, 1_000, 2_000, 4_000, 5_000]), st.integers(0, 600_000)
        )
    )
    def pass_time(self, after_ms: int) -> None:
        self.do(Pass(at_ms=self.now() + after_ms))

    @precondition(lambda self: self.audit.due)
    @rule(off_ms=st.sampled_from([-1, 0, 1]))
    def pass_to_what_is_due_next(self, off_ms: int) -> None:
        self.do(Pass(at_ms=max(self.now(), min(self.audit.due.values()) + off_ms)))

    # callbacks

    def sending(self) -> list[str]:
        return [one for one, parcel in self.audit.parcels.items() if parcel.sending]

    @precondition(lambda self: self.sending())
    @rule(number=PICK, result=RESULTS, after_ms=st.sampled_from([0, 0, 1, 700]))
    def report(self, number: int, result: dict[str, Any], after_ms: int) -> None:
        sending = self.sending()
        delivery_id = sending[number % len(sending)]
        self.send_report(delivery_id, self.audit.parcels[delivery_id].sent, after_ms, **result)

    @precondition(lambda self: self.audit.due or self.sending())
    @rule(results=st.lists(RESULTS, min_size=1, max_size=12))
    def let_callbacks_go_their_way(self, results: list[dict[str, Any]]) -> None:
        """From one due time to the next, with these answers in turn."""
        for result in results:
            if self.sending():
                self.report(0, result, 0)
            elif self.audit.due:
                self.pass_to_what_is_due_next(0)

    @rule(number=PICK, attempt=st.integers(0, 2), result=RESULTS)
    def report_out_of_turn(self, number: int, attempt: int, result: dict[str, Any]) -> None:
        """Stale, double, of an attempt that never was, or of a delivery that is forgotten."""
        sending = self.sending()
        delivery_id = sending[number % len(sending)] if sending else self.pick(number, "callback")
        self.send_report(delivery_id, attempt, 0, **result)

    def send_report(self, delivery_id: str, attempt: int, after_ms: int, waited_ms: int = 0, **result: Any) -> None:
        at_ms = self.now() + after_ms
        ended_ms = at_ms + waited_ms
        self.do(commands.Report(at_ms=at_ms, delivery_id=delivery_id, attempt=attempt, ended_ms=ended_ms, **result))

    @rule(number=PICK)
    def redeliver(self, number: int) -> None:
        self.do(commands.Redeliver(at_ms=self.now(), delivery_id=self.pick(number, "callback")))

    # control

    @rule(
        number=PICK, event=st.sampled_from([Event.COMPLETE, Event.FAIL, Event.CANCEL]), after_ms=st.integers(0, 900)
    )
    def steer(self, number: int, event: Event, after_ms: int) -> None:
        task_id = self.pick(number, "task")
        failure = "service_error" if event is Event.FAIL else None
        self.do(commands.Steer(at_ms=self.now() + after_ms, task_id=task_id, event=event, failure=failure))

    @rule(tenant=TENANTS, changes=ACCOUNTS)
    def set_account(self, tenant: str, changes: dict[str, Any]) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), tenant=tenant, **changes))

    @rule(tenant=TENANTS, available=st.sampled_from([None, None, 400_000]))
    def limit_token(self, tenant: str, available: int | None) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), tenant=tenant, token_credits_uc=available))

    @rule(tenant=TENANTS, requests=st.sampled_from([1, 2]), credits_uc=st.sampled_from([70_000, CREDITS_UC]))
    def limit_rate(self, tenant: str, requests: int, credits_uc: int) -> None:
        changes = {**OPEN_ACCOUNT, "requests_per_minute": requests, "credits_uc": credits_uc}
        self.do(commands.SetAccount(at_ms=self.now(), tenant=tenant, **changes))

    @rule(tenant=TENANTS)
    def open_account(self, tenant: str) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), tenant=tenant, **OPEN_ACCOUNT))

    @rule(name=st.sampled_from("ab"), owner=st.none() | TENANTS, rules=st.lists(RULES, min_size=1, max_size=3))
    def add_scenario(self, name: str, owner: str | None, rules: list[Rule]) -> None:
        scenario = Scenario(name=name, tenant=owner, rules=tuple(rules))
        self.do(commands.AddScenario(at_ms=self.now(), scenario=scenario))

    @rule(owner=st.none() | TENANTS, name=st.sampled_from([None, None, "a"]))
    def remove_scenarios(self, owner: str | None, name: str | None) -> None:
        self.do(commands.RemoveScenarios(at_ms=self.now(), tenant=owner, name=name))

    @rule(tenant=TENANTS)
    def strike(self, tenant: str) -> None:
        self.do(commands.Strike(at_ms=self.now(), tenant=tenant, matches=self.matches(tenant)))

    @rule(tenant=TENANTS, after_ms=st.sampled_from([0, 0, 2_500]), sure=st.integers(0, 3))
    def forget(self, tenant: str, after_ms: int, sure: int) -> None:
        if sure == 0:
            self.do(commands.ForgetTenant(at_ms=self.now() + after_ms, tenant=tenant))

    # reading, and starting again

    @rule()
    def read(self) -> None:
        before = dumped(self.world)
        self.world.next_due_ms()
        self.world.unreported()
        for tenant_id in (ALICE, BOB, CAROL, "never seen"):
            tenant = self.world.tenant(tenant_id)
            tenant.first_end_ms(self.now())
            tenant.recall("key-a", self.now())
            list(self.world.playbook.of(tenant_id))
        for task in self.world.tasks.values():
            task.progress(self.now() + MINUTE_MS)
            task.links_valid_until_ms()
        assert dumped(self.world) == before

    @rule()
    def go_on_from_a_snapshot(self) -> None:
        self.world = restored(dumped(self.world))

    # what always holds

    @invariant()
    def the_auditor_agrees(self) -> None:
        self.audit.agrees_with(self.world)

    @invariant()
    def progress_rises_and_100_means_completed(self) -> None:
        for task in self.world.tasks.values():
            self.audit.progress_of(task)

    @invariant()
    def what_is_sent_and_unreported_is_what_the_auditor_waits_for(self) -> None:
        states = {one.id for one in self.world.deliveries.values() if one.state is DeliveryState.SENDING}
        assert {send.delivery_id for send in self.world.unreported()} == states == set(self.sending())

    def teardown(self) -> None:
        everything = [commands.decode(line) for line in self.lines]
        assert dumped(self.folded(everything)) == dumped(self.world)
        for tenant in (ALICE, BOB, CAROL):
            alone = self.folded([one for one in everything if self.concerns(one, tenant)])
            assert belongings(alone, tenant) == belongings(self.world, tenant)

    def folded(self, history: list[Command]) -> World:
        world = World(self.born, START_MS)
        for command in [*history, Pass(at_ms=self.world.now_ms)]:
            world.apply(command)
        return world

    def concerns(self, command: Command, tenant: str) -> bool:
        match command:
            case commands.Report(delivery_id=subject) | commands.Redeliver(delivery_id=subject):
                return self.owner.get(subject) == tenant
            case commands.Steer(task_id=subject):
                return self.owner.get(subject) == tenant
            case commands.AddScenario(scenario=scenario):
                return scenario.tenant in (None, tenant)
            case commands.RemoveScenarios(tenant=owner):
                return owner in (None, tenant)
            case Pass():
                return False
        return command.tenant == tenant


def belongings(world: World, tenant_id: str) -> list[bytes]:
    """All that a world holds of one tenant, as bytes."""
    encode = msgspec.json.Encoder(enc_hook=list).encode
    things: list[Any] = [world.tenants.get(tenant_id), world.playbook.hits.get(tenant_id)]
    things += [one for one in world.tasks.values() if one.tenant == tenant_id]
    things += [one for one in world.deliveries.values() if one.tenant == tenant_id]
    return [encode(one) for one in things]


QUICK = settings(max_examples=300, stateful_step_count=50, deadline=None, derandomize=True)
LONG = settings(
    max_examples=250,
    stateful_step_count=200,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class TestWorld(WorldMachine.TestCase):
    settings = QUICK


@pytest.mark.long
class TestWorldForLong(WorldMachine.TestCase):
    settings = LONG
