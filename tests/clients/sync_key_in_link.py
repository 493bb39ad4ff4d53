"""Mistake: adds the key to the link of a result, as some other services want it."""

from typing import Any

from sync_correct import KEY, Client, main


class Mistaken(Client):
    def fetch(self, task: dict[str, Any]) -> None:
        super().fetch({"results": [f"{link}?key={KEY}" for link in task["results"]]})


main(Mistaken())
