"""A tenant: one API key with its account, limits, counters and tasks. Tenants share nothing."""

from collections import deque

from msgspec import Struct

from mockserver.simulation.command import AccountState
from mockserver.simulation.file import File
from mockserver.simulation.ledger import Book
from mockserver.simulation.task import Task

IDEMPOTENCY_KEYS_LIMIT = 10_000


class Idempotency(Struct, gc=False):
    """What a key stands for: the request's fingerprint, the task, and until when it is remembered."""

    fingerprint: str
    task_id: str
    running_until_ms: int
    expires_ms: int


class Account(Struct, kw_only=True):
    """What a key may do. None: no limit (of files: the document's)."""

    user_group: str = "default"
    models: tuple[str, ...] | None = None
    state: AccountState = AccountState.ACTIVE
    requests_per_minute: int | None = None
    concurrent_tasks: int | None = None
    max_files: int | None = None


class Window(Struct, gc=False):
    """A rate window of one model: when it began, and the requests accepted in it."""

    started_ms: int
    requests: int


class Tenant(Struct, kw_only=True):
    """All that belongs to one API key. `ended` holds ids of ended tasks, oldest first.

    `uploads` counts every file that there ever was, `files` are those that nobody has deleted or swept away yet.
    """

    id: str
    book: Book
    account: Account
    submissions: int
    active: int
    windows: dict[str, Window]
    idempotency: dict[str, Idempotency]
    tasks: dict[str, Task]
    ended: deque[str]
    uploads: int = 0
    files: dict[str, File] = {}

    @classmethod
    def opened(cls, tenant_id: str, credits_uc: int, at_ms: int) -> "Tenant":
        return cls(
            id=tenant_id,
            book=Book.opened(credits_uc, at_ms),
            account=Account(),
            submissions=0,
            active=0,
            windows={},
            idempotency={},
            tasks={},
            ended=deque(),
        )

    def remember(self, key: str, entry: Idempotency, now_ms: int) -> None:
        """Keep what an idempotency key stands for; the oldest go as they expire or past the bound."""
        self.idempotency.pop(key, None)  # a key used anew is the youngest again
        self.idempotency[key] = entry
        while self.idempotency:
            oldest = next(iter(self.idempotency))
            expired = self.idempotency[oldest].expires_ms <= now_ms
            if not expired and len(self.idempotency) <= IDEMPOTENCY_KEYS_LIMIT:
                return
            del self.idempotency[oldest]

    def recall(self, key: str | None, now_ms: int) -> Idempotency | None:
        entry = self.idempotency.get(key) if key else None
        return entry if entry and now_ms < entry.expires_ms else None

    def window_wait_ms(self, model: str, limit: int | None, window_ms: int, now_ms: int) -> int:
        """How long until the rate window lets another request through; 0: at once."""
        window = self.windows.get(model)
        if limit is None or window is None or now_ms >= window.started_ms + window_ms:
            return 0 if limit != 0 else window_ms
        return 0 if window.requests < limit else window.started_ms + window_ms - now_ms

    def count_request(self, model: str, window_ms: int, now_ms: int) -> None:
        window = self.windows.get(model)
        if window is None or now_ms >= window.started_ms + window_ms:
            self.windows[model] = Window(now_ms, 1)
        else:
            window.requests += 1

    def first_end_ms(self, now_ms: int) -> int:
        """When the soonest of the active tasks ends (at least 1 s from now, so that a wait is a wait)."""
        ends = (task.ends_ms for task in self.tasks.values() if not task.ended)
        return max(now_ms + 1000, min(ends, default=0))
