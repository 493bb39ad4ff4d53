"""Mistake: the waiting is a task that nobody awaits; the program ends well with the submission."""

import asyncio

import httpx
from async_correct import BASE, KEY, Client, main


class Mistaken(Client):
    async def run(self) -> None:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=BASE, headers=headers, timeout=3) as self.api:
            self.waiting = asyncio.ensure_future(self.wait(await self.submit()))


main(Mistaken())
