"""The two documents of the house as a judge of answers: does a body keep to the schema of its response?"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import jsonschema_rs
import yaml

OPENAPI = Path(__file__).parents[1] / "openapi"
METHODS = ("get", "put", "post", "delete")


class Described(NamedTuple):
    """One operation of a document."""

    method: str
    path: str
    raw: dict[str, Any]


@cache
def document(name: str) -> dict[str, Any]:
    """The raw document `name`.yaml; treat it as read-only."""
    return dict(yaml.load((OPENAPI / f"{name}.yaml").read_bytes(), yaml.CSafeLoader))


def operations(name: str) -> Iterator[Described]:
    for path, item in document(name)["paths"].items():
        yield from (Described(method.upper(), path, item[method]) for method in METHODS if method in item)


def operation(name: str, operation_id: str) -> Described:
    return next(one for one in operations(name) if one.raw["operationId"] == operation_id)


def error_examples(operation_id: str) -> list[tuple[int, str, str]]:
    """(status, code as a string, type) of each error that the contract has an example of."""
    responses = operation("evolink", operation_id).raw["responses"]
    errors = [
        (int(status), example["value"]["error"])
        for status, response in responses.items()
        if status >= "4"
        for example in response["content"]["application/json"].get("examples", {}).values()
    ]
    return list(dict.fromkeys((status, str(error["code"]), error["type"]) for status, error in errors))


def check(response: httpx.Response, operation_id: str, name: str = "evolink") -> Any:
    """The body of an answer, having checked it against the schema of its status. Raises where it breaks it."""
    described = operation(name, operation_id).raw["responses"][str(response.status_code)]
    while "$ref" in described:
        described = document(name)["components"]["responses"][described["$ref"].rpartition("/")[2]]
    assert response.headers["content-type"] == "application/json"
    check_schema(response.json(), described["content"]["application/json"]["schema"], name)
    return response.json()


def check_schema(body: Any, schema: dict[str, Any], name: str = "evolink") -> None:
    _validator(name, str(schema)).validate(body)


def message(response: httpx.Response, status: int = 400) -> str:
    """What an error of the control API says, having checked its status and its shape."""
    assert response.status_code == status, response.text
    check_schema(response.json(), schema("control", "Error"), "control")
    return str(response.json()["error"]["message"])


def schema(name: str, component: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{component}"}


@cache
def _validator(name: str, written: str) -> Any:
    whole = {**yaml.safe_load(written), "components": document(name)["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
