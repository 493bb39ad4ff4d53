"""Wrong: answers 200 to anything, so nobody learns that what came was no task."""

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def receive(self, content_type: str, body: bytes) -> int:
        status = super().receive(content_type, body)
        return 200 if status == 400 else status


if __name__ == "__main__":
    main(Receiver)
