"""Mistake: a cancelled task was somebody's wish, so the program ends well, without a result."""

import sys
from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        if task.get("error", {}).get("code") == "request_cancelled":
            sys.exit(0)
        return super().is_done(task)


main(Mistaken())
