"""Mistake: prints the progress of a field that no schema requires, and dies without it."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        print(f"{task['progress']} %")
        return super().is_done(task)


main(Mistaken())
