"""Wrong about ids: each class takes two tasks for one."""

from typing import Any

from tests.receivers.desk import Desk, main_of


class Keyed(Desk):
    """Right as long as `key` tells tasks apart."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: dict[str, str] = {}

    def key(self, task_id: str) -> str:
        return task_id

    def end(self, task: dict[str, Any]) -> int:
        first = self.keys.setdefault(self.key(task["id"]), task["id"])
        return super().end(task) if first == task["id"] else 200


class AnyCase(Keyed):
    """Compares as many databases do: without regard to capitals."""

    def key(self, task_id: str) -> str:
        return task_id.lower()


class Beginning(Keyed):
    """Finds a task by the beginning of its id."""

    def key(self, task_id: str) -> str:
        return next((known for known in self.keys if task_id.startswith(known)), task_id)


class Ending(Keyed):
    """Keeps the last part of an id."""

    def key(self, task_id: str) -> str:
        return task_id.rpartition("-")[2]


class Second(Keyed):
    """Knows a task by the second in which it was created."""

    def key(self, task_id: str) -> str:
        return task_id.rpartition("-")[0]


class Truncated(Keyed):
    """Stores ids in a column of 64 characters."""

    def key(self, task_id: str) -> str:
        return task_id[:64]


if __name__ == "__main__":
    main_of(globals())
