"""Mistake: `cancelled` is none of the two ends that it knows."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        return task["status"] != "cancelled" and super().is_done(task)


main(Mistaken())
