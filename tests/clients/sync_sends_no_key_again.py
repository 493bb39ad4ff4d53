"""Mistake: a submission whose answer was lost is sent again without an Idempotency-Key, and paid for twice."""

from sync_correct import Client, main


class Mistaken(Client):
    def submit(self) -> str:
        return str(self.call("POST", "/v1/videos/generations", self.body)["id"])


main(Mistaken())
