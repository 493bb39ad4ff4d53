"""A callback is state: the world plans every attempt and decides each retry; somebody else sends and reports.

Facts, section 5: 2xx is success; anything else is retried 1, 2 and 4 s after the failure, so four attempts
in all.
"""

from enum import StrEnum

from msgspec import Struct

ATTEMPTS_LIMIT = 100
"""Attempts of one delivery that are kept: it may be sent again and again."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PLANNED = "planned"
    SENDING = "sending"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


class Attempt(Struct, kw_only=True, omit_defaults=True):
    """One POST to the receiver: when it fell due, was sent and ended, and how (`status` or `error`)."""

    number: int
    due_ms: int
    at_ms: int
    ended_ms: int | None = None
    status: int | None = None
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Delivery(Struct, gc=False, kw_only=True):
    """The callback of one ended task to one URL, with every attempt made so far.

    `retries_used` grows by one at each failure; a replay starts it anew.
    """

    id: str
    task_id: str
    url: str
    retry_delays_ms: tuple[int, ...]
    timeout_ms: int
    due_ms: int | None
    state: DeliveryState = DeliveryState.PLANNED
    attempts: list[Attempt] = []
    retries_used: int = 0

    def start(self, due_ms: int) -> Attempt:
        """The planned attempt goes out, as far as anybody knows at the moment at which it fell due."""
        number = self.attempts[-1].number + 1 if self.attempts else 1
        attempt = Attempt(number=number, due_ms=due_ms, at_ms=due_ms)
        self.attempts = [*self.attempts[1 - ATTEMPTS_LIMIT :], attempt]
        self.state = DeliveryState.SENDING
        self.due_ms = None
        return attempt

    def end(self, sent_ms: int | None, ended_ms: int, status: int | None, error: str | None) -> Attempt:
        """The attempt under way came back: delivered, to be retried at the new `due_ms`, or given up."""
        attempt = self.attempts[-1]
        attempt.at_ms = attempt.due_ms if sent_ms is None else sent_ms
        attempt.ended_ms, attempt.status, attempt.error = ended_ms, status, error
        if attempt.succeeded:
            self.state = DeliveryState.DELIVERED
        elif self.retries_used < len(self.retry_delays_ms):
            self.state = DeliveryState.PLANNED
            self.due_ms = ended_ms + self.retry_delays_ms[self.retries_used]
            self.retries_used += 1
        else:
            self.state = DeliveryState.GIVEN_UP
        return attempt

    def replan(self, due_ms: int) -> None:
        """Send the whole callback once more, with all its retries."""
        self.state = DeliveryState.PLANNED
        self.due_ms = due_ms
        self.retries_used = 0
