"""Mistake: asks for the task as fast as it can."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def wait(self, task_id: str) -> dict[str, Any]:
        while not self.is_done(task := self.call("GET", f"/v1/tasks/{task_id}")):
            """Not yet."""
        return dict(task)


main(Mistaken())
