"""Random histories of a world against an auditor that knows the promises and shares no code with the world.

The auditor is told each command and what came out of it (reply, events, sends), and nothing else.
After every step its own sums, states and plans must be those of the world.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec import structs

from mockserver.simulation import command as commands
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.chance import mark_of
from mockserver.simulation.clock import Mode, OwnClock
from mockserver.simulation.command import AccountState, Command, Pass
from mockserver.simulation.event import Fired, Outcome, Reply
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Answer, CallbackEffect, Effect, Fault, Match, Rule, Scenario
from mockserver.simulation.task import Event, Task, Terms
from mockserver.simulation.world import Settings, World
from tests.orders import ALICE, DAY_MS, MODEL, START_MS, URL, dumped, restored, terms

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
BY_ITSELF = {"task.started", "callback.sent", *ENDS}
"""What may happen because time passed."""
REPORTED = {"callback.delivered", "callback.failed", "callback.given_up"}
ASKED = {
    "task.submitted",
    "credits.reserved",
    "account.changed",
    "clock.changed",
    "scenario.added",
    "scenario.removed",
    "file.uploaded",
    "file.deleted",
}
"""What happens only because a command asks for it, at the time of that command."""


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
    """The money, limits and remembered keys."""

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

    starts_ms: int
    ends_ms: int
    fails: str | None
    url: str | None
    delay_ms: int
    copies: int
    timeout_ms: int
    state: str | None = None
    ended_ms: int | None = None
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

    def __init__(self, born: Settings, now_ms: int) -> None:
        self.born, self.now_ms = born, now_ms
        self.purse = Purse(Sums(born.credits_uc, born.credits_uc))
        self.jobs: dict[str, Job] = {}
        self.ended: list[str] = []
        self.parcels: dict[str, Parcel] = {}
        self.files: dict[str, int] = {}
        """When each file expires."""
        self.clock: OwnClock | None = None
        self.due: dict[str, int] = {}
        """When each task or delivery moves next by itself."""
        self._place: dict[str, int] = {}
        """The how-manieth plan of all this one's last plan was."""
        self._plans = self._fired = self._until_ms = 0
        self._is_sent = self._is_asked = False
        self._handlers = {
            "credits.reserved": self._on_reserved,
            "credits.charged": self._on_settled,
            "credits.released": self._on_settled,
            "callback.sent": self._on_sent,
            "callback.delivered": self._on_delivered,
            "callback.failed": self._on_failed,
            "callback.given_up": self._on_given_up,
            "account.changed": self._on_account,
            "clock.changed": self._on_clock,
        }

    def observe(self, command: Command, outcome: Outcome) -> None:
        self.now_ms = max(self.now_ms, command.at_ms)
        self._until_ms = max(self.now_ms, getattr(command, "until_ms", 0))
        self._fired, self._is_sent, self._is_asked = 0, False, False
        for event in outcome.events:
            self._perhaps_ask(command, outcome, event)
            handler = self._handlers.get(event.type.value)
            if event.type in WAS:
                self._on_task(event, command, outcome.reply)
            elif handler:
                handler(event, command)
        if not self._is_asked:
            self._ask(command, outcome)
        self._check_sends(outcome)
        self._check_rest(command)
        for sums in self.purse.balances():
            sums.check()

    # time

    def _perhaps_ask(self, command: Command, outcome: Outcome, event: Fired) -> None:
        """The command acts between two events: after what was due by then, or as much of it as one command fires."""
        caught_up = (
            self._fired >= self.born.fires_limit or min(self.due.values(), default=self.now_ms + 1) > self.now_ms
        )
        if event.type in ASKED:
            assert event.at_ms == self.now_ms, event
        if event.type in ASKED | REPORTED:
            assert self._is_asked or caught_up, "asked for before what was due had fired"
        if not self._is_asked and caught_up and event.type in ASKED | REPORTED | BY_ITSELF:
            self._ask(command, outcome)

    def _check_rest(self, command: Command) -> None:
        """Nothing that is due is left, but for what one command may not fire any more, or lies behind a callback."""
        is_full = self._fired >= self.born.fires_limit
        assert self._fired <= 3 * self.born.fires_limit
        next_ms = min(self.due.values(), default=None)
        if next_ms is not None and not is_full:
            assert next_ms > (self.now_ms if self._is_sent else self._until_ms), "something due has not fired"

    def _plan(self, subject: str, due_ms: int) -> None:
        self._plans += 1
        self.due[subject], self._place[subject] = due_ms, self._plans

    def _fires(self, subject: str, at_ms: int) -> None:
        """It was due exactly then, nothing was due before it, and ties go to whoever was planned first."""
        assert self.due.get(subject) == at_ms == min(self.due.values()), subject
        tied = [one for one, due in self.due.items() if due == at_ms]
        assert min(tied, key=self._place.__getitem__) == subject
        if at_ms > self.now_ms:
            assert at_ms <= self._until_ms
            assert not self._is_sent, "time went on past a callback"
            self.now_ms = at_ms
        self._fired += 1
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
        if event.type in ENDS:
            job.ended_ms = event.at_ms
            self.ended.append(task_id)
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
        purse, amount = self.purse, event.amount_uc or 0
        assert amount == command.terms.reserve_uc
        assert event.task_id not in purse.open
        assert self.jobs[event.task_id or ""].state == "pending"
        purse.open[event.task_id or ""] = (amount, purse.token is not None)
        for sums in purse.balances():
            sums.available -= amount
            sums.reserved += amount

    def _on_settled(self, event: Fired, command: Command) -> None:
        """Each reservation ends once, charged if and only if its task completed, and then callbacks may go."""
        task_id, purse = event.task_id or "", self.purse
        job, charged = self.jobs[task_id], event.type == "credits.charged"
        assert event.at_ms == job.ended_ms
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
        purse = self.purse
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

    def _on_clock(self, event: Fired, command: Command) -> None:
        assert isinstance(command, commands.SetClock)
        self.clock = command.clock

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
        self._is_sent = True
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
        assert isinstance(command, commands.Report)
        assert event.at_ms == command.ended_ms

    def _check_sends(self, outcome: Outcome) -> None:
        """Every attempt told of is handed out (unless forgotten at once), to the URL that was submitted."""
        sent = [one for one in outcome.events if one.type == "callback.sent" and one.delivery_id in self.parcels]
        told = [(one.delivery_id, one.attempt, one.task_id) for one in sent]
        assert [(one.delivery_id, one.attempt, one.task_id) for one in outcome.sends] == told
        for send in outcome.sends:
            job = self.jobs[send.task_id]
            assert (send.url, send.timeout_ms) == (job.url, job.timeout_ms)

    # commands

    def _ask(self, command: Command, outcome: Outcome) -> None:
        """What a command may expect as things stand, and what it changes without a word."""
        self._is_asked = True
        refusal = outcome.reply.refusal
        match command:
            case commands.Submit():
                self._judge_submission(command, outcome)
            case commands.Report(delivery_id=delivery_id, attempt=attempt):
                parcel = self.parcels.get(delivery_id)
                busy = None if parcel and parcel.sending and parcel.sent == attempt else Refusal.DELIVERY_BUSY
                assert refusal is (busy if parcel else Refusal.DELIVERY_NOT_FOUND)
            case commands.Redeliver(delivery_id=delivery_id):
                parcel = self.parcels.get(delivery_id)
                busy = Refusal.DELIVERY_BUSY if parcel and parcel.sending else None
                assert refusal is (busy if parcel else Refusal.DELIVERY_NOT_FOUND)
                if refusal is None:
                    self._replan(delivery_id)
            case commands.Steer(task_id=task_id):
                job = self.jobs.get(task_id)
                ended = Refusal.TASK_ENDED if job and job.ended_ms is not None else None
                assert refusal is (ended if job else Refusal.TASK_NOT_FOUND)
            case commands.Upload() | commands.DeleteFile():
                self._judge_file(command, outcome.reply)

    def _judge_file(self, command: commands.Upload | commands.DeleteFile, reply: Reply) -> None:
        there = {one: until_ms for one, until_ms in self.files.items() if self.now_ms < until_ms}
        if isinstance(command, commands.DeleteFile):
            assert (reply.refusal is Refusal.FILE_NOT_FOUND) == (command.file_id not in there)
            self.files = {
                one: until_ms for one, until_ms in self.files.items() if one != command.file_id or reply.refusal
            }
            return
        self.files = there
        assert (reply.refusal is Refusal.FILE_QUOTA_EXHAUSTED) == (len(there) >= command.files_limit)
        if reply.file is not None:
            assert reply.file.id not in there
            self.files[reply.file.id] = self.now_ms + command.valid_ms

    def _judge_submission(self, command: commands.Submit, outcome: Outcome) -> None:
        purse, reply = self.purse, outcome.reply
        known = purse.keys.get(command.idempotency_key or "")
        known = known if known and self.now_ms < known[3] and known[1] in self.jobs else None
        if reply.replayed:
            assert known is not None
            assert reply.task is not None
            assert known[:2] == (command.fingerprint, reply.task.id)
            assert self.now_ms >= known[2]
        elif reply.refusal is None:
            assert known is None
            self._remember(purse, command, outcome)
            self._make_room()
        else:
            assert self._deserved(purse, command, known, outcome), reply

    def _make_room(self) -> None:
        """Past the bound the task that ended first is forgotten, with its callbacks."""
        if len(self.jobs) >= self.born.tasks_limit:
            task_id = self.ended.pop(0)
            del self.jobs[task_id]
            gone = [delivery_id for delivery_id, parcel in self.parcels.items() if parcel.task_id == task_id]
            for delivery_id in gone:
                del self.parcels[delivery_id]
                self.due.pop(delivery_id, None)

    def _remember(self, purse: Purse, command: commands.Submit, outcome: Outcome) -> None:
        task, effect = outcome.reply.task, outcome.reply.effect
        assert task is not None
        assert not purse.expired
        assert purse.concurrent is None or len(purse.open) < purse.concurrent
        assert all(sums.available >= command.terms.reserve_uc for sums in purse.balances())
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
            Refusal.TOO_MANY_TASKS: self._is_full(purse) and reply.retry_after_ms >= 1_000,
            Refusal.INSUFFICIENT_CREDITS: purse.user.available < amount,
            Refusal.INSUFFICIENT_TOKEN_CREDITS: token is not None and token.available < amount,
        }
        return reasons[reply.refusal] if reply.refusal else False

    def _is_full(self, purse: Purse) -> bool:
        """No further task may run now, or none can be kept."""
        too_many = purse.concurrent is not None and len(purse.open) >= purse.concurrent
        return too_many or (len(self.jobs) >= self.born.tasks_limit and not self.ended)

    # the world

    def agrees_with(self, world: World) -> None:
        assert world.now_ms == self.now_ms
        assert world.next_due_ms() == min(self.due.values(), default=None)
        assert {one.id: one.state.value for one in world.tasks.values()} == {
            task_id: job.state for task_id, job in self.jobs.items()
        }
        assert world.deliveries.keys() == self.parcels.keys()
        assert list(world.ended) == self.ended
        assert {one.id: one.expires_ms for one in world.files.values()} == self.files
        assert world.clock == self.clock
        self._agrees_with_money(world)

    def _agrees_with_money(self, world: World) -> None:
        purse, book = self.purse, world.book
        assert purse.user.same_as(book.user), (purse, book)
        assert (purse.token is None) == (book.token is None)
        assert purse.token is None or purse.token.same_as(book.token), (purse, book)
        running = {task_id for task_id, job in self.jobs.items() if not job.settled}
        assert running == purse.open.keys()
        assert world.active == len(running)
        assert purse.user.reserved == sum(amount for amount, _ in purse.open.values())
        assert book.held_uc == sum(amount for amount, with_token in purse.open.values() if with_token)

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


CLOCKS = st.none() | st.builds(
    OwnClock,
    mode=st.sampled_from(Mode),
    speed=st.sampled_from([1.0, 60.0]),
    poll_step_ms=st.sampled_from([1, 1_000]),
)
SCENARIOS = st.builds(
    Scenario, name=st.sampled_from("ab"), own=st.booleans(), rules=st.lists(RULES, min_size=1, max_size=3).map(tuple)
)
MOVING = (None, Refusal.SCENARIO, Refusal.FILE_QUOTA_EXHAUSTED)
"""With these answers a command may have changed something: a scenario counts, expired files make room."""
BORN = Settings(name=ALICE, mark=mark_of(ALICE), seed=7, credits_uc=CREDITS_UC, tasks_limit=12)


class WorldMachine(RuleBasedStateMachine):
    """Commands in any order, judged by the auditor after each."""

    born: ClassVar[Settings] = BORN

    @initialize()
    def begin(self) -> None:
        self.world = World(self.born, START_MS)
        self.audit = Auditor(self.born, START_MS)
        self.lines: list[bytes] = []
        self.ever: dict[str, None] = {}
        """Every task, delivery and file there ever was."""

    def do(self, command: Command) -> Outcome:
        before = dumped(self.world)
        self.lines.append(commands.encode(command))
        outcome = self.world.apply(command)
        self.audit.observe(command, outcome)
        for ids in (self.world.tasks, self.world.deliveries, self.world.files):
            self.ever |= dict.fromkeys(ids)
        if outcome.reply.replayed or outcome.reply.refusal not in MOVING:
            self.changed_nothing(before, command)
        return outcome

    def changed_nothing(self, before: list[bytes], command: Command) -> None:
        """A refusal, or an answer that is repeated, leaves the world as if only time had passed."""
        other = restored(before)
        other.apply(Pass(at_ms=command.at_ms))
        assert dumped(other) == dumped(self.world)

    def now(self) -> int:
        return self.world.now_ms

    def pick(self, number: int, kind: str) -> str:
        """A task, delivery or file out of all there ever were, or one that never was."""
        found = [one for one in self.ever if one.startswith(kind)]
        return found[number % len(found)] if found else f"{kind}-nobody"

    # submissions

    @rule(
        agreed=TERMS,
        url=st.sampled_from([URL, URL, None]),
        key=KEYS,
        fingerprint=st.sampled_from(["one", "one", "other"]),
        window_ms=st.sampled_from([5_000, DAY_MS]),
        effect=st.none() | EFFECTS,
    )
    def submit(
        self,
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
                terms=agreed,
                callback_url=url,
                idempotency_key=key,
                fingerprint=fingerprint,
                idempotency_window_ms=window_ms,
                matches=self.matches(),
                effect=effect,
            )
        )
        task = outcome.reply.task
        if task and not outcome.reply.replayed:
            assert task.effect == outcome.reply.effect

    @rule(fail=st.sampled_from([None, None, "service_error"]), after_ms=st.integers(0, 2_000))
    def submit_plainly(self, fail: str | None, after_ms: int) -> None:
        effect = Effect(fail=fail) if fail else None
        at_ms = self.now() + after_ms
        self.do(commands.Submit(at_ms=at_ms, terms=terms(), callback_url=URL, effect=effect))

    @rule(fingerprint=st.sampled_from(["one", "one", "other"]), stall_ms=st.sampled_from([None, 900]))
    def submit_with_a_key(self, fingerprint: str, stall_ms: int | None) -> None:
        command = commands.Submit(
            at_ms=self.now(),
            terms=terms(),
            idempotency_key="key-a",
            fingerprint=fingerprint,
            idempotency_window_ms=5_000,
            effect=Effect(stall_ms=stall_ms) if stall_ms else None,
        )
        self.do(command)

    @rule(callback=CALLBACKS)
    def submit_what_ends_at_once(self, callback: CallbackEffect) -> None:
        effect = Effect(work_ms=0, callback=callback)
        self.do(commands.Submit(at_ms=self.now(), terms=terms(), callback_url=URL, effect=effect))

    def matches(self) -> tuple[Match, ...]:
        return tuple(
            Match(scenario.name, number, scenario.own)
            for scenario in self.world.playbook.in_force()
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

    @rule(after_ms=st.sampled_from([0, 0, 1, 1_000]), window_ms=st.sampled_from([-1, 0, 1_000, 20_000, DAY_MS]))
    def elapse(self, after_ms: int, window_ms: int) -> None:
        at_ms = self.now() + after_ms
        self.do(commands.Elapse(at_ms=at_ms, until_ms=at_ms + window_ms))

    @rule(clock=CLOCKS)
    def set_clock(self, clock: OwnClock | None) -> None:
        self.do(commands.SetClock(at_ms=self.now(), clock=clock))

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

    @rule(changes=ACCOUNTS)
    def set_account(self, changes: dict[str, Any]) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), **changes))

    @rule(available=st.sampled_from([None, None, 400_000]))
    def limit_token(self, available: int | None) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), token_credits_uc=available))

    @rule(requests=st.sampled_from([1, 2]), credits_uc=st.sampled_from([70_000, CREDITS_UC]))
    def limit_rate(self, requests: int, credits_uc: int) -> None:
        changes = {**OPEN_ACCOUNT, "requests_per_minute": requests, "credits_uc": credits_uc}
        self.do(commands.SetAccount(at_ms=self.now(), **changes))

    @rule()
    def open_account(self) -> None:
        self.do(commands.SetAccount(at_ms=self.now(), **OPEN_ACCOUNT))

    @rule(scenario=SCENARIOS)
    def add_scenario(self, scenario: Scenario) -> None:
        self.do(commands.AddScenario(at_ms=self.now(), scenario=scenario))

    @rule(own=st.booleans(), name=st.sampled_from([None, None, "a"]))
    def remove_scenarios(self, own: bool, name: str | None) -> None:
        self.do(commands.RemoveScenarios(at_ms=self.now(), own=own, name=name))

    @rule()
    def strike(self) -> None:
        self.do(commands.Strike(at_ms=self.now(), matches=self.matches()))

    @rule(valid_ms=st.sampled_from([1, 5_000, DAY_MS]), files_limit=st.integers(0, 3))
    def upload(self, valid_ms: int, files_limit: int) -> None:
        file = {"size": 1, "mime_type": "image/png", "ending": ".png", "upload_path": "/"}
        self.do(commands.Upload(at_ms=self.now(), valid_ms=valid_ms, files_limit=files_limit, **file))

    @rule(number=PICK)
    def delete_file(self, number: int) -> None:
        self.do(commands.DeleteFile(at_ms=self.now(), file_id=self.pick(number, "file")))

    # reading, and starting again

    @rule()
    def read(self) -> None:
        before = dumped(self.world)
        self.world.next_due_ms()
        self.world.unreported()
        self.world.first_end_ms()
        self.world.receipts.recall("key-a", self.now())
        self.world.find_file(self.pick(0, "file"), self.now())
        list(self.world.playbook.in_force())
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

    @invariant()
    def only_rules_in_force_are_counted(self) -> None:
        assert self.world.playbook.hits.keys() <= {match.counter for match in self.matches()}

    def teardown(self) -> None:
        """The commands alone make the same world again, whether or not anybody wants the events."""
        for tell in (True, False):
            world = World(self.born, START_MS)
            for line in self.lines:
                outcome = world.apply(commands.decode(line), tell=tell)
                assert tell or not outcome.events
            assert dumped(world) == dumped(self.world)


QUICK = settings(max_examples=150, stateful_step_count=50, deadline=None, derandomize=True)
QUICK_BUT_BUSY = settings(QUICK, max_examples=75)
LONG = settings(
    max_examples=250,
    stateful_step_count=200,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class TestWorld(WorldMachine.TestCase):
    settings = QUICK


class BusyWorldMachine(WorldMachine):
    """A world that falls behind at every turn: one command lets hardly anything happen."""

    born = structs.replace(BORN, fires_limit=2)


class TestBusyWorld(BusyWorldMachine.TestCase):
    settings = QUICK_BUT_BUSY


@pytest.mark.long
class TestWorldForLong(WorldMachine.TestCase):
    settings = LONG


@pytest.mark.long
class TestBusyWorldForLong(BusyWorldMachine.TestCase):
    settings = LONG
