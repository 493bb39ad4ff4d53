"""The calls of the control API as tools: names, schemas and what only reads, all from `openapi/control.yaml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import jsonschema_rs

from mockserver.contract.document.document import Document, json_media, load
from mockserver.contract.request.objection import of_schema_error
from mockserver.data import data

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
        return self.method == "GET"

    @property
    def takes_away(self) -> bool:
        return self.method == "DELETE" or self.name == "reset"

    @property
    def checked(self) -> dict[str, Any]:
        """The schema of what has to be right to ask the mock at all: it judges the rest itself."""
        return {"required": [name for name in self.schema["required"] if self.places[name] == "path"]}

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


def objection(schema: dict[str, Any], arguments: dict[str, Any]) -> str | None:
    """The first thing that a tool's schema has against these arguments, in words."""
    errors = jsonschema_rs.Draft202012Validator(schema, offline=True).iter_errors(arguments)
    return next((of_schema_error(error).words for error in errors), None)


def calls() -> dict[str, Call]:
    """Every call that ends and takes JSON or nothing, by its operationId."""
    return {call.name: call for call in _calls(load(data("openapi", "control.yaml")))}


def _calls(document: Document) -> Iterator[Call]:
    for method, path, operation in document.operations():
        content = document.resolved(operation.get("requestBody", {})).get("content", {})
        if not _is_endless(operation) and (not content or json_media(content)):
            yield _call(document, path, method, operation)


def _is_endless(operation: dict[str, Any]) -> bool:
    return any(_ENDLESS in answer.get("content", {}) for answer in operation["responses"].values())


def _call(document: Document, path: str, method: str, operation: dict[str, Any]) -> Call:
    named = [inline(document, one) for one in operation.get("parameters", ())]
    body = inline(document, document.request_schema(operation) or {})
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


def inline(document: Document, node: Any) -> Any:
    """A node with what its references lead to in their place; the document has no circles."""
    if isinstance(node, list):
        return [inline(document, one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        beside = {name: value for name, value in node.items() if name != "$ref"}
        return inline(document, {**document.resolved(node), **beside})
    return {name: inline(document, value) for name, value in node.items()}
