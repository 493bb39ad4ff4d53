"""What mounted documents say of one model, as plain data: for whoever judges by the same documents."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mockserver.contract.behaviour import Role
from mockserver.contract.dialect import Speech
from mockserver.contract.document.document import Document, DocumentError
from mockserver.contract.document.template import same_path
from mockserver.contract.models import like
from mockserver.contract.operation import Operation, callback_field
from mockserver.contract.registry import Registry
from mockserver.web.app import registry_of
from mockserver.web.options import Options

_FEW = 8
"""How many models a message names."""


class SpecError(ValueError):
    """No document to go by, or none for this model; says what was received and what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """How another provider's tasks speak: dotted paths by what stands there, of the answer to a submission and of the
    one to a query; the state for each word; (method, path) of the operations that follow a task, by their roles; and
    the parameter of the query string that names the task, where the path of one does not."""

    submitted: dict[str, str]
    queried: dict[str, str]
    words: dict[str | int, str]
    following: dict[str, tuple[str, str]]
    named_by: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """`raw` is the OpenAPI 3.1 document with its overlays laid over, in which `method` and `path` create a task;
    `callback` the request field that says where to report the end, if there is one; `spoken` is None where tasks
    speak as this API's."""

    file: str
    raw: dict[str, Any] = field(repr=False)
    model: str
    method: str
    path: str
    callback: str | None = None
    spoken: Spoken | None = None


def terms(specs: Iterable[str | Path], model: str | None = None) -> Terms:
    """What the documents of these files and folders say of a model; it may be left out where they have one alone.

    Raises SpecError.
    """
    options = Options(specs=tuple(Path(one) for one in specs))
    try:
        registry = registry_of(options)
    except DocumentError as error:
        raise SpecError(f"--spec: {error}") from error
    _, *others = registry.documents.values()
    mounted = {one.file: one for one in others}
    operation = _operation(registry, mounted, model)
    return _terms(registry, mounted[operation.document], operation, model or operation.models[0])


def _operation(registry: Registry, mounted: dict[str, Document], model: str | None) -> Operation:
    """What creates the tasks of a model. Raises SpecError."""
    creating = [one for one in registry.operations if one.role is Role.CREATE_TASK and one.document in mounted]
    served = {name: one for one in creating for name in one.models}
    if model is None and len(served) == 1:
        return next(iter(served.values()))
    if model is not None and model in served:
        found = registry.of_model(model)
        return found if found in creating and found is not None else served[model]
    received = "nothing" if model is None else model
    near = like(model, list(served)) if model else []
    allowed = ", ".join(near or sorted(served)[:_FEW]) or "none: these documents serve no model"
    more = f" and {len(served) - _FEW} more" if not near and len(served) > _FEW else ""
    raise SpecError(f"--model: received {received}; allowed: {allowed}{more}")


def _terms(registry: Registry, document: Document, operation: Operation, model: str) -> Terms:
    schema = operation.request.schema if operation.request else {}
    name = callback_field(operation.speech)
    return Terms(
        file=document.file,
        raw=document.raw,
        model=model,
        method=operation.method,
        path=operation.path,
        callback=name if name in schema.get("properties", {}) else None,
        spoken=_spoken(registry, document, operation, operation.speech) if operation.speech else None,
    )


def _spoken(registry: Registry, document: Document, operation: Operation, speech: Speech) -> Spoken:
    """All of it, as said by the document's overlay or inferred."""
    about = (Role.GET_TASK, Role.CANCEL_TASK, Role.LIST_TASKS)
    follow = {one.role: one for one in registry.operations if one.speech is speech and one.role in about}
    raw = {(method, same_path(path)): path for method, path, _ in document.operations()}
    paths = {role: (one.method, raw[one.method, same_path(one.path)]) for role, one in follow.items()}
    answer = document.raw["paths"][operation.path][operation.method.lower()]
    query = paths.get(Role.GET_TASK)
    return Spoken(
        submitted=speech.places(document.ok_schema(answer)),
        queried=speech.places(document.ok_schema(document.raw["paths"][query[1]][query[0].lower()])) if query else {},
        words={word: state for state, word in reversed(speech.words.items())},
        following={str(role): one for role, one in paths.items()},
        named_by={str(role): one.named_by for role, one in follow.items() if one.named_by is not None},
    )
