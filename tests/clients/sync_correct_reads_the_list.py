"""Correct: looks the task up in the list until it has ended (observed profile)."""

from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Listing(Client):
    def wait(self, task_id: str) -> dict[str, Any]:
        for _ in range(300):
            self.pause(POLL_S)
            listed = self.call("GET", "/v1/tasks?page=1&page_size=20")["data"]
            if any(self.is_done(one) for one in listed if one["id"] == task_id):
                return dict(self.call("GET", f"/v1/tasks/{task_id}"))
        raise GivenUpError("it takes too long")


if __name__ == "__main__":
    main(Listing())
