"""Mistake: gives up after five queries; the task may take minutes."""

from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Mistaken(Client):
    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(5):
            self.pause(POLL_S)
            task = self.call("GET", f"/v1/tasks/{task_id}")
            if self.is_done(task):
                return dict(task)
        raise GivenUpError("five queries and no result")


main(Mistaken())
