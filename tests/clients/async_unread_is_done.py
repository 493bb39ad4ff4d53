"""Mistake: an answer that can't be read ends the waiting, and nobody notices that there is no result."""

import json
from typing import Any

from async_correct import Client, main


class Mistaken(Client):
    async def wait(self, task_id: str) -> dict[str, Any]:
        try:
            return await super().wait(task_id)
        except json.JSONDecodeError:
            return {"results": []}

    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        if method == "POST":
            return await super().call(method, path, **arguments)
        return (await self.api.request(method, path, **arguments)).raise_for_status().json()


main(Mistaken())
