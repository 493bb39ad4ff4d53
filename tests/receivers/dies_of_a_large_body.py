"""Wrong: reads any body into memory and is killed for it."""

import threading

from tests.receivers.desk import BODY_LIMIT, Desk, main


class Receiver(Desk):
    body_limit = 2**40

    def receive(self, content_type: str, body: bytes) -> int:
        if len(body) > BODY_LIMIT:
            threading.Thread(target=self.die).start()
            raise MemoryError
        return super().receive(content_type, body)


if __name__ == "__main__":
    main(Receiver)
