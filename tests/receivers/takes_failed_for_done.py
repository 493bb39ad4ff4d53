"""Wrong: a callback means that the task is done, whatever its status says."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def outcome(self, task: dict[str, Any]) -> Any:
        return {"is": "delivered", "files": task.get("results", [])}


if __name__ == "__main__":
    main(Receiver)
