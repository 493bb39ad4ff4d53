"""Mistake: refuses values that its list does not have, in fields that it does not need."""

from typing import Any

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def is_done(self, task: dict[str, Any]) -> bool:
        if task.get("type", "video") not in ("text", "image", "audio", "video"):
            raise GivenUpError(f"a type of {task['type']}")
        return super().is_done(task)


main(Mistaken())
