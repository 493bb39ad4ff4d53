"""Mistake: waits its own time after a 429, whatever Retry-After says."""

from sync_correct import POLL_S, Client, main


class Mistaken(Client):
    def told_to_wait(self, retry_after: str | None) -> float:
        return POLL_S


main(Mistaken())
