"""What names something else: fields in rules and prices, which the request may lack; models, which two may claim."""

from collections.abc import Iterator, Sequence
from typing import Any

from mockserver.contract.behaviour import Role
from mockserver.contract.document.document import PREFIX, Document, DocumentError
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.names import Names
from mockserver.contract.document.pointer import place_of
from mockserver.contract.models import Models, like
from mockserver.contract.operation import Operation, find_operation
from mockserver.contract.request.objection import shown

_KEYS = tuple(f"{PREFIX}{key}" for key in ("price", "length", "results", "rules"))
_NAMING = ("field", "fields", "seconds_field", "count_field", "equals_field")


def of_named_fields(document: Document, operation: Operation) -> Iterator[Fault]:
    """The fields and values named in rules and prices that no request has."""
    place, raw = find_operation(document, operation.method, operation.path)
    if operation.request is None or operation.request.names is None:
        return
    for key in _KEYS:
        for where, node in _objects(raw.get(key), f"{place}/{key}"):
            for told in _told(document, operation, node):
                yield Fault(*document.origin(where), told)


def _objects(node: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a rule, and where it stands."""
    if isinstance(node, dict):
        yield place, node
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inner:
        yield from _objects(value, f"{place}/{key}")


def _told(document: Document, operation: Operation, node: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the names in one object."""
    request = operation.request
    if request is None or request.names is None:
        return
    listed = [one for key in _NAMING for one in _listed(node.get(key))]
    unknown = {one: known for one in listed if (known := _instead(request.names, one))}
    for path, known in unknown.items():
        near = ", ".join(like(path, known) or known)
        yield f"received the field {path}, which no request has; allowed: {near}"
    if "equals" in node and "field" in node and not unknown:
        values = _values(document, request.schema, str(node["field"]))
        if values and node["equals"] not in values:
            received = shown(node["equals"])
            yield f"{node['field']}: received {received}, which it never is; allowed: {', '.join(map(shown, values))}"


def _listed(value: Any) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _instead(names: Names | None, path: str) -> list[str]:
    """What is known where a dotted path leads to nothing; none where it leads to something, or may."""
    before = ""
    for step in path.split("."):
        name = step.removesuffix("[]")
        if names is not None and name not in names.known:
            return [before + one for one in sorted(names.known)]
        names = None if names is None else dict(names.inner).get(name)
        before += f"{step}."
    return []


def _values(document: Document, schema: dict[str, Any], path: str) -> list[Any]:
    """All that a field may be; empty where the document does not list it."""
    try:
        for step in path.split("."):
            schema = document.flat(schema.get("properties", {}).get(step.removesuffix("[]"), {}))
            schema = document.flat(schema.get("items", {})) if step.endswith("[]") else schema
    except (DocumentError, AttributeError):
        return []
    return list(schema.get("enum", ()))


def of_twins(operations: Sequence[Operation], models: Models, built_in: str) -> Iterator[Fault]:
    """The models of a mounted document that another serves though it names no fewer."""
    for one in operations:
        for model in one.models if one.role is Role.CREATE_TASK else ():
            other = models.serving(model)
            if other is None or built_in in (one.document, other.document) or other is one:
                continue
            if len(other.models) == len(one.models):
                told = f"the model {model} is served by {other.document}, which names it too and was read earlier"
                yield Fault(one.document, place_of(one.method, one.path), told)
