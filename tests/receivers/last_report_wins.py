"""Wrong: stores whatever comes, so that an older report undoes the end of a task."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def report(self, task: dict[str, Any]) -> int:
        self.done[task["id"]] = {"is": task["status"]}
        return 204

    def end(self, task: dict[str, Any]) -> int:
        self.done[task["id"]] = self.outcome(task)
        return 200


if __name__ == "__main__":
    main(Receiver)
