"""What the document promises of an answer's shape: the types of its schema, and what each of its examples shows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import jsonschema_rs

from contract_tests.document import CREATE, TASK, contract_document

_OWNED: dict[tuple[str, str], frozenset[str]] = {
    ("post", CREATE): frozenset(
        {"id", "created", "status", "progress", "model", "task_info.estimated_time"}
        | {"usage.credits_reserved", "usage.billing_rule"}
    ),
    ("get", TASK): frozenset({"status"}),
}
"""Properties whose absence another check names."""
_OWNED_ERRORS = frozenset({"error.code", "error.type", "error.param"})


@dataclass(frozen=True, slots=True)
class Promised:
    """`shown` is what every example has: an object by its names, an array by what all its elements have."""

    is_documented: bool
    schema: Any
    shown: Any
    owned: frozenset[str]

    def wrong_types(self, body: Any) -> str:
        """The first value of another type than the schema's, with its place; "" where there is none."""
        if self.schema is None:
            return ""
        for error in self.schema.iter_errors(body):
            if error.schema_path and error.schema_path[-1] == "type":
                place = ".".join(map(str, error.instance_path)) or "the body"
                return f"{place}: {error.message}"
        return ""

    def absent(self, body: Any) -> tuple[str, ...]:
        """The places of what every example shows and this body has not."""
        return tuple(place for place in _absent(self.shown, body, "") if place not in self.owned)


def template(path: str) -> str:
    """The path of the document that this one is of."""
    if path in contract_document()["paths"]:
        return path
    return TASK if path.startswith("/v1/tasks/") else path


def is_documented(method: str, path: str) -> bool:
    """Whether the provider documents this operation, so that every status of it is one that is listed."""
    operation = contract_document()["paths"].get(path, {}).get(method.lower(), {})
    return bool(operation.get("x-evolink-evidence") == "documented")


@cache
def promised(method: str, path: str, status: int) -> Promised | None:
    """What the document says of this answer; None where it does not know it."""
    operation = contract_document()["paths"].get(path, {}).get(method.lower())
    response = (operation or {}).get("responses", {}).get(str(status))
    if operation is None or response is None:
        return None
    media = response.get("content", {}).get("application/json", {})
    examples = [one["value"] for one in media.get("examples", {}).values()]
    owned = _OWNED.get((method.lower(), path), frozenset()) if status == 200 else _OWNED_ERRORS
    documented = operation["x-evolink-evidence"] == response["x-evolink-evidence"] == "documented"
    return Promised(documented, _schema(media.get("schema")), _common(examples), owned)


def _schema(schema: Any) -> Any:
    if schema is None:
        return None
    return jsonschema_rs.Draft202012Validator({**schema, "components": contract_document()["components"]})


def _common(examples: list[Any]) -> Any:
    """What all of these have, names and no values."""
    if examples and all(isinstance(one, dict) for one in examples):
        names = set(examples[0]).intersection(*examples[1:])
        return {name: _common([one[name] for one in examples]) for name in sorted(names)}
    if examples and all(isinstance(one, list) for one in examples):
        return [_common([element for one in examples for element in one])]
    return None


def _absent(shown: Any, body: Any, place: str) -> Iterator[str]:
    if isinstance(shown, dict) and isinstance(body, dict):
        for name, inner in shown.items():
            where = f"{place}.{name}" if place else name
            if name in body:
                yield from _absent(inner, body[name], where)
            else:
                yield where
    elif isinstance(shown, list) and isinstance(body, list):
        for element in body:
            yield from _absent(shown[0], element, f"{place}[]")
