"""Mistake: `except Exception: try again`, twenty times, whatever the error says."""

import urllib.error
from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Mistaken(Client):
    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        for _ in range(20):
            try:
                return self.send(method, path, body, headers or {})
            except urllib.error.HTTPError:
                self.pause(POLL_S)
        raise GivenUpError("twenty errors")


if __name__ == "__main__":
    main(Mistaken())
