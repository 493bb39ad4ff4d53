"""What an interrupted run must not forget: what it has spent, and the tasks that it paid for."""

import json
import os
from pathlib import Path
from typing import Any


class ForeignMemoryError(Exception):
    """The file is not one of ours, or of a run against another server."""


class Memory:
    """Tasks of this run, kept in a file if one is given. No key is ever in it."""

    def __init__(self, url: str, path: Path | None = None) -> None:
        self._url, self._path = url, path
        self.spent_uc = 0
        self.open: list[str] = []
        self.ended: list[str] = []
        if path is not None and path.exists():
            self._read(path)

    def spent(self, amount_uc: int) -> None:
        """Written down before the request goes out: what may have been paid counts as paid."""
        self.spent_uc = amount_uc
        self._keep()

    def paid(self, task_id: str) -> None:
        self.open.append(task_id)
        self._keep()

    def knows(self, task_id: Any) -> bool:
        """Whether it was paid for in this run, or in an earlier one."""
        return task_id in self.open or task_id in self.ended

    def end(self, task_id: str) -> None:
        """A task that has ended can be looked at again for nothing."""
        self.open = [one for one in self.open if one != task_id]
        self.ended.append(task_id)
        self._keep()

    def _read(self, path: Path) -> None:
        try:
            kept: dict[str, Any] = json.loads(path.read_text("utf-8"))
            url, self.spent_uc = str(kept["url"]), int(kept["spent_uc"])
            self.open, self.ended = [*map(str, kept["open"])], [*map(str, kept["ended"])]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ForeignMemoryError(f"{path} is not a file of an earlier run: {error}") from error
        if url != self._url:
            raise ForeignMemoryError(f"{path} belongs to a run against {url}")

    def _keep(self) -> None:
        if self._path is None:
            return
        kept = {"url": self._url, "spent_uc": self.spent_uc, "open": self.open, "ended": self.ended}
        beside = self._path.with_name(f"{self._path.name}.part")
        beside.write_text(json.dumps(kept), "utf-8")
        os.replace(beside, self._path)
