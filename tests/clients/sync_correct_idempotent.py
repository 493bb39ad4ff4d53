"""Correct: the Idempotency-Key is that of the job, so that a second run gets what the first has paid for."""

import hashlib
import json

from sync_correct import Client, main


class Idempotent(Client):
    def submit(self) -> str:
        digest = hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()
        headers = {"Idempotency-Key": f"job-{digest[:40]}"}
        return str(self.call("POST", "/v1/videos/generations", self.body, headers)["id"])


main(Idempotent())
