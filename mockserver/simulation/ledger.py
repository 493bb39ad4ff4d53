"""Double-entry credits in integers of uc (1/10,000 credit): pending, then posted or voided, exactly once.

granted = available + reserved + charged holds for every balance after every transfer.
"""

from collections import deque
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Task

UC_PER_CREDIT = 10_000


class Kind(StrEnum):
    """What a transfer moves, and from where to where."""

    GRANT = "grant"
    WITHDRAW = "withdraw"
    PENDING = "pending"
    POSTED = "posted"
    VOIDED = "voided"


ENTRIES: dict[Kind, tuple[int, int, int, int]] = {
    Kind.GRANT: (+1, +1, 0, 0),
    Kind.WITHDRAW: (-1, -1, 0, 0),
    Kind.PENDING: (0, -1, +1, 0),
    Kind.POSTED: (0, 0, -1, +1),
    Kind.VOIDED: (0, +1, -1, 0),
}
"""What each kind does to granted, available, reserved and charged. Every row keeps granted the sum of the rest."""


class Balance(Struct, kw_only=True):
    """Where an account's credits are, in uc."""

    granted: int = 0
    available: int = 0
    reserved: int = 0
    charged: int = 0

    def move(self, kind: Kind, amount_uc: int) -> None:
        """Make one entry. Raises AssertionError where it breaks the balance: that is a mistake of the world."""
        granted, available, reserved, charged = ENTRIES[kind]
        self.granted += granted * amount_uc
        self.available += available * amount_uc
        self.reserved += reserved * amount_uc
        self.charged += charged * amount_uc
        parts = self.available + self.reserved + self.charged
        if self.granted != parts or self.available < 0 or self.reserved < 0 or self.charged < 0:
            raise AssertionError(f"ledger out of balance after {kind} of {amount_uc} uc: {self}")


class Transfer(Struct, frozen=True, gc=False):
    """One immutable entry; a correction is a new entry. `task_id` ties an end to its reservation."""

    at_ms: int
    kind: Kind
    amount_uc: int
    account: str
    task_id: str | None = None


USER = "user"
TOKEN = "token"  # noqa: S105 - the name of an account
BOTH = "user+token"
HISTORY_LIMIT = 1_000


class Book(Struct, kw_only=True):
    """The money of one key: the user's balance and, where the token has a limit of its own, the token's.

    `entries` are the transfers, oldest first and bounded; what stood before the oldest is the balances less them all.
    A reservation is kept as the task that it is for, which tells it all, since most worlds of many are nothing else.
    `held_uc` is what open reservations hold of both balances, whether or not the token is limited just now.
    """

    user: Balance
    token: Balance | None
    held_uc: int
    entries: deque[Any] = field(name="transfers")

    def __post_init__(self) -> None:
        if self.entries.maxlen is None:
            self.entries = deque(self.entries, HISTORY_LIMIT)

    @classmethod
    def opened(cls, credits_uc: int, at_ms: int) -> "Book":
        book = cls(user=Balance(), token=None, held_uc=0, entries=deque())
        book.set_available(USER, credits_uc, at_ms)
        return book

    @property
    def account(self) -> str:
        """The balances that a reservation holds from now on."""
        return USER if self.token is None else BOTH

    @property
    def transfers(self) -> list[Transfer]:
        return told(self.entries)

    def reserve(self, task: Task) -> Refusal | None:
        """Move what a new task costs from available to reserved, or say which balance does not reach."""
        amount_uc = task.terms.reserve_uc
        if self.user.available < amount_uc:
            return Refusal.INSUFFICIENT_CREDITS
        if self.token is not None and self.token.available < amount_uc:
            return Refusal.INSUFFICIENT_TOKEN_CREDITS
        self._move(Kind.PENDING, amount_uc, task.held_from)
        self.entries.append(task)
        return None

    def charge(self, task: Task, at_ms: int) -> None:
        """Post what a completed task has reserved. A task ends once: the table of its transitions sees to that."""
        self._record(Transfer(at_ms, Kind.POSTED, task.terms.reserve_uc, task.held_from, task.id))

    def release(self, task: Task, at_ms: int) -> None:
        """Void what a failed or cancelled task has reserved."""
        self._record(Transfer(at_ms, Kind.VOIDED, task.terms.reserve_uc, task.held_from, task.id))

    def limit_token(self, available_uc: int | None, at_ms: int) -> None:
        """Give the token a limit of its own, or (None) none: then only the user's balance counts."""
        if available_uc is None:
            self.token = None
            return
        if self.token is None:
            charged = self.user.charged
            self.token = Balance(granted=self.held_uc + charged, reserved=self.held_uc, charged=charged)
        self.set_available(TOKEN, available_uc, at_ms)

    def set_available(self, account: str, available_uc: int, at_ms: int) -> None:
        """Grant or withdraw what makes this much available."""
        balance = self.user if account == USER else self.token
        difference = available_uc - (balance.available if balance else 0)
        if difference:
            kind = Kind.GRANT if difference > 0 else Kind.WITHDRAW
            self._record(Transfer(at_ms, kind, abs(difference), account))

    def _record(self, transfer: Transfer) -> None:
        self._move(transfer.kind, transfer.amount_uc, transfer.account)
        self.entries.append(transfer)

    def _move(self, kind: Kind, amount_uc: int, account: str) -> None:
        if account != TOKEN:
            self.user.move(kind, amount_uc)
        if account == BOTH:
            self.held_uc += ENTRIES[kind][2] * amount_uc
        if account != USER and self.token is not None:
            self.token.move(kind, amount_uc)


def told(entries: deque[Any]) -> list[Transfer]:
    """The entries of a book as transfers, each."""
    return [one if isinstance(one, Transfer) else _reservation(one) for one in entries]


def _reservation(task: Task) -> Transfer:
    return Transfer(task.submitted_ms, Kind.PENDING, task.terms.reserve_uc, task.held_from, task.id)
