"""Judges what the clients wrote down against what is there in the end. It believes no node: it adds up itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.node_faults.clients import Done

PRICE_UC = 612_000
"""Of one task in the profile `observed`, which has the list of tasks."""
_ORDER = ["pending", "processing", "completed"]
Ask = Callable[[str, str, str], tuple[int, Any]]
"""(method, path, key) -> (status, body), asked again until a status says more than that nobody is there."""


def broken(history: list[Done], told: dict[str, set[str]], ask: Ask) -> list[str]:
    """What is wrong, in words. `told` are the ids that callbacks spoke of, by key."""
    by_key: dict[str, list[Done]] = defaultdict(list)
    for done in history:
        by_key[done.key].append(done)
    found = list(_odd_answers(history)) + list(_doubled(history))
    for key, one in by_key.items():
        found += _of_key(key, one, told.get(key, set()), ask)
    return found


def _odd_answers(history: list[Done]) -> Iterable[str]:
    """Only 200 and 503, or no answer at all: a task that was acknowledged is never unknown, or somebody else's."""
    for done in history:
        if done.status not in (200, 503, 502, 504, None):
            yield f"{done.kind} of {done.key} ({done.about}) was answered {done.status}"


def _doubled(history: list[Done]) -> Iterable[str]:
    """Two submissions have two tasks, two of one idempotency key have one."""
    intents: dict[str, set[str]] = defaultdict(set)
    tasks: dict[str, set[str]] = defaultdict(set)
    for number, done in enumerate(history):
        if done.kind.endswith("submit") and done.task:
            intent = done.about or f"#{number}"
            intents[intent].add(done.task)
            tasks[done.task].add(intent)
    for intent, ids in intents.items():
        if len(ids) > 1:
            yield f"{intent} became {len(ids)} tasks: {sorted(ids)}"
    for task, whose in tasks.items():
        if len(whose) > 1:
            yield f"{task} was given to {len(whose)} submissions: {sorted(whose)}"


def _of_key(key: str, history: list[Done], told: set[str], ask: Ask) -> Iterable[str]:
    acknowledged = {done.task for done in history if done.kind.endswith("submit") and done.task}
    unknown = sum(done.kind.endswith("submit") and done.status != 200 for done in history)
    there = _tasks(key, ask)
    yield from _backward(history)
    for task in acknowledged - there.keys():
        yield f"{task} of {key} was acknowledged and is lost"
    if len(there) > len(acknowledged) + unknown:
        yield f"{key} has {len(there)} tasks of {len(acknowledged)} acknowledged and {unknown} unknown"
    for task in told - there.keys():
        yield f"a callback of {key} spoke of {task}, which does not exist"
    for task in acknowledged - told:
        yield f"{task} of {key} has ended and nobody was told"
    yield from _money(key, there, ask)


def _backward(history: list[Done]) -> Iterable[str]:
    """Whoever has read that a task is completed, never reads later that it is not."""
    furthest: dict[str, int] = {}
    for done in history:
        if done.kind != "task" or done.state not in _ORDER:
            continue
        at = _ORDER.index(done.state)
        if at < furthest.get(done.about, 0):
            yield f"{done.about} was {_ORDER[furthest[done.about]]} and then {done.state} again"
        furthest[done.about] = max(at, furthest.get(done.about, 0))


def _tasks(key: str, ask: Ask) -> dict[str, str]:
    """Every task of a key with its status, by the list that the API gives."""
    found: dict[str, str] = {}
    for page in range(1, 10_000):
        status, told = ask("GET", f"/v1/tasks?page={page}&page_size=100", key)
        assert status == 200, (status, told)
        found.update({one["id"]: one["status"] for one in told["data"]})
        if page * 100 >= told["total"]:
            assert len(found) == told["total"], f"{key} lists {len(found)} of {told['total']} tasks"
            return found
    raise AssertionError("a list without end")


def _money(key: str, there: dict[str, str], ask: Ask) -> Iterable[str]:
    """Each end has one charge, and the sums are those of the transfers."""
    status, told = ask("GET", f"/_mock/ledger?key={key}", key)
    assert status == 200, (status, told)
    (account,) = told["accounts"]
    user, ends = account["user"], Counter[str]()
    for transfer in account["transfers"]:
        if transfer["kind"] == "posted":
            ends[transfer["task_id"]] += 1
    if user["granted"] != user["available"] + user["reserved"] + user["charged"]:
        yield f"the ledger of {key} is out of balance: {user}"
    if user["charged"] != PRICE_UC * sum(state == "completed" for state in there.values()):
        yield f"{key} was charged {user['charged']} for {len(there)} tasks"
    for task, count in ends.items():
        if count > 1:
            yield f"{task} was charged {count} times"
