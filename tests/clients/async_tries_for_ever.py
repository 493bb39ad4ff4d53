"""Mistake: `while True: try ... except: continue`, which asks a server in trouble as fast as it can."""

from typing import Any

import httpx
from async_correct import Client, main


class Mistaken(Client):
    async def call(self, method: str, path: str, **arguments: Any) -> Any:
        while True:
            try:
                response = await self.api.request(method, path, **arguments)
                if response.status_code < 500 and response.status_code != 429:
                    return response.raise_for_status().json()
            except (httpx.TransportError, ValueError):
                continue


main(Mistaken())
