"""Mistake: reads answers into a record that refuses fields which it does not know."""

from dataclasses import dataclass
from typing import Any

from sync_correct import Client, main


@dataclass
class Task:
    created: int
    id: str
    model: str
    object: str
    progress: int
    status: str
    type: str
    task_info: dict[str, Any]
    results: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
    usage: dict[str, Any] | None = None
    duration: float | None = None
    result_data: tuple[Any, ...] = ()
    billing: dict[str, Any] | None = None


class Mistaken(Client):
    def send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        answer = super().send(method, path, body, headers)
        return vars(Task(**answer))


main(Mistaken())
