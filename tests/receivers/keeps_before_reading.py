"""Wrong: files what came before it looks whether it is a task; the refusal comes too late."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.refused = 0

    def state(self) -> Any:
        return {"done": self.done, "unreadable": self.refused}

    def read(self, body: bytes) -> dict[str, Any] | None:
        task = super().read(body)
        self.refused += task is None
        return task


if __name__ == "__main__":
    main(Receiver)
