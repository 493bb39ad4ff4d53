"""The scenarios of the server: they stand in its own world, and a copy in the world of every key."""

from collections.abc import Callable

from mockserver.runtime.resident import Resident
from mockserver.runtime.worlds import Worlds
from mockserver.simulation.command import AddScenario, Command, RemoveScenarios
from mockserver.simulation.event import Reply
from mockserver.simulation.scenario import Scenario


class Commons:
    """Shares scenarios with every world in memory; one that comes later is brought up to date as it arrives."""

    def __init__(self, worlds: Worlds, execute: Callable[[Resident, Command], Reply]) -> None:
        self._worlds, self._execute = worlds, execute

    @property
    def scenarios(self) -> list[Scenario]:
        return list(self._worlds.server.world.playbook.scenarios.values())

    def add(self, scenario: Scenario) -> Reply:
        """Put a scenario in force for every key, also for those to come."""
        edition = 1 + max((one.edition for one in self.scenarios), default=0)
        shared, server = scenario.as_shared(edition), self._worlds.server
        reply = self._execute(server, AddScenario(at_ms=server.now_ms(), scenario=shared))
        self._update_all()
        return reply

    def remove(self, name: str | None) -> Reply:
        """Take the server's scenario of this name out of force for every key; None: all of them."""
        server = self._worlds.server
        reply = self._execute(server, RemoveScenarios(at_ms=server.now_ms(), own=False, name=name))
        self._update_all()
        return reply

    def become(self, scenarios: list[Scenario]) -> None:
        """Put in force for every key just these, each with its edition."""
        server, names = self._worlds.server, {one.name for one in scenarios}
        for gone in [one.name for one in self.scenarios if one.name not in names]:
            self._execute(server, RemoveScenarios(at_ms=server.now_ms(), own=False, name=gone))
        for scenario in scenarios:
            if scenario not in self.scenarios:
                self._execute(server, AddScenario(at_ms=server.now_ms(), scenario=scenario))
        self._update_all()

    def update(self, resident: Resident) -> None:
        """Make a world's copies those of the server's scenarios, in their order."""
        ours = self.scenarios
        theirs = [one for one in resident.world.playbook.scenarios.values() if not one.own]
        names = {one.name for one in ours}
        for scenario in theirs:
            if scenario.name not in names:
                command = RemoveScenarios(at_ms=resident.now_ms(), own=False, name=scenario.name)
                self._execute(resident, command)
        for scenario in ours:
            if scenario not in theirs:
                self._execute(resident, AddScenario(at_ms=resident.now_ms(), scenario=scenario))

    def _update_all(self) -> None:
        for resident in self._worlds.residents:
            if resident.busy is None:
                self.update(resident)
