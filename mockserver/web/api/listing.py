"""Several tasks in one answer, and the models: bodies of what only the provider's own clients show."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.contract.shape import Shape
from mockserver.simulation.limits import Account
from mockserver.simulation.task import State, Task
from mockserver.simulation.world import World
from mockserver.web.api.body import TaskBodies
from mockserver.web.api.view import ListedView

_RECENT = 50
"""How many tasks a list of another provider's has."""
_STATES = {
    "pending": (State.PENDING,),
    "processing": (State.PENDING, State.PROCESSING),
    "completed": (State.COMPLETED,),
    "failed": (State.FAILED, State.CANCELLED),
    "cancelled": (State.CANCELLED,),
}
"""What each status asked for takes in; a cancelled task counts as what it reads."""


class _Listed(Struct, gc=False):
    """What fills the body of a list."""

    data: list[msgspec.Raw]
    total: int = 0
    page: int = 1
    page_size: int = 0


class _Model(Struct):
    id: str


class Listing:
    """Renders lists of tasks and models."""

    def __init__(self, registry: Registry, bodies: TaskBodies) -> None:
        self._registry, self._bodies = registry, bodies

    def page(self, operation: Operation, world: World, asked: dict[str, Any], now_ms: int) -> bytes:
        """A page of a key's tasks, newest first; `asked` are the parameters of the query.

        Without a filter it costs the same however many tasks there are before the page.
        """
        page, size = asked["page"], asked["page_size"]
        found, total = _newest(world, asked, (page - 1) * size, size)
        items = _items(operation.item_shape, (ListedView(task, now_ms) for task in found))
        return operation.shape.render(_Listed(items, total, page, size))

    def recent(self, operation: Operation, world: World, now_ms: int) -> bytes:
        """A key's newest tasks of another provider, each as a query of it shows it."""
        mine = {
            model for one in self._registry.operations if one.document == operation.document for model in one.models
        }
        found = [task for task in reversed(world.tasks.values()) if task.terms.model in mine]
        items = [msgspec.Raw(self._bodies.detail(task, now_ms, world.account.user_group)) for task in found[:_RECENT]]
        return operation.shape.render(_Listed(items, len(found), 1, len(items)))

    def batch(self, operation: Operation, world: World, task_ids: list[str], now_ms: int) -> bytes:
        """Those of these tasks that the key has, once each, in this order."""
        found = (world.tasks.get(task_id) for task_id in dict.fromkeys(task_ids))
        group = world.account.user_group
        items = [msgspec.Raw(self._bodies.detail(task, now_ms, group)) for task in found if task is not None]
        return operation.shape.render(_Listed(items))

    def models(self, operation: Operation, account: Account) -> bytes:
        """The models that the key may use."""
        allowed = account.models
        names = (name for name in self._registry.models if allowed is None or name in allowed)
        return operation.shape.render(_Listed(_items(operation.item_shape, map(_Model, names))))


def _items(shape: Shape, views: Iterable[Any]) -> list[msgspec.Raw]:
    return [msgspec.Raw(shape.render(view)) for view in views]


def _newest(world: World, asked: dict[str, Any], start: int, size: int) -> tuple[Iterable[Task], int]:
    """The tasks of a page, and how many fit in all. A dict keeps them in the order of their submission."""
    if not asked.keys() & {"status", "type", "model"}:
        total = len(world.tasks)
        return islice(reversed(world.tasks.values()), min(start, total), min(start + size, total)), total
    fitting = _fitting(world.tasks.values(), asked)
    end = max(0, len(fitting) - start)
    return reversed(fitting[max(0, end - size) : end]), len(fitting)


def _fitting(tasks: Iterable[Task], asked: dict[str, Any]) -> list[Task]:
    """The tasks that every filter lets through, oldest first. There may be a million: no step calls a function."""
    status, kind, model = asked.get("status"), asked.get("type"), asked.get("model")
    if status is not None:
        states = _STATES[status]
        tasks = [one for one in tasks if one.state in states]
        if State.CANCELLED in states:
            tasks = [one for one in tasks if one.state is not State.CANCELLED or one.terms.cancelled_as == status]
    if kind is not None:
        tasks = [one for one in tasks if one.terms.type == kind]
    if model is not None:
        tasks = [one for one in tasks if one.terms.model == model]
    return list(tasks)
