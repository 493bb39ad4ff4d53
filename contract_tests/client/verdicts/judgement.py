"""One check judged once, and what every verdict needs to look at a run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TypeVar

from contract_tests.client.behaviours.deviation import Operation
from contract_tests.client.run import Run, is_trouble
from contract_tests.client.wire.journal import TERMINAL, Entry

Item = TypeVar("Item")
Pair = tuple[Entry, Entry]
MOST_RENEWALS = 25
"""So often a finished task may be read again for a link that works."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`allowed` is what would have held, where that is more exact than the promise. `entries` show it."""

    check_id: str
    holds: bool
    received: str = ""
    allowed: str = ""
    entries: tuple[Entry, ...] = ()


Verdict = Callable[[Run], Iterator[Judgement]]


def groups(entries: Sequence[Entry], of: Callable[[Entry], object]) -> list[list[Entry]]:
    found: dict[object, list[Entry]] = {}
    for entry in entries:
        found.setdefault(of(entry), []).append(entry)
    return list(found.values())


def repeated(run: Run) -> list[list[Entry]]:
    """Requests that ask the same thing, in their order. Of several tasks that a client wants, maybe at the same time,
    each has a body or an idempotency key of its own."""
    is_one = run.wanted == 1 and not run.shared
    return groups(run.entries, lambda entry: entry.target if is_one else (entry.target, entry.intent))


def pairs_of(found: Sequence[Sequence[Entry]]) -> list[Pair]:
    """Each request and the next one of its group."""
    return [pair for group in found for pair in pairwise(group)]


def longest(items: list[Item], holds: Callable[[Item], bool]) -> list[Item]:
    """The longest stretch of items that all hold."""
    stretches = [list(group) for held, group in groupby(items, key=holds) if held]
    return max(stretches, key=len, default=[])


@dataclass(frozen=True, slots=True)
class Afterwards:
    """The queries of a task after the one that told its end: `renewals` had a reason, `idle` had none."""

    idle: tuple[Entry, ...]
    renewals: int


def afterwards(run: Run, task_id: str | None) -> Afterwards:
    """A reason is a fetch that came to nothing, an end without links, trouble with the last query."""
    idle, renewals = [], 0
    ended = has_reason = False
    for entry in run.entries:
        if entry.task_id != task_id:
            continue
        if entry.kind is Operation.QUERY:
            if ended and has_reason:
                renewals += 1
            elif ended:
                idle.append(entry)
            ended = ended or entry.state in TERMINAL
            has_reason = _asks_for_more(entry)
        elif entry.kind is Operation.FETCH:
            has_reason = has_reason or not entry.is_healthy
    return Afterwards(tuple(idle), renewals)


def _asks_for_more(query: Entry) -> bool:
    """Whether the end that it told has no links, or it told nothing at all."""
    answer = query.answer
    has_links = isinstance(answer, dict) and bool(answer.get("results"))
    return is_trouble(query) or not query.is_healthy or (query.state == "completed" and not has_links)
