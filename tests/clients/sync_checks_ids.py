"""Mistake: knows exactly how an id looks."""

import re

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def submit(self) -> str:
        task_id = super().submit()
        if not re.fullmatch(r"task-unified-\d+-[a-z0-9]{8}", task_id):
            raise GivenUpError(f"no id: {task_id}")
        return task_id


main(Mistaken())
