"""Mistake: counts on a field that the documentation does not promise, and breaks where it is missing."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def fetch(self, task: dict[str, Any]) -> None:
        super().fetch(task)
        print(f"cost {task['billing']['charged_credits']} credits")


main(Mistaken())
