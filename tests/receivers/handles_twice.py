"""Wrong: every callback is work, also one that came before."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.deliveries: list[Any] = []

    def state(self) -> Any:
        return self.deliveries

    def end(self, task: dict[str, Any]) -> int:
        self.deliveries.append({"task": task["id"], **self.outcome(task)})
        return 200


if __name__ == "__main__":
    main(Receiver)
