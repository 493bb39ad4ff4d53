"""Wrong: a callback that came before is answered 409, and so comes again and again."""

from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def end(self, task: dict[str, Any]) -> int:
        return 409 if task["id"] in self.done else super().end(task)


if __name__ == "__main__":
    main(Receiver)
