"""Mistake: a progress of 100 is the end."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        return task.get("progress") == 100 or super().is_done(task)


main(Mistaken())
