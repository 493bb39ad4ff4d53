"""`mockserver explain`: what was read from the documents, what was inferred and from where, what is not enforced."""

from collections.abc import Iterator

from mockserver.contract.behaviour import Role
from mockserver.contract.explanation import Explained, explained
from mockserver.contract.registry import Registry


def models(registry: Registry, model: str | None) -> Iterator[str]:
    """A paragraph for each creating operation, or for that of one model; then what the built-in
    documents serve, and what is not served at all, with the reason."""
    for operation in registry.operations:
        if operation.role is Role.CREATE_TASK and (model is None or registry.of_model(model) is operation):
            yield from _operation(explained(registry, operation))
            yield ""
    if model is None:
        yield from (f"{one.method} {one.path}  ({one.file}): served by {one.by}" for one in registry.covered)
        yield from (f"{one.method} {one.path}  ({one.file}): not served: {one.reason}" for one in registry.unserved)
        if registry.unserved:
            yield "What creates tasks in words of its own needs an overlay with x-evolink-task: docs/models.md."


def faults(registry: Registry) -> Iterator[str]:
    """Every fault with file and place."""
    for fault in registry.faults:
        yield f"{fault.file}{fault.place}: {fault.message}"
    yield f"{len(registry.faults)} faults"


def _operation(told: Explained) -> Iterator[str]:
    operation = told.operation
    yield f"{operation.method} {operation.path}  ({operation.document})"
    yield f"  models      {', '.join(told.served) or 'none'}"
    if told.elsewhere:
        yield f"  elsewhere   {', '.join(f'{model}: {file} serves it' for model, file in told.elsewhere.items())}"
    if operation.request is not None:
        yield f"  request     {', '.join(f'{one.name}*' if one.is_required else one.name for one in told.fields)}"
    yield f"  answer      {told.answer}"
    yield from _behaviour(told)
    if told.prose:
        yield "  in prose only, unless a rule above says the same; not enforced:"
        yield from (f"    {saying.field}: {saying.sentence}" for saying in told.prose)


def _behaviour(told: Explained) -> Iterator[str]:
    for note in told.notes:
        yield f"  inferred    {note.aspect}: {note.value}  <- {note.source}"
    if not told.notes:
        yield "  behaviour   all of it as written in x-evolink-* keys"
    if told.price is not None:
        yield f"  price       {told.price.rule}  [{told.price.evidence}]"
        if told.price.note:
            yield f"              {told.price.note}"
        for one in told.price.worked:
            yield f"              {one.request}: {one.amount}"
        yield f"  length      {told.price.length}"
    for rule in told.rules:
        yield f"  rule        {rule.kind}: {rule.fields}  [{rule.evidence}]"
