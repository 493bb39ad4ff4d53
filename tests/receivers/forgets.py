"""Wrong: answers at once and leaves the work to a worker that nobody started."""

import queue
from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.work: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def end(self, task: dict[str, Any]) -> int:
        self.work.put(task)
        return 202


if __name__ == "__main__":
    main(Receiver)
