"""Wrong: compares the media type letter by letter."""

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def is_json(self, content_type: str) -> bool:
        return content_type == "application/json"


if __name__ == "__main__":
    main(Receiver)
