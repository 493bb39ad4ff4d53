"""Wrong: its framework sends callers to the same address with a slash, and callbacks follow no redirect."""

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def receive(self, content_type: str, body: bytes) -> int:
        return 307


if __name__ == "__main__":
    main(Receiver)
