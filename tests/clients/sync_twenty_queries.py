"""Mistake: gives up after twenty queries; the task may take minutes."""

from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Mistaken(Client):
    queries = 20

    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(self.queries):
            self.pause(POLL_S)
            task = self.call("GET", f"/v1/tasks/{task_id}")
            if self.is_done(task):
                return dict(task)
        return self.give_up()

    def give_up(self) -> dict[str, Any]:
        raise GivenUpError("no result after all these queries")


if __name__ == "__main__":
    main(Mistaken())
