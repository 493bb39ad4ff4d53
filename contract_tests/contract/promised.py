"""What a document promises of an answer's shape: the types of its schema, and what each of its examples shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs

from contract_tests.contract.document import resolved


@dataclass(frozen=True, slots=True)
class Promised:
    """`shown` is what every example has: an object by its names, an array by what all its elements have. `state` is
    that of the tasks in the examples, where it is one alone: they tell nothing of tasks in another. `listed` are the
    texts that a property may be, `media` the types that the body may have."""

    is_documented: bool
    schema: Any
    shown: Any
    owned: frozenset[str]
    state: Any = None
    listed: Mapping[str, list[Any]] = field(default_factory=dict)
    media: tuple[str, ...] = ("application/json",)

    def wrong_types(self, body: Any) -> str:
        """The first value of another type than the schema's, with its place; "" where there is none."""
        if self.schema is None:
            return ""
        for error in self.schema.iter_errors(body):
            if error.schema_path and error.schema_path[-1] == "type":
                place = ".".join(map(str, error.instance_path)) or "the body"
                return f"{place}: {error.message}"
        return ""

    def wrong_values(self, body: Any) -> str:
        """The first text that is none of those listed for its property; "" where there is none."""
        told = body if isinstance(body, dict) else {}
        for name, texts in self.listed.items():
            if isinstance(told.get(name), str) and told[name] not in texts:
                return f"{name}: {told[name]!r} is not one of {', '.join(map(str, texts))}"
        return ""

    def absent(self, body: Any, state: Any = None) -> tuple[str, ...]:
        """The places of what every example shows and this body, of a task in this state, has not."""
        if self.state not in (None, state):
            return ()
        return tuple(place for place in _absent(self.shown, body, "") if place not in self.owned)


def listed(document: dict[str, Any], schema: Any, owned: frozenset[str]) -> dict[str, list[Any]]:
    """The documented values of each property that lists them, and that no other check looks at."""
    properties = resolved(document, schema or {}).get("properties", {})
    told = {name: resolved(document, one) for name, one in properties.items() if name not in owned}
    documented = {
        name: one for name, one in told.items() if one.get("x-evolink-evidence", "documented") == "documented"
    }
    return {name: one["enum"] for name, one in documented.items() if "enum" in one}


def typed(document: dict[str, Any], schema: Any) -> Any:
    """What finds values of another type than the schema's; None where there is no schema."""
    if schema is None:
        return None
    return jsonschema_rs.Draft202012Validator({**schema, "components": document.get("components", {})})


def common(examples: list[Any]) -> Any:
    """What all of these have, names and no values."""
    if examples and all(isinstance(one, dict) for one in examples):
        names = set(examples[0]).intersection(*examples[1:])
        return {name: common([one[name] for one in examples]) for name in sorted(names)}
    if examples and all(isinstance(one, list) for one in examples):
        return [common([element for one in examples for element in one])]
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
