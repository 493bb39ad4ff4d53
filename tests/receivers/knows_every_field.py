"""Wrong: its model of a task takes the fields it knows and raises at any other."""

from typing import Any

from tests.receivers.desk import Desk, main

FIELDS = {"created", "id", "model", "object", "progress", "results", "status", "error", "task_info", "type"}
OBSERVED = {"duration", "result_data", "usage"}


class Receiver(Desk):
    def end(self, task: dict[str, Any]) -> int:
        if task.keys() - FIELDS - OBSERVED:
            raise TypeError("unexpected keyword argument")
        return super().end(task)


if __name__ == "__main__":
    main(Receiver)
