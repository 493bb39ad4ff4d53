"""Mistake: waits for the callbacks of two tasks in turn, and drops the one that comes out of turn."""

from typing import Any

from callback_correct import CallbackClient, Receiver
from sync_correct import main


class Mistaken(CallbackClient):
    taken = 0

    def submit(self) -> str:
        first = super().submit()
        self.call("GET", f"/v1/tasks/{first}")
        self.second = super().submit()
        return first

    def wait(self, task_id: str) -> dict[str, Any]:
        while True:
            while len(Receiver.came) <= self.taken:
                Receiver.something.wait()
                Receiver.something.clear()
            task = list(Receiver.came.values())[self.taken]
            self.taken += 1
            if task["id"] == task_id and self.is_done(task):
                return task

    def fetch(self, task: dict[str, Any]) -> None:
        super().fetch(task)
        if task["id"] != self.second:
            self.fetch(self.wait(self.second))


main(Mistaken())
