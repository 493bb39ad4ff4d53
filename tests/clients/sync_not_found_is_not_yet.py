"""Mistake: a task that is not found is taken for one that is not there yet, for ever."""

from typing import Any

from sync_correct import POLL_S, Client, GivenUpError, main


class Mistaken(Client):
    def call(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        while True:
            try:
                return super().call(method, path, body, headers)
            except GivenUpError as error:
                if not str(error).startswith("404"):
                    raise
                self.pause(POLL_S)


main(Mistaken())
