"""Correct: a dead link is asked for afresh, three times, then it is an error."""

import http.client
from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Fresh(Client):
    def fetch(self, task: dict[str, Any]) -> None:
        for left in (2, 1, 0):
            try:
                return super().fetch(task)
            except (OSError, http.client.HTTPException) as error:
                if not left:
                    raise GivenUpError(f"no link works: {error}") from error
                self.pause(POLL_S)
                task = self.call("GET", f"/v1/tasks/{task['id']}")
        return None


main(Fresh())
