"""What a command brought about: events to tell, sends to carry out, a reply to whoever asked."""

from enum import StrEnum

from msgspec import Struct

from mockserver.simulation.callback import Delivery
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import Effect
from mockserver.simulation.task import Task


class Happening(StrEnum):
    """The types of event."""

    TASK_SUBMITTED = "task.submitted"
    TASK_STARTED = "task.started"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    TASK_CANCELLED = "task.cancelled"
    CREDITS_RESERVED = "credits.reserved"
    CREDITS_CHARGED = "credits.charged"
    CREDITS_RELEASED = "credits.released"
    CALLBACK_SENT = "callback.sent"
    CALLBACK_DELIVERED = "callback.delivered"
    CALLBACK_FAILED = "callback.failed"
    CALLBACK_GIVEN_UP = "callback.given_up"
    ACCOUNT_CHANGED = "account.changed"
    SCENARIO_ADDED = "scenario.added"
    SCENARIO_REMOVED = "scenario.removed"
    FILE_UPLOADED = "file.uploaded"
    FILE_DELETED = "file.deleted"
    TENANT_FORGOTTEN = "tenant.forgotten"
    CLOCK_CHANGED = "clock.changed"


class Fired(Struct, frozen=True, gc=False, omit_defaults=True):
    """One event, at its own time (which may lie before the command that let time pass over it)."""

    at_ms: int
    type: Happening
    task_id: str | None = None
    delivery_id: str | None = None
    attempt: int | None = None
    status: int | None = None
    error: str | None = None
    amount_uc: int | None = None
    retry_at_ms: int | None = None
    name: str | None = None
    file_id: str | None = None


class Send(Struct, frozen=True, gc=False):
    """An intent: make this attempt, then report its outcome as a command."""

    delivery_id: str
    attempt: int
    task_id: str
    url: str
    timeout_ms: int

    @classmethod
    def of(cls, delivery: Delivery) -> "Send":
        """The intent of a delivery's last attempt."""
        return cls(delivery.id, delivery.attempts[-1].number, delivery.task_id, delivery.url, delivery.timeout_ms)


class Reply(Struct, frozen=True, gc=False):
    """The answer to one command."""

    refusal: Refusal | None = None
    task: Task | None = None
    replayed: bool = False
    effect: Effect | None = None
    retry_after_ms: int = 0
    file: File | None = None


class Outcome(Struct, frozen=True, gc=False):
    """All that a command brought about."""

    reply: Reply
    events: list[Fired]
    sends: list[Send]
