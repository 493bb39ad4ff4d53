"""Bad servers by system: each property that a documented example shows is gone, of another type, or another value."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.bad_servers.fuzzer import put
from tests.bad_servers.house import CREATE, CREDITS, TASKS, Wire, answers
from tests.documents import document

Place = tuple[str, ...]
_TASK = f"{TASKS}{{task_id}}"
_STATUSES = {("post", CREATE): ("200", "400", "402", "403"), ("get", _TASK): ("200", "400", "403", "404")}
_STATUSES |= {("get", CREDITS): ("200", "401")}
"""The answers that a default run has for certain."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one property in all answers of one kind."""

    method: str
    path: str
    status: int
    place: Place
    how: str

    @property
    def name(self) -> str:
        return f"{self.how} {'.'.join(self.place)} of {self.method} {self.path} {self.status}"

    @property
    def hook(self) -> Any:
        return answers(self._change)

    def _change(self, wire: Wire) -> None:
        there = wire.path == self.path or (self.path == _TASK and wire.path.startswith(TASKS))
        if there and wire.status == self.status and wire.method.lower() == self.method:
            wire.json = _changed(wire.json, self.place, _HOW[self.how])


def mutants() -> Iterator[Mutant]:
    """Every property of every documented example of these answers, in each way."""
    for (method, path), statuses in _STATUSES.items():
        for status in statuses:
            examples = document("evolink")["paths"][path][method]["responses"][status]["content"]["application/json"]
            values = [one["value"] for one in examples["examples"].values()]
            for place in sorted({place for value in values for place in _places(value)}):
                yield from (Mutant(method, path, int(status), place, how) for how in _HOW)


def _places(value: Any, place: Place = ()) -> Iterator[Place]:
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield (*place, name)
        yield from _places(inner, (*place, name))


def _changed(body: Any, place: Place, change: Callable[[Any], Any]) -> Any:
    """The body as it is where it has no such place."""
    holder = body
    for name in place[:-1]:
        holder = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(holder, dict) or place[-1] not in holder:
        return body
    value = change(holder[place[-1]])
    if value is not _GONE:
        return put(body, place, value)
    kept = {name: inner for name, inner in holder.items() if name != place[-1]}
    return put(body, place[:-1], kept)


_GONE = object()


def _retyped(value: Any) -> Any:
    return 7 if isinstance(value, str | list | dict) else f"{value}"


def _shifted(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return f"{value}-x"
    return [] if isinstance(value, list) else {}


_HOW: dict[str, Callable[[Any], Any]] = {
    "drop": lambda _: _GONE,
    "retype": _retyped,
    "shift": _shifted,
}
