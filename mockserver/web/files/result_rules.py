"""Scenario rules about fetching a result: all that a result link can be made to do is to answer an error."""

from mockserver.contract.naming import RESULT
from mockserver.contract.registry import Registry
from mockserver.runtime.node import Node
from mockserver.runtime.resident import Resident
from mockserver.simulation.command import Strike
from mockserver.simulation.playbook import Playbook
from mockserver.simulation.scenario import Effect, Match, Subject
from mockserver.simulation.task import Task
from mockserver.web.api.refused import as_asked
from mockserver.web.http.exchange import Answer


class ResultRules:
    """Answers the fetch of a result as a rule of its task's account asks. Only a rule that names results is meant."""

    def __init__(self, node: Node, registry: Registry) -> None:
        self._node, self._registry = node, registry

    def answer(self, owner: Resident, task: Task, now_ms: int) -> Answer | None:
        """The error to answer; None where no rule asks for one."""
        matches = self._matches(owner.world.playbook, task)
        if not matches:
            return None
        effect = self._node.execute(owner, Strike(at_ms=now_ms, matches=matches)).effect
        if effect is None or effect.answer is None:
            return None
        asked = effect.answer
        documented = self._registry.general.find(asked.status, asked.code)
        return None if documented is None else as_asked(documented, asked)

    def _matches(self, playbook: Playbook, task: Task) -> tuple[Match, ...]:
        if not playbook.scenarios:
            return ()
        subject = Subject(operation=RESULT, model=task.terms.model, task_id=task.id)
        return tuple(
            Match(scenario.name, number, scenario.own)
            for scenario in playbook.in_force()
            for number, rule in enumerate(scenario.rules)
            if rule.when.operation == RESULT and rule.when.matches(subject) and self._can_answer(rule.then)
        )

    def _can_answer(self, effect: Effect) -> bool:
        asked = effect.answer
        return asked is not None and self._registry.general.find(asked.status, asked.code) is not None
