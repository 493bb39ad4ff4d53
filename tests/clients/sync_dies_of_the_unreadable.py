"""Mistake: nobody catches what `json` raises, so one answer that is no JSON loses the paid task."""

from typing import Any

from sync_correct import Client, main


class UnreadableError(Exception):
    """Nobody expects it."""


class Mistaken(Client):
    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        try:
            return super().send(method, path, body, headers)
        except ValueError as error:
            raise UnreadableError from error


if __name__ == "__main__":
    main(Mistaken())
