"""Correct: asks every four seconds, whatever anybody says."""

from sync_correct import Client, main


class Calm(Client):
    def pause(self, seconds: float) -> None:
        super().pause(max(seconds, 4.0))


main(Calm())
