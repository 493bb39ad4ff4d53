"""Wrong: reads `results` before it looks at the status, and a failed task has none."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def outcome(self, task: dict[str, Any]) -> Any:
        return super().outcome(task) | {"count": len(task["results"])}


if __name__ == "__main__":
    main(Receiver)
