"""Wrong: notes the id of whatever comes, and looks afterwards whether it is a task; a number among the names, and its
state can't be sorted any more."""

import json
from typing import Any

from tests.receivers.desk import Desk, main


class Receiver(Desk):
    def __init__(self) -> None:
        super().__init__()
        self.numbered: set[Any] = {"none yet"}

    def state(self) -> Any:
        return {"done": self.done, "numbered": sorted(self.numbered)}

    def read(self, body: bytes) -> dict[str, Any] | None:
        task = super().read(body)
        if task is None and b'"id": 7' in body:
            self.numbered.add(json.loads(body)["id"])
        return task


if __name__ == "__main__":
    main(Receiver)
