"""Mistake: knows Retry-After in seconds only; a date means its own short wait."""

from sync_correct import POLL_S, Client, main


class Mistaken(Client):
    def told_to_wait(self, retry_after: str | None) -> float:
        return float(retry_after) if retry_after and retry_after.isdigit() else POLL_S


main(Mistaken())
