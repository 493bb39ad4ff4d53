"""Wrong: takes a task that was created before the last one for old news."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    newest = 0

    def end(self, task: dict[str, Any]) -> int:
        if task["created"] < self.newest:
            return 200
        self.newest = task["created"]
        return super().end(task)


if __name__ == "__main__":
    main(Receiver)
