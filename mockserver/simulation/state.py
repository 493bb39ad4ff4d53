"""All that one API key is and has: the state that commands change. It knows no other key."""

from collections import deque
from typing import Any

from msgspec import Struct

from mockserver.simulation.callback import Delivery
from mockserver.simulation.chance import Stream
from mockserver.simulation.clock import OwnClock
from mockserver.simulation.event import Fired, Happening, Send
from mockserver.simulation.file import File
from mockserver.simulation.ledger import Book
from mockserver.simulation.limits import Account, Receipts, Windows
from mockserver.simulation.playbook import Playbook
from mockserver.simulation.task import Task
from mockserver.simulation.timer import Timers


class Settings(Struct, frozen=True, kw_only=True):
    """What a world is born with; with the same settings the same commands make the same world.

    `name` tells the worlds of one server apart: it is part of every random stream, and `mark` of every id. The
    bounds keep every collection finite; `fires_limit` is how much happens at the most before
    a command is carried out, and as much again after it.
    """

    name: str
    seed: int = 0
    mark: str = ""
    credits_uc: int = 10_000_000 * 10_000
    tasks_limit: int = 1_000_000
    scenarios_limit: int = 1_000
    fires_limit: int = 1_000


class State:
    """Money, limits, tasks, deliveries, files, scenarios, timers, and the clock if it has one of its own.

    `ended` holds ids of ended tasks, oldest first; `uploads` counts every file that there ever was.
    """

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self.settings = settings
        self.now_ms = now_ms
        self.clock: OwnClock | None = None
        self.book = Book.opened(settings.credits_uc, now_ms)
        self.account = Account()
        self.windows = Windows()
        self.receipts = Receipts()
        self.submissions = 0
        self.active = 0
        self.tasks: dict[str, Task] = {}
        self.ended: deque[str] = deque()
        self.deliveries: dict[str, Delivery] = {}
        self.uploads = 0
        self.files: dict[str, File] = {}
        self.playbook = Playbook(settings.seed, settings.name)
        self.timers = Timers()
        self.task_stream = Stream(settings.seed, settings.name, "task")
        self.events: list[Fired] | None = None
        """What the command under way has brought about so far; None where nobody wants to know."""
        self.sends: list[Send] = []

    def tell(self, at_ms: int, happening: Happening, **details: Any) -> None:
        if self.events is not None:
            self.events.append(Fired(at_ms, happening, **details))

    def first_end_ms(self) -> int:
        """When the soonest of the active tasks ends (at least 1 s from now, so that a wait is a wait)."""
        ends = (task.ends_ms for task in self.tasks.values() if not task.ended)
        return max(self.now_ms + 1000, min(ends, default=0))

    def find_file(self, file_id: str, now_ms: int) -> File | None:
        """A file, if it is still there."""
        file = self.files.get(file_id)
        return file if file is not None and file.there(now_ms) else None
