"""Mistake: a 409 of a repeated submission is answered with a new Idempotency-Key, and paid for twice."""

import uuid

from sync_correct import Client, GivenUpError, main


class Mistaken(Client):
    def submit(self) -> str:
        try:
            return super().submit()
        except GivenUpError as error:
            if not str(error).startswith("409"):
                raise
        again = {"Idempotency-Key": uuid.uuid4().hex}
        return str(self.call("POST", "/v1/videos/generations", self.body, again)["id"])


main(Mistaken())
