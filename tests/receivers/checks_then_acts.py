"""Wrong: between the look whether a task was handled and the handling there is time for a copy."""

import time
from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Any] = []

    def state(self) -> Any:
        return self.deliveries

    def end(self, task: dict[str, Any]) -> int:
        if not any(delivery["task"] == task["id"] for delivery in tuple(self.deliveries)):
            time.sleep(0.05)
            self.deliveries.append({"task": task["id"], **self.outcome(task)})
        return 200


if __name__ == "__main__":
    main(Receiver)
