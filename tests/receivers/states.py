"""Wrong in one way, and with a state of another form each: copies that come at once are handled each."""

import time
from collections import Counter
from typing import Any

from tests.receivers.desk import Desk, main_of


class Counts(Desk):
    """How often each task was handled."""

    def __init__(self) -> None:
        super().__init__()
        self.times: Counter[str] = Counter()
        self.log: list[dict[str, Any]] = []

    def state(self) -> Any:
        return self.times

    def end(self, task: dict[str, Any]) -> int:
        if task["id"] not in self.times:
            time.sleep(0.05)
            with self.lock:
                self.times[task["id"]] += 1
                self.log.append({"task": task["id"], **self.outcome(task)})
        return 200


class Total(Counts):
    """One number."""

    def state(self) -> Any:
        return self.times.total()


class Rows(Counts):
    """Rows with a number of their own."""

    def state(self) -> Any:
        return [{"row": row, **entry} for row, entry in enumerate(self.log)]


class Nested(Counts):
    """By outcome, with sums beside."""

    def state(self) -> Any:
        kinds = {entry["is"] for entry in self.log}
        sums = {kind: sum(entry["is"] == kind for entry in self.log) for kind in kinds}
        return {"shop": {"sums": sums, "last": self.log[-3:]}, "version": "1.2"}


class Lines(Counts):
    """Text, a line a task."""

    def state(self) -> Any:
        return "\n".join(f"{entry['task']} {entry['is']}" for entry in self.log)


if __name__ == "__main__":
    main_of(globals())
