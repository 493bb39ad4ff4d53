"""Scenarios: a key's own, or the server's, which are in force for every key."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.data import data
from mockserver.simulation.command import AddScenario, RemoveScenarios
from mockserver.simulation.scenario import Scenario
from mockserver.web.api.script import ScriptError
from mockserver.web.control.desk import Desk, accepted, invalid, json_response
from mockserver.web.control.records import counted_record, scenario_record
from mockserver.web.looking import written
from mockserver.web.nodes.asking import is_part


class ScenarioCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk, self._commons = desk, desk.node.commons

    async def list_scenarios(self, request: Request, body: Any) -> Response:
        """Those of a key with how often their rules were met; without a key all, each key's and the server's."""
        resident = await self._desk.asked(request)
        if resident is not None:
            playbook = resident.world.playbook
            listed = [counted_record(scenario, playbook.hits) for scenario in playbook.in_force()]
            return json_response({"scenarios": listed})
        own = [
            scenario_record(resident.name, scenario)
            for resident in await self._desk.everyone(None)
            for scenario in resident.world.playbook.in_force()
            if scenario.own
        ]
        shared = [scenario_record(None, scenario) for scenario in self._commons.scenarios]
        return json_response({"scenarios": [*shared, *own]})

    async def add_scenario(self, request: Request, body: Any) -> Response:
        try:
            scenario = self._desk.scripts.scenario(body)
        except ScriptError as error:
            raise invalid(error.objection) from error
        resident = await self._desk.asked(request)
        if resident is None:
            await self._add_shared(request, scenario)
            return json_response(scenario_record(None, scenario), status=201)
        self._desk.do(resident, AddScenario(at_ms=resident.now_ms(), scenario=scenario))
        return json_response(scenario_record(resident.name, scenario), status=201)

    async def _add_shared(self, request: Request, scenario: Scenario) -> None:
        """Of several nodes one puts it in force; then it asks the others to read what is."""
        members = self._desk.members
        if members is not None and is_part(request):
            await members.read_commons()
            return
        accepted(self._commons.add(scenario))
        if members is not None:
            await members.put_in_force([scenario.name])

    async def _remove_shared(self, request: Request, name: str | None) -> None:
        members = self._desk.members
        if members is not None and is_part(request):
            await members.read_commons()
            return
        accepted(self._commons.remove(name))
        if members is not None:
            await members.put_out_of_force(name)

    async def list_ready_scenarios(self, request: Request, body: Any) -> Response:
        """Those that come with the mock, as they stand in their files."""
        from mockserver.web.looking import draft  # it needs a reader of YAML, and a start does without

        texts = [one.read_text("utf-8") for one in sorted(data("fixtures", "scenarios").glob("*.yaml"))]
        read = [(draft.read(text, self._desk.scripts), text) for text in texts]
        told = [{"name": one.name, "description": one.description, "text": text} for one, text in read]
        return json_response({"scenarios": told})

    async def read_scenario(self, request: Request, body: Any) -> Response:
        """What is wrong with a text, or the scenario that it is. Nothing is put in force."""
        from mockserver.web.looking import draft

        try:
            scenario = draft.read(body["text"], self._desk.scripts)
        except draft.DraftError as error:
            return json_response({"problems": [error.problem]})
        return json_response({"problems": [], "scenario": written.scenario(scenario)})

    async def remove_scenarios(self, request: Request, body: Any) -> Response:
        name = request.query_params.get("name")
        resident = await self._desk.asked(request)
        if resident is None:
            await self._remove_shared(request, name)
        else:
            self._desk.do(resident, RemoveScenarios(at_ms=resident.now_ms(), name=name))
        return json_response({"done": True})
