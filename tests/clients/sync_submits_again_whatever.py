"""Mistake: a failed task is submitted again, four times, also when the prompt is what it fails for."""

from typing import Any

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(4):
            try:
                return super().wait(task_id)
            except GivenUpError as error:
                if "the task has failed" not in str(error):
                    raise
                task_id = self.submit()
        return super().wait(task_id)


main(Mistaken())
