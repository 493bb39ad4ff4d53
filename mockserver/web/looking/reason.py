"""Why a request was refused: what was received, what is allowed, and the sentence of the document that says so."""

import re
from typing import Any

from mockserver.contract.document.document import PREFIX
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.web.journal import said

_SIDES = re.compile(r"(?s)(?P<field>[^\s:]{1,200}): received (?P<received>.*?); allowed: (?P<allowed>.*)")
_STEP = re.compile(r"[^.\[\]]+")


def reason(registry: Registry, record: dict[str, Any]) -> dict[str, str] | None:
    """{field, received, allowed, sentence, evidence, document} of a refusal, as far as each is known; None where the
    request was not refused, or its answer has no two sides."""
    found = _SIDES.fullmatch(said(record["answer"])) if record["status"] >= 400 else None
    if found is None:
        return None
    told = found.groupdict()
    operation = _operation(registry, record)
    schema = {} if operation is None else _field(operation, told["field"])
    more = {
        "sentence": schema.get("description"),
        "evidence": schema.get(f"{PREFIX}evidence"),
        "document": None if operation is None else operation.document,
    }
    return {**told, **{name: " ".join(str(value).split()) for name, value in more.items() if value}}


def _operation(registry: Registry, record: dict[str, Any]) -> Operation | None:
    """What the request was for: where several share a path, the one of its model."""
    route = registry.route(record["method"], record["path"])
    if route is None:
        return None
    body = record["body"]
    model = body.get("model") if isinstance(body, dict) else None
    serving = registry.of_model(model) if isinstance(model, str) else None
    return serving if serving in route.operations else route.operations[0]


def _field(operation: Operation, path: str) -> dict[str, Any]:
    """The schema of a field by its path; a list's where an item of it has no words of its own."""
    schema: Any = operation.request.schema if operation.request else {}
    found: dict[str, Any] = {}
    for step in _STEP.findall(path):
        inner = schema.get("items") if step.isdigit() else schema.get("properties")
        inner = inner.get(step) if isinstance(inner, dict) and not step.isdigit() else inner
        if not isinstance(inner, dict):
            break
        schema = inner
        found = schema if schema.get("description") else found
    return found
