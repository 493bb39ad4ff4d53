"""Replay files from the time when all keys had one world: their lines told apart by key, each key a world."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from mockserver.simulation import command as commands
from mockserver.simulation import snapshot
from mockserver.simulation.callback import Delivery
from mockserver.simulation.command import AddScenario, Command, Pass, RemoveScenarios
from mockserver.simulation.file import File
from mockserver.simulation.ledger import BOTH, USER, Book
from mockserver.simulation.limits import Account, Idempotency, Window
from mockserver.simulation.scenario import Scenario
from mockserver.simulation.submission import TASK_ID_PREFIX
from mockserver.simulation.task import Task
from mockserver.simulation.world import Settings, World

_NO_BOUND = 2**62
_OPENING = frozenset({"submit", "strike", "set_account", "upload"})
"""Commands at which a key's account began; scenarios of its own it could have before."""


class OldSettings(Struct, frozen=True, kw_only=True):
    """What the one world of all keys was born with."""

    seed: int = 0
    credits_uc: int = 10_000_000 * 10_000
    tenants_limit: int = 10_000
    tasks_limit: int = 1_000_000
    scenarios_limit: int = 1_000


class _Line(Struct, frozen=True):
    """What of an old line says whom it concerns, and what it is."""

    command: str = ""
    snapshot: str = ""
    at_ms: int = 0
    tenant: str | dict[str, Any] | None = None
    task_id: str = ""
    delivery_id: str = ""
    name: str | None = None
    scenario: dict[str, Any] = {}
    task: dict[str, Any] = {}
    delivery: dict[str, Any] = {}
    timer: tuple[int, int, str, str] = (0, 0, "", "")
    now_ms: int = 0
    hits: dict[str, dict[str, int]] = {}


class Legacy:
    """Takes the lines of an old file one by one; `worlds` has every key's world as the last line leaves it."""

    def __init__(self, settings: OldSettings, started_ms: int) -> None:
        self._settings, self._started_ms = settings, started_ms
        self._now_ms = started_ms
        self._worlds: dict[str, World] = {}
        self._opened: set[str] = set()
        self._everybodys: dict[str, Scenario] = {}
        self._hits: dict[str, dict[str, int]] = {}
        self._held: dict[str, str] = {}

    def take(self, line: bytes, on_command: Callable[[World, Command], None] | None = None) -> None:
        """Raises msgspec.DecodeError for a line that is neither snapshot nor command."""
        told = msgspec.json.decode(line, type=_Line)
        if told.snapshot:
            try:
                self._restore(told)
            except (KeyError, TypeError) as error:
                raise msgspec.ValidationError(f"no part of a snapshot: {error!r}") from error
            return
        command = self._command(line, told)
        self._now_ms = max(self._now_ms, told.at_ms)
        for world in self._concerned(told):
            if command is not None:
                if on_command:
                    on_command(world, command)
                world.apply(command, tell=False)

    def worlds(self) -> list[World]:
        """The server's own, which has no name, and those with an account; each brought to the moment of the last
        line, since time was one for all."""
        opened = [world for name, world in self._worlds.items() if name in self._opened]
        worlds = [World(self._born(""), self._started_ms), *opened]
        for world in worlds:
            world.apply(Pass(at_ms=self._now_ms), tell=False)
        return worlds

    # --- commands

    def _command(self, line: bytes, told: _Line) -> Command | None:
        """The command as a world knows it today; None where it is not a world's any more."""
        match told.command:
            case "add_scenario":
                scenario = _scenario(told.scenario)
                if not scenario.own:
                    self._everybodys[scenario.name] = scenario
                return AddScenario(at_ms=told.at_ms, scenario=scenario)
            case "remove_scenarios":
                own = told.tenant is not None
                if not own:
                    for name in list(self._everybodys) if told.name is None else [told.name]:
                        self._everybodys.pop(name, None)
                return RemoveScenarios(at_ms=told.at_ms, own=own, name=told.name)
            case "forget_tenant":
                self._worlds.pop(str(told.tenant), None)
                self._opened.discard(str(told.tenant))
                return None
            case _:
                command: Command = commands.decode(line)
                return command

    def _concerned(self, told: _Line) -> list[World]:
        owner = told.tenant
        if told.scenario:
            owner = told.scenario.get("tenant")
        if isinstance(owner, str):
            if told.command in _OPENING and owner not in self._opened and not self._open(owner):
                return []
            return [] if told.command == "forget_tenant" else [self._world(owner)]
        task_id = told.task_id or _task_of(told.delivery_id)
        worlds = list(self._worlds.values())
        return [world for world in worlds if task_id in world.tasks] if task_id else worlds

    def _open(self, name: str) -> bool:
        """Begin a key's account, where there was room for it: its money counts from now on."""
        if len(self._opened) >= self._settings.tenants_limit:
            return False
        self._opened.add(name)
        world = self._world(name)
        self._worlds[name] = self._worlds.pop(name)  # accounts stand in the order in which they began
        world.book = Book.opened(world.settings.credits_uc, self._now_ms)
        return True

    def _world(self, name: str) -> World:
        """A key's world, from the first line that concerns it, with the scenarios of everybody in force."""
        world = self._worlds.get(name)
        if world is None:
            world = self._worlds[name] = World(self._born(name), self._now_ms)
            for scenario in self._everybodys.values():
                world.apply(AddScenario(at_ms=self._now_ms, scenario=scenario), tell=False)
        return world

    def _born(self, name: str) -> Settings:
        told = self._settings
        return Settings(
            name=name,
            seed=told.seed,
            credits_uc=told.credits_uc,
            tasks_limit=told.tasks_limit,
            scenarios_limit=told.scenarios_limit,
            fires_limit=_NO_BOUND,
        )

    # --- snapshots

    def _restore(self, told: _Line) -> None:
        match told.snapshot:
            case "moment" if told.now_ms:
                self._now_ms, self._hits = told.now_ms, told.hits
            case "tenant" if isinstance(told.tenant, dict):
                self._restore_tenant(told.tenant)
            case "task":
                task = {**told.task, "held_from": self._held.get(told.task["id"], USER)}
                self._worlds[told.task["tenant"]].tasks[task["id"]] = msgspec.convert(task, Task)
            case "delivery":
                attempts = [{"due_ms": one["at_ms"], **one} for one in told.delivery["attempts"]]
                delivery = msgspec.convert({**told.delivery, "attempts": attempts}, Delivery)
                self._worlds[told.delivery["tenant"]].deliveries[delivery.id] = delivery
            case "scenario":
                self._restore_scenario(_scenario(told.scenario), told.scenario.get("tenant"))
            case "timer":
                self._restore_timer(told.timer[0], told.timer[3])
            case other:
                raise msgspec.ValidationError(f"no part of a snapshot: {other!r}")

    def _restore_tenant(self, told: dict[str, Any]) -> None:
        world, book = self._world(told["id"]), told["book"]
        self._opened.add(told["id"])
        self._held |= {task_id: one["account"] for task_id, one in book["open"].items()}
        held_uc = sum(one["amount_uc"] for one in book["open"].values() if one["account"] == BOTH)
        world.book = msgspec.convert({**book, "held_uc": held_uc}, Book, dec_hook=snapshot.as_deque)
        world.account = msgspec.convert(told["account"], Account)
        world.windows.by_model = msgspec.convert(told["windows"], dict[str, Window])
        world.receipts.by_key = msgspec.convert(told["idempotency"], dict[str, Idempotency])
        world.submissions, world.active, world.uploads = told["submissions"], told["active"], told.get("uploads", 0)
        world.ended.extend(told["ended"])
        world.files = msgspec.convert(told.get("files", {}), dict[str, File])
        world.playbook.hits = self._hits.get(told["id"], {})

    def _restore_scenario(self, scenario: Scenario, owner: str | None) -> None:
        """Put in force without the counting anew that adding brings."""
        if owner is None:
            self._everybodys[scenario.name] = scenario
        for world in self._worlds.values() if owner is None else [self._world(owner)]:
            world.playbook.scenarios[scenario.key] = scenario

    def _restore_timer(self, due_ms: int, subject: str) -> None:
        for world in self._worlds.values():
            owner = world.tasks.get(subject) or world.deliveries.get(subject)
            if owner is not None and owner.due_ms == due_ms:
                world.timers.plan(due_ms, owner)


def _scenario(told: dict[str, Any]) -> Scenario:
    return msgspec.convert({**told, "own": told.get("tenant") is not None}, Scenario)


def _task_of(delivery_id: str) -> str:
    """The id of the task whose callback this is."""
    head, _, _ = delivery_id.removeprefix("callback-").rpartition("-")
    return f"{TASK_ID_PREFIX}{head}" if head else ""
