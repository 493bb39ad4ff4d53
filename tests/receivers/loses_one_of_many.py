"""Wrong: reads its file, adds to it, writes it; what another wrote meanwhile is gone."""

import time
from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def end(self, task: dict[str, Any]) -> int:
        done = dict(self.done)
        time.sleep(0.01)
        done.setdefault(task["id"], self.outcome(task))
        self.done = done
        return 200


if __name__ == "__main__":
    main(Receiver)
