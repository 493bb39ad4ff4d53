"""Wrong about what comes more than once: each class has one mistake. What was done is kept as a list."""

import hashlib
import select
import time
from typing import Any

from tests.receivers.desk import Desk, main_of


class List(Desk):
    """Right: a list of what was done, in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Any] = []

    def state(self) -> Any:
        return self.rows

    def is_done(self, task: dict[str, Any]) -> bool:
        return any(row["task"] == task["id"] for row in self.rows)

    def act(self, task: dict[str, Any]) -> None:
        self.rows.append({"task": task["id"], **self.outcome(task)})

    def end(self, task: dict[str, Any]) -> int:
        with self.lock:
            if self.breaks_down():
                return 500
            if not self.is_done(task):
                self.act(task)
        return 200


class RemembersTheLast(List):
    """Remembers no more than so many tasks; of those that ended in another way than `kind`, all."""

    remembered, kind = 1, "completed"

    def is_done(self, task: dict[str, Any]) -> bool:
        rows = self.rows if self.outcome(task)["is"] != self.kind else self.rows[-self.remembered :]
        return any(row["task"] == task["id"] for row in rows)

    def outcome(self, task: dict[str, Any]) -> Any:
        code = task.get("error", {}).get("code")
        return super().outcome(task) | {"is": "cancelled" if code == "request_cancelled" else task["status"]}


class RemembersTen(RemembersTheLast):
    """Enough for anything that comes soon."""

    remembered = 10


class RemembersTheBytes(List):
    """Takes a body that differs in a byte for another callback."""

    def __init__(self) -> None:
        super().__init__()
        self.digests: set[str] = set()

    def receive(self, content_type: str, body: bytes) -> int:
        self.here.digest = hashlib.sha256(body).hexdigest()
        return super().receive(content_type, body)

    def is_done(self, task: dict[str, Any]) -> bool:
        known = self.here.digest in self.digests
        self.digests.add(self.here.digest)
        return known


class ActsThenFails(List):
    """The work is done, then something fails, and nobody noted that the work was done."""

    def __init__(self) -> None:
        super().__init__()
        self.unsure: set[str] = set()

    def end(self, task: dict[str, Any]) -> int:
        with self.lock:
            if self.is_done(task) and task["id"] not in self.unsure:
                return 200
            self.act(task)
            if self.breaks_down():
                self.unsure.add(task["id"])
                return 500
            self.unsure.discard(task["id"])
        return 200


class GivesUp(List):
    """Drops what it has failed twice, and says that it has it."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[str, int] = {}

    def end(self, task: dict[str, Any]) -> int:
        if self.failed.get(task["id"], 0) >= 2:
            return 200
        status = super().end(task)
        self.failed[task["id"]] = self.failed.get(task["id"], 0) + (status == 500)
        return status


class HalfDone(List):
    """Does its work in two steps; where the second failed, the repetition takes both for done."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[str] = []

    def state(self) -> Any:
        return {"done": self.rows, "mails": self.mails}

    def end(self, task: dict[str, Any]) -> int:
        with self.lock:
            if not self.is_done(task):
                self.act(task)
                if self.breaks_down():
                    return 500
                self.mails.append(task["id"])
        return 200


class StartsAfresh(List):
    """Forgets what it knew of a task whose copy it failed."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: set[str] = set()

    def end(self, task: dict[str, Any]) -> int:
        with self.lock:
            if self.breaks_down():
                self.forgotten |= {task["id"]} if self.is_done(task) else set()
                return 500
            if not self.is_done(task) or task["id"] in self.forgotten:
                self.act(task)
            self.forgotten.discard(task["id"])
        return 200


class EndsWithTheConnection(List):
    """Marks a task as seen, and its work is called off when the sender hangs up: as handlers of async servers are."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def end(self, task: dict[str, Any]) -> int:
        if task["id"] in self.seen:
            return 200
        self.seen.add(task["id"])
        time.sleep(0.02)
        if select.select([self.here.connection], [], [], 0)[0]:
            return 500
        status = super().end(task)
        self.seen -= {task["id"]} if status == 500 else set()
        return status


class FailsAtFirst(List):
    """A cache that is always cold for a task that failed: the first attempt is answered 500, the second 200."""

    def __init__(self) -> None:
        super().__init__()
        self.warm: set[str] = set()

    def end(self, task: dict[str, Any]) -> int:
        if task["status"] == "failed" and task["id"] not in self.warm:
            self.warm.add(task["id"])
            return 500
        return super().end(task)


class FirstReportWins(List):
    """Keeps the first report of a task, and takes its end for a copy of it."""

    def __init__(self) -> None:
        super().__init__()
        self.reported: set[str] = set()

    def report(self, task: dict[str, Any]) -> int:
        self.reported.add(task["id"])
        return 204

    def is_done(self, task: dict[str, Any]) -> bool:
        return task["id"] in self.reported or super().is_done(task)


if __name__ == "__main__":
    main_of(globals())
