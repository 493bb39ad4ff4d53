"""Which operations a scenario's rule can ever act on; a rule that can meet nothing is a mistake, told at once."""

from mockserver.contract.behaviour import Role
from mockserver.contract.models import like
from mockserver.contract.naming import RESULT
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.contract.request.objection import Objection, shown
from mockserver.simulation.scenario import Effect, When
from mockserver.web.api.refused import can_act

_OF_SUBMISSIONS = frozenset({"model", "prompt_contains", "url_contains"})
_OF_TASKS = frozenset({"task_id"})
_LOOKED_AT = {Role.CREATE_TASK: _OF_SUBMISSIONS, Role.GET_TASK: _OF_TASKS, Role.CANCEL_TASK: _OF_TASKS}
"""What a rule can ask of the requests of each role, beside their operation; nothing of those of other roles."""
_OF_RESULTS = _OF_TASKS | {"model"}
_NEEDED = {"task_id": f"query or {RESULT}", **dict.fromkeys(_OF_SUBMISSIONS, "submission")}
_CONDITIONS = ("task_id", "model", "prompt_contains", "url_contains")


def unreachable(registry: Registry, when: When, then: Effect) -> Objection | None:
    """Why no request to anything that is served could meet this rule; None where one could."""
    if when.operation == RESULT:
        return _of_results(registry, when, then)
    operations = registry.operations if when.operation is None else registry.naming.called(when.operation)
    if not operations:
        name = str(when.operation)
        return Objection("when.operation", shown(name), registry.naming.told(name))
    for field in _CONDITIONS:
        if getattr(when, field) is not None:
            operations = [one for one in operations if field in _LOOKED_AT.get(one.role, ())]
            if not operations:
                return _beside(when, field)
    objection = _of_model(when, sorted({model for one in operations for model in one.models}))
    if objection is not None or any(can_act(one, then) for one in operations):
        return objection
    return _idle(operations, then)


def _of_results(registry: Registry, when: When, then: Effect) -> Objection | None:
    """The same for the fetch of a result, which no document describes."""
    odd = next((one for one in _CONDITIONS if getattr(when, one) is not None and one not in _OF_RESULTS), None)
    if odd is not None:
        return _beside(when, odd)
    objection = _of_model(when, registry.models)
    if objection is not None:
        return objection
    if then.answer is None:
        return Objection(
            "then", f"no answer, for {RESULT}", "answer; link_seconds of a submission ends its links early"
        )
    if registry.general.find(then.answer.status, then.answer.code) is None:
        return _undocumented(then, RESULT, registry.general.codes())
    return None


def _of_model(when: When, models: list[str]) -> Objection | None:
    if when.model is None or when.model in models:
        return None
    where = "" if when.operation is None else f" of {when.operation}"
    return Objection("when.model", f"{shown(when.model)}{where}", ", ".join(like(when.model, models) or models[:3]))


def _beside(when: When, field: str) -> Objection:
    """A condition that contradicts the others."""
    others = [name for name in ("operation", "task_id") if name != field and getattr(when, name) is not None]
    received = f"{shown(getattr(when, field))} beside " + " and ".join(
        f"{one} {getattr(when, one)}" for one in others
    )
    return Objection(f"when.{field}", received, f"it only where operation is {_NEEDED[field]}")


def _idle(operations: list[Operation], then: Effect) -> Objection:
    """Nothing that the rule asks for could be done where it applies."""
    names = ", ".join(dict.fromkeys(one.id for one in operations))
    if then.answer is None:
        return Objection("then", f"an effect on the task, for {names}", "answer or fault, where no task is submitted")
    return _undocumented(then, names, [pair for one in operations for pair in one.errors.codes()])


def _undocumented(then: Effect, names: str, errors: list[tuple[int, str]]) -> Objection:
    asked = then.answer
    received = f"{asked.status} {asked.code or ''}".strip() if asked else "nothing"
    allowed = ", ".join(f"{status} {code}" for status, code in sorted(set(errors)))
    return Objection("then.answer", f"{received} for {names}", allowed)
