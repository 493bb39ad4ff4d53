"""Mistake: waits for `completed` only, so a failed task is asked for until somebody stops the program."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        return bool(task["status"] == "completed")


main(Mistaken())
