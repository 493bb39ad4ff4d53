"""What a rule looks at, one request with its answer, and what it remembers of those before."""

from msgspec import Struct

from mockserver.web.api.identity import Headers
from mockserver.web.api.matter import Matter
from mockserver.web.hints.hint import Kind
from mockserver.web.http.exchange import Answer

_POLLED_LIMIT = 32
_SUBMITTED_LIMIT = 32
_WAITS_LIMIT = 32
_STRANGERS_LIMIT = 20
_UNFETCHED_LIMIT = 20
"""Tasks of one key whose results are watched."""
_STALE_MS = 60_000


class Exchanged(Struct, frozen=True, gc=False):
    """One exchange. `now_ms` is the machine's monotonic clock; `matter` is None where no operation was reached."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    now_ms: float
    answer: Answer
    matter: Matter | None

    def moment(self) -> "Moment":
        return Moment(0 if self.matter is None else self.matter.call.now_ms, self.now_ms)


class Moment(Struct, frozen=True, gc=False):
    """When something was, on the key's clock and on the machine's."""

    at_ms: int
    now_ms: float

    def since_ms(self, before: "Moment") -> float:
        """How long that is after another moment, by whichever clock shows more: a client waits by one of them."""
        return max(self.at_ms - before.at_ms, self.now_ms - before.now_ms)


class Polls(Struct, gc=False):
    """The queries of one task: when the last came, how many in a row came too soon, how many were told its end."""

    last: Moment
    quick: int = 0
    ended: int = 0


class Memory:
    """What is remembered of one key: little, and bounded."""

    __slots__ = ("polls", "strangers", "submitted", "told", "unfetched", "waits")

    def __init__(self) -> None:
        self.told: set[Kind] = set()
        self.strangers: set[str] = set()
        self.polls: dict[str, Polls] = {}
        self.submitted: dict[int, Moment] = {}
        self.waits: dict[tuple[str, str, int], tuple[Moment, float]] = {}
        self.unfetched: dict[str, None] = {}

    def polled(self, task_id: str, moment: Moment) -> tuple[Polls, Moment | None]:
        """The queries of a task, this one among them, and when the one before came. Of more tasks than are
        remembered the first ones stay, until nobody asks for them any more."""
        known = self.polls.get(task_id)
        if known is not None:
            before, known.last = known.last, moment
            return known, before
        found = Polls(moment)
        if len(self.polls) >= _POLLED_LIMIT:
            oldest = next(iter(self.polls))
            if moment.now_ms - self.polls[oldest].last.now_ms < _STALE_MS:
                return found, None
            del self.polls[oldest]
        self.polls[task_id] = found
        return found, None

    def meets(self, stranger: str) -> bool:
        """Whether an unknown field is met for the first time; of more than are remembered none is."""
        if stranger in self.strangers or len(self.strangers) >= _STRANGERS_LIMIT:
            return False
        self.strangers.add(stranger)
        return True

    def submits(self, digest: int, moment: Moment) -> Moment | None:
        """When the same body was submitted before; from now on, this is when."""
        before = self.submitted.pop(digest, None)
        if len(self.submitted) >= _SUBMITTED_LIMIT:
            del self.submitted[next(iter(self.submitted))]
        self.submitted[digest] = moment
        return before

    def waited(self, moment: Moment) -> None:
        """Forget the waits that are over."""
        over = [request for request, (since, wait_ms) in self.waits.items() if moment.since_ms(since) >= wait_ms]
        for request in over:
            del self.waits[request]

    def told_to_wait(self, request: tuple[str, str, int], moment: Moment, wait_ms: float) -> None:
        if len(self.waits) >= _WAITS_LIMIT:
            del self.waits[next(iter(self.waits))]
        self.waits[request] = moment, wait_ms

    def watch(self, task_id: str) -> None:
        """See to it that somebody fetches its result; of more tasks than are watched the first ones."""
        if len(self.unfetched) < _UNFETCHED_LIMIT:
            self.unfetched[task_id] = None

    def unwatch(self, task_id: str) -> None:
        self.unfetched.pop(task_id, None)
