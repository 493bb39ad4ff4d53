"""Mistake: caps what Retry-After asks at three seconds."""

from sync_correct import Client, main


class Mistaken(Client):
    def told_to_wait(self, retry_after: str | None) -> float:
        return min(3.0, super().told_to_wait(retry_after))


main(Mistaken())
