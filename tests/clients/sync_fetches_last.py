"""Mistake: makes three videos one after the other and fetches all results at the end, when the first has expired."""

from sync_correct import Client, main


class Mistaken(Client):
    def run(self) -> None:
        for task in [self.wait(self.submit()) for _ in range(3)]:
            self.fetch(task)


main(Mistaken())
