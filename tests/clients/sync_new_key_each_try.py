"""Mistake: every try has an Idempotency-Key of its own, so none is recognised."""

import uuid
from typing import Any

from sync_correct import Client, main


class Mistaken(Client):
    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        return super().send(method, path, body, {"Idempotency-Key": uuid.uuid4().hex})


main(Mistaken())
