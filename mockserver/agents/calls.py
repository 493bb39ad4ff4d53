"""The calls of the control API as tools: names, schemas and what only reads, all from `openapi/control.yaml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import yaml

from mockserver.data import data

_METHODS = ("get", "put", "post", "delete")
_ENDLESS = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `places`: where each argument belongs (path, query or body); `schema` is that of all arguments."""

    name: str
    method: str
    path: str
    told: str
    places: dict[str, str]
    schema: dict[str, Any]

    @property
    def only_reads(self) -> bool:
        return self.method == "get"

    @property
    def takes_away(self) -> bool:
        return self.method == "delete" or self.name == "reset"

    def request(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Path, query and body of the request that these arguments make, as httpx takes them.

        An argument that is not known goes into the body or the query, where the mock refuses it by name.
        """
        parts: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "body": {}}
        rest = "query" if self.only_reads else "body"
        for name, value in arguments.items():
            parts[self.places.get(name, rest)][name] = value
        steps = {name: quote(str(value), safe="") for name, value in parts["path"].items()}
        sent = {"url": self.path.format_map(steps), "method": self.method, "params": parts["query"]}
        return {**sent, "json": parts["body"]} if parts["body"] else sent


def calls() -> dict[str, Call]:
    """Every call that ends and takes JSON or nothing, by its operationId."""
    document = yaml.safe_load(data("openapi", "control.yaml").read_text("utf-8"))
    return {call.name: call for call in _calls(document)}


def _calls(document: dict[str, Any]) -> Iterator[Call]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            operation = item.get(method)
            if operation is not None and not _is_endless(operation) and _takes_json(document, operation):
                yield _call(document, path, method, [*item.get("parameters", []), *operation.get("parameters", [])])


def _is_endless(operation: dict[str, Any]) -> bool:
    return any(_ENDLESS in answer.get("content", {}) for answer in operation["responses"].values())


def _takes_json(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    content = inline(document, operation.get("requestBody", {})).get("content", {})
    return not content or "application/json" in content


def _call(document: dict[str, Any], path: str, method: str, parameters: list[Any]) -> Call:
    operation = document["paths"][path][method]
    named = [inline(document, one) for one in parameters]
    content = inline(document, operation.get("requestBody", {})).get("content", {})
    body = content.get("application/json", {}).get("schema", {})
    told = f"{operation['summary']}. {operation.get('description', '')}".strip()
    properties = {one["name"]: {"description": one.get("description", ""), **one["schema"]} for one in named}
    needed = [one["name"] for one in named if one.get("required")]
    return Call(
        name=operation["operationId"],
        method=method,
        path=path,
        told=told,
        places={**dict.fromkeys(body.get("properties", {}), "body"), **{one["name"]: one["in"] for one in named}},
        schema={
            "type": "object",
            "properties": {**body.get("properties", {}), **properties},
            "required": [*needed, *body.get("required", [])],
        },
    )


def inline(document: dict[str, Any], node: Any) -> Any:
    """A node with what its references lead to in their place; the document has no circles."""
    if isinstance(node, list):
        return [inline(document, one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return inline(document, {**target, **{name: value for name, value in node.items() if name != "$ref"}})
    return {name: inline(document, value) for name, value in node.items()}
