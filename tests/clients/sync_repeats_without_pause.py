"""Mistake: what failed is repeated at once, as often as the library allows."""

from sync_correct import Client, main


class Mistaken(Client):
    tries = 50

    def told_to_wait(self, retry_after: str | None) -> float:
        return 0.0 if retry_after is None else super().told_to_wait(retry_after)

    def pause(self, seconds: float) -> None:
        if seconds:
            super().pause(seconds)


main(Mistaken())
