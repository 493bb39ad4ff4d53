"""Answers to requests that went no further, and what scenarios do to answers."""

from typing import Any

from mockserver.contract.answer import ErrorAnswer
from mockserver.contract.behaviour import Role
from mockserver.contract.operation import Operation
from mockserver.contract.request.objection import Objection
from mockserver.simulation import scenario
from mockserver.simulation.scenario import Effect
from mockserver.web.http.exchange import Answer, json_answer

_RETRIABLE = frozenset({429, 502, 503})


class RefusedError(Exception):
    """Carries the answer to a request that goes no further; with what is held against it, by which operation."""

    def __init__(
        self, answer: Answer, objection: Objection | None = None, operation: Operation | None = None
    ) -> None:
        super().__init__(answer.status)
        self.answer, self.objection, self.operation = answer, objection, operation


def error(answer: ErrorAnswer, **values: Any) -> Answer:
    """A documented error; `values` fill the template of its message."""
    return json_answer(answer.status, answer.render(**values), media_type=answer.media)


def invalid(operation: Operation, objection: Objection) -> RefusedError:
    """The documented 400 with what is wrong, told from both sides."""
    answer = error(operation.errors["invalid_request"], **objection._asdict())
    return RefusedError(answer, objection, operation)


def too_many_tenants(operation: Operation, limit: int) -> Answer:
    """The answer where the mock has no room for another account."""
    message = f"This mock keeps the accounts of {limit} API keys at most"
    return error(operation.errors["service_unavailable"], message=message)


def retry_after(answer: Answer, value: int | str) -> Answer:
    answer.add_header("Retry-After", str(value))
    return answer


def can_act(operation: Operation, effect: Effect) -> bool:
    """Whether an effect does anything here: an error has to be documented, and only a submission has a course."""
    if effect.answer is not None:
        return operation.errors.find(effect.answer.status, effect.answer.code) is not None
    return effect.fault is not None or operation.role is Role.CREATE_TASK


def scripted(operation: Operation, asked: scenario.Answer, **values: Any) -> Answer:
    """The error that a scenario asks for, as the operation documents it; `values` are what its message may name."""
    documented = operation.errors.find(asked.status, asked.code)
    if documented is None:
        raise RefusedError(error(operation.errors["internal_error"], message=f"No {asked.status} is documented here"))
    return as_asked(documented, asked, **values)


def as_asked(documented: ErrorAnswer, asked: scenario.Answer, **values: Any) -> Answer:
    """This error as a scenario asks for it."""
    answer = error(documented, message=asked.message, **values)
    if asked.retry_after is not None:
        return retry_after(answer, asked.retry_after)
    return retry_after(answer, 1) if asked.status in _RETRIABLE else answer


def on_the_wire(answer: Answer, effect: Effect | None) -> Answer:
    """The answer with what the effect does to it on its way out."""
    if effect is not None and effect.fault is not None:
        answer.fault, answer.stall_ms = effect.fault, effect.stall_ms or 0
    return answer
