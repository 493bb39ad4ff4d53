"""What a key may do, and what is remembered of it for that: account, rate windows, idempotency keys."""

from msgspec import Struct

from mockserver.simulation.command import AccountState

IDEMPOTENCY_KEYS_LIMIT = 10_000


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


class Windows:
    """The rate windows by model."""

    def __init__(self) -> None:
        self.by_model: dict[str, Window] = {}

    def wait_ms(self, model: str, limit: int | None, window_ms: int, now_ms: int) -> int:
        """How long until another request is let through; 0: at once."""
        window = self.by_model.get(model)
        if limit is None or window is None or now_ms >= window.started_ms + window_ms:
            return 0 if limit != 0 else window_ms
        return 0 if window.requests < limit else window.started_ms + window_ms - now_ms

    def count(self, model: str, window_ms: int, now_ms: int) -> None:
        window = self.by_model.get(model)
        if window is None or now_ms >= window.started_ms + window_ms:
            self.by_model[model] = Window(now_ms, 1)
        else:
            window.requests += 1


class Idempotency(Struct, gc=False):
    """What a key stands for: the request's fingerprint, the task, and until when it is remembered."""

    fingerprint: str
    task_id: str
    running_until_ms: int
    expires_ms: int


class Receipts:
    """What each idempotency key stands for, the youngest last."""

    def __init__(self) -> None:
        self.by_key: dict[str, Idempotency] = {}

    def remember(self, key: str, entry: Idempotency, now_ms: int) -> None:
        """Keep one; the oldest go as they expire or past the bound."""
        self.by_key.pop(key, None)  # a key used anew is the youngest again
        self.by_key[key] = entry
        while self.by_key:
            oldest = next(iter(self.by_key))
            expired = self.by_key[oldest].expires_ms <= now_ms
            if not expired and len(self.by_key) <= IDEMPOTENCY_KEYS_LIMIT:
                return
            del self.by_key[oldest]

    def recall(self, key: str | None, now_ms: int) -> Idempotency | None:
        entry = self.by_key.get(key) if key else None
        return entry if entry and now_ms < entry.expires_ms else None
