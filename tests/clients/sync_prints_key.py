"""Mistake: a line for debugging shows the headers."""

from typing import Any

from sync_correct import KEY, Client, main


class Mistaken(Client):
    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        print(method, path, {"Authorization": f"Bearer {KEY}", **headers})
        return super().send(method, path, body, headers)


main(Mistaken())
