"""Mistake: any end is a good end."""

from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        return task["status"] not in ("pending", "processing")

    def fetch(self, task: dict[str, Any]) -> None:
        super().fetch({"results": task.get("results", [])})


main(Mistaken())
