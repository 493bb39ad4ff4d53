"""Mistake: an answer that can't be read is a failed submission, so the next one is a new one."""

import uuid

from async_correct import BODY, Client, GivenUpError, main


class Mistaken(Client):
    async def submit(self) -> str:
        for _ in range(3):
            headers = {"Idempotency-Key": uuid.uuid4().hex}
            response = await self.api.post("/v1/videos/generations", json=BODY, headers=headers)
            try:
                return str(response.raise_for_status().json()["id"])
            except ValueError:
                """Once more."""
        raise GivenUpError("no answer made sense")


main(Mistaken())
