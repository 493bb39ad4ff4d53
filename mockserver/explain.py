"""`mockserver explain`: what was read from the documents, what was inferred and from where, what is not enforced."""

from collections.abc import Iterator

from mockserver.contract.behaviour import Profile, Role
from mockserver.contract.document import Document
from mockserver.contract.operation import Operation
from mockserver.contract.prose import sayings
from mockserver.contract.registry import Registry
from mockserver.contract.tariff import words, worked


def models(registry: Registry, documents: dict[str, Document], model: str | None) -> Iterator[str]:
    """A paragraph for each creating operation, or for that of one model; then what the built-in
    documents serve, and what is not served at all, with the reason."""
    for operation in registry.operations:
        if operation.role is Role.CREATE_TASK and (model is None or registry.of_model(model) is operation):
            yield from _operation(registry, operation, documents[operation.document])
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


def _operation(registry: Registry, operation: Operation, document: Document) -> Iterator[str]:
    served = [model for model in operation.models if registry.of_model(model) is operation]
    elsewhere = [model for model in operation.models if registry.of_model(model) is not operation]
    yield f"{operation.method} {operation.path}  ({operation.document})"
    yield f"  models      {', '.join(served) or 'none'}"
    if elsewhere:
        yield f"  elsewhere   {', '.join(elsewhere)}: a document that names fewer models serves them"
    if operation.request is not None:
        yield f"  request     {', '.join(_fields(operation.request.schema))}"
    yield f"  answer      {operation.shape.described()}"
    yield from _behaviour(operation, registry.profile)
    raw = document.raw["paths"][operation.path][operation.method.lower()]
    prose = list(sayings(document, raw))
    if prose:
        yield "  in prose only, unless a rule above says the same; not enforced:"
        yield from (f"    {saying.field}: {saying.sentence}" for saying in prose)


def _fields(schema: dict[str, object]) -> list[str]:
    """The request's fields, the required ones marked."""
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return []
    return [f"{name}*" if name in required else name for name in properties]


def _price(operation: Operation, profile: Profile) -> Iterator[str]:
    """The rule in words, its evidence, and two worked examples."""
    behaviour, schema = operation.task_behaviour, operation.request.schema if operation.request else {}
    price = behaviour.prices[profile]
    yield f"  price       {words(behaviour, profile)}  [{price.evidence}]"
    if price.note:
        yield f"              {price.note}"
    for one in worked(behaviour, profile, schema.get("properties", {})):
        yield f"              {one.request}: {one.amount}"
    yield f"  length      {behaviour.length.words()}"


def _behaviour(operation: Operation, profile: Profile) -> Iterator[str]:
    for note in operation.notes:
        yield f"  inferred    {note.aspect}: {note.value}  <- {note.source}"
    if not operation.notes:
        yield "  behaviour   all of it as written in x-evolink-* keys"
    yield from _price(operation, profile)
    for rule in operation.task_behaviour.rules:
        fields = getattr(rule, "field", None) or ", ".join(getattr(rule, "fields", ()))
        yield f"  rule        {rule.__struct_config__.tag}: {fields}  [{rule.evidence}]"
