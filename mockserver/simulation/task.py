"""A task: its states, the one table of their transitions, and its timeline."""

from enum import StrEnum

from msgspec import Struct

from mockserver.simulation.scenario import Effect

CANCELLED_CODE = "request_cancelled"


class State(StrEnum):
    """Where a task stands. A `cancelled` task is shown as its document allows (facts, section 2)."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What can happen to a task."""

    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.PENDING, Event.START): State.PROCESSING,
    (State.PENDING, Event.COMPLETE): State.COMPLETED,
    (State.PENDING, Event.FAIL): State.FAILED,
    (State.PENDING, Event.CANCEL): State.CANCELLED,
    (State.PROCESSING, Event.COMPLETE): State.COMPLETED,
    (State.PROCESSING, Event.FAIL): State.FAILED,
    (State.PROCESSING, Event.CANCEL): State.CANCELLED,
}
"""Every move there is; a pair that is absent is refused. Completed, failed and cancelled have no way out."""

ENDED = frozenset(State) - {state for state, _ in TRANSITIONS}


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was agreed at submission, out of the document and the request; it never changes afterwards.

    Times are milliseconds, amounts uc (1/10,000 credit).
    """

    model: str
    object: str
    type: str
    estimated_s: int
    work_ms: int
    queue_share: tuple[float, float]
    reserve_uc: int
    billing_rule: str
    length_ms: int
    results: int
    sample: str
    link_valid_ms: int
    retry_delays_ms: tuple[int, ...] = ()
    callback_timeout_ms: int = 0
    can_cancel: bool = True
    cancelled_as: str = "failed"


class Task(Struct, gc=False):
    """One generation. Its timeline is fixed at submission; only `state`, `failure` and `ended_ms` move.

    `gc=False` keeps a million tasks out of the garbage collector's walks: a task refers to no container
    that could lead back to it. `held_from` names the balances that its reservation holds.
    """

    id: str
    terms: Terms
    submitted_ms: int
    starts_ms: int
    ends_ms: int
    held_from: str
    callback_url: str | None = None
    effect: Effect | None = None
    state: State = State.PENDING
    failure: str | None = None
    failure_message: str | None = None
    ended_ms: int | None = None

    @property
    def ended(self) -> bool:
        return self.ended_ms is not None

    @property
    def due_ms(self) -> int | None:
        """When the timeline moves this task next; None once it has ended."""
        if self.ended_ms is not None:
            return None
        return self.starts_ms if self.state is State.PENDING else self.ends_ms

    def progress(self, now_ms: int) -> int:
        """Percent done, 0 to 100: rises with time, stops where the task ended; 100 means completed.

        Where more was due at once than one command lets happen, a task may be past its end and not have ended: it
        then shows what it will show.
        """
        if self.state is State.COMPLETED:
            return 100
        at_ms = min(now_ms if self.ended_ms is None else self.ended_ms, self.ends_ms)
        if at_ms < self.starts_ms:
            return 0
        length_ms = max(1, self.ends_ms - self.starts_ms)
        return min(99, 1 + 98 * (at_ms - self.starts_ms) // length_ms)

    def links_valid_until_ms(self) -> int | None:
        """When the result links die; None while there are none."""
        if self.state is not State.COMPLETED or self.ended_ms is None:
            return None
        told = None if self.effect is None else self.effect.link_ms
        return self.ended_ms + (self.terms.link_valid_ms if told is None else told)
