"""Mistake: what failed is repeated at once, unless the answer asks to wait."""

from sync_correct import Client, main


class Mistaken(Client):
    tries = 20

    def told_to_wait(self, retry_after: str | None) -> float:
        return 0.0 if retry_after is None else super().told_to_wait(retry_after)


main(Mistaken())
