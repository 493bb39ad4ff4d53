"""Mistake: at its own time-out it prints a line and ends well."""

from typing import Any

from sync_correct import main
from sync_twenty_queries import Mistaken as Impatient


class Mistaken(Impatient):
    queries = 12

    def give_up(self) -> dict[str, Any]:
        print("time-out")
        return {"results": []}


main(Mistaken())
