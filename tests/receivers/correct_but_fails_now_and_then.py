"""Right: its database is away at every fourth callback; then nothing is done, and 500 asks for it again."""

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    calls = 0

    def breaks_down(self) -> bool:
        self.calls += 1
        return self.calls % 4 == 0 or super().breaks_down()


if __name__ == "__main__":
    main(Receiver)
