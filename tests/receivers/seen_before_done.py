"""Wrong: marks a task as seen, then does the work; if that fails, the repetition counts as a duplicate."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def end(self, task: dict[str, Any]) -> int:
        if task["id"] in self.seen:
            return 200
        self.seen.add(task["id"])
        return super().end(task)


if __name__ == "__main__":
    main(Receiver)
