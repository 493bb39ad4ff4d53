"""Which operations a scenario's rule can ever act on; a rule that can meet nothing is a mistake, told at once."""

from mockserver.contract.behaviour import Role
from mockserver.contract.objection import Objection, shown
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.simulation.scenario import Effect, When
from mockserver.web.refused import can_act

_OF_SUBMISSIONS = frozenset({"model", "prompt_contains", "url_contains"})
_LOOKED_AT = {Role.CREATE_TASK: _OF_SUBMISSIONS, Role.GET_TASK: frozenset({"task_id"})}
"""What a rule can ask of the requests of each role, beside their operation; nothing of those of other roles."""
_NEEDED = {"task_id": "query", **dict.fromkeys(_OF_SUBMISSIONS, "submission")}


def unreachable(registry: Registry, when: When, then: Effect) -> Objection | None:
    """Why no request to anything that is served could meet this rule; None where one could."""
    operations = registry.operations if when.operation is None else registry.naming.called(when.operation)
    if not operations:
        name = str(when.operation)
        return Objection("when.operation", shown(name), registry.naming.told(name))
    for field in ("task_id", "model", "prompt_contains", "url_contains"):
        value = getattr(when, field)
        if value is not None:
            operations = [one for one in operations if field in _LOOKED_AT.get(one.role, ())]
            if not operations:
                return Objection(
                    f"when.{field}", _beside(when, field), f"it only where operation is {_NEEDED[field]}"
                )
    if when.model is not None and not any(when.model in one.models for one in operations):
        return Objection("when.model", shown(when.model), ", ".join(registry.by_model.nearest(when.model)))
    return None if any(can_act(one, then) for one in operations) else _idle(operations, then)


def _beside(when: When, field: str) -> str:
    """A condition that contradicts the others."""
    others = [name for name in ("operation", "task_id") if name != field and getattr(when, name) is not None]
    return f"{shown(getattr(when, field))} beside " + " and ".join(f"{one} {getattr(when, one)}" for one in others)


def _idle(operations: list[Operation], then: Effect) -> Objection:
    """Nothing that the rule asks for could be done where it applies."""
    names = ", ".join(dict.fromkeys(one.id for one in operations))
    if then.answer is None:
        return Objection("then", f"an effect on the task, for {names}", "answer or fault, where no task is submitted")
    errors = sorted({pair for one in operations for pair in one.errors.codes()})
    allowed = ", ".join(f"{status} {code}" for status, code in errors)
    return Objection(
        "then.answer", f"{then.answer.status} {then.answer.code or ''}".strip() + f" for {names}", allowed
    )
