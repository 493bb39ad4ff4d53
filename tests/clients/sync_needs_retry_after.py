"""Mistake: counts on a Retry-After in every 429."""

from sync_correct import Client, main


class Mistaken(Client):
    def told_to_wait(self, retry_after: str | None) -> float:
        return super().told_to_wait(str(retry_after)) if retry_after else 1 / len(retry_after or "")


main(Mistaken())
