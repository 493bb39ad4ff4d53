"""Wrong: fetches the results before it answers, which takes longer than the sender waits."""

import time
from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    download_s = 11.0

    def end(self, task: dict[str, Any]) -> int:
        time.sleep(self.download_s)
        return super().end(task)


if __name__ == "__main__":
    main(Receiver)
