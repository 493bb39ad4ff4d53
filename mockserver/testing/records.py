"""What a mock tells a test: immutable records in the shapes of control.yaml.

Times are milliseconds of the mock's clock. Credits are floats: every amount has at most four decimals, so it is the
very number that the API's JSON and a literal in a test are; for sums without rounding there are the integers of uc.
"""

from itertools import pairwise
from typing import Any

from msgspec import Struct

from mockserver.simulation.ledger import UC_PER_CREDIT


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened as time passed, such as `task.completed` or `callback.failed`."""

    at_ms: int
    type: str
    tenant: str | None = None
    task_id: str | None = None
    delivery_id: str | None = None
    attempt: int | None = None
    status: int | None = None
    error: str | None = None
    amount_uc: int | None = None
    retry_at_ms: int | None = None


class Task(Struct, frozen=True, kw_only=True):
    """A task from the inside. `state` is one of pending, processing, completed, failed, cancelled."""

    id: str
    model: str
    state: str
    progress: int
    submitted_ms: int
    starts_ms: int
    ends_ms: int
    reserved_uc: int
    ended_ms: int | None = None
    failure: str | None = None
    callback_url: str | None = None

    @property
    def ended(self) -> bool:
        return self.ended_ms is not None

    @property
    def price(self) -> float:
        """The credits that were reserved for it at its submission."""
        return self.reserved_uc / UC_PER_CREDIT


class Attempt(Struct, frozen=True, kw_only=True):
    """One POST to a callback receiver."""

    number: int
    at_ms: int
    ended_ms: int | None = None
    status: int | None = None
    error: str | None = None

    @property
    def outcome(self) -> int | str | None:
        """The status it was answered with, or in words why there was none; None while it is under way."""
        return self.error if self.status is None else self.status


class Delivery(Struct, frozen=True, kw_only=True):
    """A callback and every attempt of it. `state`: planned, sending, delivered, given_up."""

    id: str
    task_id: str
    url: str
    state: str
    attempts: tuple[Attempt, ...] = ()
    due_ms: int | None = None


class TaskCallbacks(Struct, frozen=True):
    """All deliveries for one task: one, unless a scenario asks for copies or none."""

    deliveries: tuple[Delivery, ...]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every attempt in the order of time."""
        every = (attempt for delivery in self.deliveries for attempt in delivery.attempts)
        return tuple(sorted(every, key=lambda attempt: attempt.at_ms))

    @property
    def outcomes(self) -> list[int | str | None]:
        """How the attempts ended, such as [500, "connection refused", 200]."""
        return [attempt.outcome for attempt in self.attempts]

    @property
    def gaps(self) -> list[float]:
        """Seconds from the end of each attempt to the start of the next."""
        return [(later.at_ms - (former.ended_ms or former.at_ms)) / 1000 for former, later in pairwise(self.attempts)]

    @property
    def delivered(self) -> bool:
        return any(delivery.state == "delivered" for delivery in self.deliveries)


class Credits(Struct, frozen=True):
    """Where an account's credits are: granted = available + reserved + charged, always."""

    granted_uc: int
    available_uc: int
    reserved_uc: int
    charged_uc: int

    @property
    def granted(self) -> float:
        return self.granted_uc / UC_PER_CREDIT

    @property
    def available(self) -> float:
        return self.available_uc / UC_PER_CREDIT

    @property
    def reserved(self) -> float:
        return self.reserved_uc / UC_PER_CREDIT

    @property
    def charged(self) -> float:
        return self.charged_uc / UC_PER_CREDIT


class Recorded(Struct, frozen=True, kw_only=True):
    """A request that came, and how it was answered. Bodies are decoded JSON, else text; secrets are masked."""

    at_ms: int
    method: str
    path: str
    headers: dict[str, str]
    status: int
    body: Any = None
    body_truncated: bool = False
    answer: Any = None
    fault: str | None = None
    task_id: str | None = None
