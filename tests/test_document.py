"""The contract document: valid OpenAPI, examples that keep its schemas, and a known mark on everything."""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from string import Formatter
from typing import Any

import jsonschema_rs
import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

DOCUMENT = yaml.load((Path(__file__).parents[1] / "openapi" / "evolink.yaml").read_bytes(), yaml.CSafeLoader)

MARKS = {"documented", "observed", "vendor", "assumed"}
BEHAVIOUR = {
    "timeline": {"estimated_seconds"},
    "queue": {"share"},
    "price": {"documented", "observed"},
    "length": {"field", "default_seconds"},
    "results": {"type", "count", "sample", "valid_seconds"},
    "idempotency": {"header", "replayed_header", "window_seconds"},
    "rate-limit": {"window_seconds", "requests"},
    "polling": {"seconds"},
    "callback": {"timeout_seconds", "retry_delays_seconds", "follow_redirects"},
}
KEYS = {f"x-evolink-{name}" for name in BEHAVIOUR} | {
    "x-evolink-evidence",
    "x-evolink-failures",
    "x-evolink-message",
    "x-evolink-profile",
    "x-evolink-refusal",
    "x-evolink-refusals",
    "x-evolink-request-id",
    "x-evolink-role",
    "x-evolink-rules",
}
PLACEHOLDERS = {
    "field",
    "received",
    "allowed",
    "model",
    "path",
    "method",
    "limit",
    "retry_after",
    "reason",
    "seconds",
    "file",
}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
DATA = {"value", "example", "default", "enum", "body"}
"""Keys whose values are data of the API, not parts of the document."""

OBSERVED = {"duration", "result_data", "usage", "billing"}

REFUSALS = {
    "createVideoGeneration": {
        "400": {"invalid_request", "malformed_body", "unknown_model", "invalid_idempotency_key"},
        "401": {"unauthorized"},
        "402": {"insufficient_credits", "insufficient_token_credits", "token_daily_quota_exceeded"},
        "403": {"model_access_denied"},
        "409": {"idempotency_conflict", "outcome_unknown"},
        "429": {"rate_limited", "too_many_tasks"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
    "getTask": {
        "400": {"invalid_task_id"},
        "401": {"unauthorized"},
        "402": {"quota_exceeded"},
        "403": {"permission_denied"},
        "404": {"task_not_found"},
        "429": {"rate_limited"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
    "getCredits": {
        "400": {"invalid_request"},
        "401": {"unauthorized"},
        "403": {"permission_denied"},
        "429": {"rate_limited"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
    "listTasks": {
        "400": {"invalid_request"},
        "401": {"unauthorized"},
        "429": {"rate_limited"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
    "getTasks": {
        "400": {"invalid_request", "malformed_body"},
        "401": {"unauthorized"},
        "429": {"rate_limited"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
    "listModels": {
        "401": {"unauthorized"},
        "429": {"rate_limited"},
        "500": {"internal_error"},
        "502": {"bad_gateway"},
        "503": {"service_unavailable"},
    },
}

Node = dict[str, Any]
Place = tuple[str, ...]


def nodes(value: Any, place: Place = ()) -> Iterator[tuple[Place, Node]]:
    """Every object of the document with its place; data of the API and behaviour keys are not entered."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from nodes(item, (*place, str(index)))
    if not isinstance(value, dict):
        return
    yield place, value
    for key, child in value.items():
        named_by_author = place and place[-1] in {"properties", "examples", "schemas"}
        if named_by_author or not (key in DATA or key.startswith("x-evolink-")):
            yield from nodes(child, (*place, key))


NODES = dict(nodes(DOCUMENT))


def children(name: str) -> dict[Place, Node]:
    """What stands under the key `name`, wherever it occurs: the properties, the responses, ..."""
    return {
        (*place, name, key): child
        for place, node in NODES.items()
        if isinstance(node.get(name), dict)
        for key, child in node[name].items()
        if isinstance(child, dict)
    }


OPERATIONS = {place: node for place, node in NODES.items() if place and place[-1] in METHODS}
RESPONSES = children("responses")
PROPERTIES = children("properties")
PARAMETERS = {place: node for place, node in NODES.items() if "in" in node and "name" in node}
HEADERS = {place: node for place, node in children("headers").items() if "$ref" not in node}


def examples() -> dict[Place, tuple[Node, Node, Any]]:
    """Place -> (schema, the object that holds the example, the example itself), of every kind there is."""
    found: dict[Place, tuple[Node, Node, Any]] = {}
    for place, node in NODES.items():
        schema = node.get("schema", node)
        if "example" in node:
            found[*place, "example"] = (schema, node, node["example"])
        if "schema" in node:
            for name, example in node.get("examples", {}).items():
                found[*place, "examples", name] = (schema, example, example["value"])
    return found


EXAMPLES = examples()
ERRORS = {
    place: holder
    for place, (_, holder, _) in EXAMPLES.items()
    if "responses" in place and place[place.index("responses") + 1][0] in "45"
}


def behaviour() -> dict[Place, tuple[Node, set[str]]]:
    """Place -> (settings of one behaviour key, the names it must have)."""
    return {
        (*place, f"x-evolink-{name}"): (node[f"x-evolink-{name}"], names)
        for place, node in NODES.items()
        for name, names in BEHAVIOUR.items()
        if f"x-evolink-{name}" in node
    }


def rules() -> dict[Place, Node]:
    """Every object that carries `evidence` instead of a mark of its own."""
    found = {place: value for place, (value, _) in behaviour().items() if place[-1] != "x-evolink-price"}
    for place, operation in OPERATIONS.items():
        for name, price in operation.get("x-evolink-price", {}).items():
            found[*place, "x-evolink-price", name] = price
        for index, rule in enumerate(operation.get("x-evolink-rules", [])):
            found[*place, "x-evolink-rules", str(index)] = rule
    for key in ("x-evolink-refusals", "x-evolink-failures"):
        found |= {(key, name): rule for name, rule in DOCUMENT[key].items()}
    found["x-evolink-request-id",] = DOCUMENT["x-evolink-request-id"]
    return found


def templates() -> dict[Place, tuple[str, str]]:
    """Place -> (template, the message that shows it filled in)."""
    of_errors = {
        place: (node["x-evolink-message"], node["value"]["error"]["message"])
        for place, node in ERRORS.items()
        if "x-evolink-message" in node
    }
    of_refusals = {
        ("x-evolink-refusals", name): (refusal["message"], refusal["body"]["error"]["message"])
        for name, refusal in DOCUMENT["x-evolink-refusals"].items()
        if "message" in refusal
    }
    return of_errors | of_refusals


def by_place(places: dict[Place, Any]) -> list[Any]:
    """One test case a place, called by it."""
    return [pytest.param(content, id="/".join(place)) for place, content in places.items()]


def validator(schema: Node) -> jsonschema_rs.Draft202012Validator:
    """The schema with the components beside it, so that local references resolve; formats count."""
    return jsonschema_rs.Draft202012Validator({**schema, "components": DOCUMENT["components"]}, validate_formats=True)


def by_operation_id() -> dict[str, Node]:
    """The operations that a client may call; the callback's has no id."""
    return {node["operationId"]: node for node in OPERATIONS.values() if "operationId" in node}


def test_document_is_valid_openapi() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_places_are_found() -> None:
    """The cases below are collected by walking the document; an empty walk would prove nothing."""
    assert len(OPERATIONS) == 7  # six, and the callback's
    assert len(PARAMETERS) == 7
    assert len(behaviour()) == len(BEHAVIOUR)
    assert len(HEADERS) >= 2
    assert len(RESPONSES) >= 29
    assert len(ERRORS) >= 32
    assert len(PROPERTIES) >= 60
    assert len(EXAMPLES) >= 90
    assert len(rules()) >= 30
    assert len(templates()) >= 8


@pytest.mark.parametrize(
    ("schema", "example"),
    [pytest.param(schema, example, id="/".join(place)) for place, (schema, _, example) in EXAMPLES.items()],
)
def test_example_keeps_its_schema(schema: Node, example: Any) -> None:
    assert [error.message for error in validator(schema).iter_errors(example)] == []


@pytest.mark.parametrize(
    "broken",
    [{"progress": 101}, {"created": "now"}, {"results": ["no uri"]}, {"status": "cancelled"}],
    ids=str,
)
def test_a_broken_example_would_be_noticed(broken: Node) -> None:
    """Bounds, types, enums and formats all count, through a reference too."""
    assert not validator({"$ref": "#/components/schemas/Task"}).is_valid(broken)


@pytest.mark.parametrize("name", DOCUMENT["x-evolink-refusals"])
def test_refusal_outside_operations_keeps_the_error_schema(name: str) -> None:
    refusal = DOCUMENT["x-evolink-refusals"][name]
    assert refusal.keys() - {"message"} == {"status", "evidence", "body"}
    assert 400 <= refusal["status"] < 600
    assert refusal["body"]["error"].keys() == {"code", "message", "type"}
    assert validator({"$ref": "#/components/schemas/Error"}).is_valid(refusal["body"])


@pytest.mark.parametrize("node", by_place(OPERATIONS | RESPONSES | PROPERTIES | PARAMETERS | HEADERS | ERRORS))
def test_evidence_is_marked(node: Node) -> None:
    assert node.get("x-evolink-evidence") in MARKS


@pytest.mark.parametrize("rule", by_place(rules()))
def test_rule_says_how_it_is_known(rule: Node) -> None:
    assert rule["evidence"] in MARKS
    assert isinstance(rule.get("note", ""), str)


@pytest.mark.parametrize(
    ("settings", "names"),
    [pytest.param(*content, id="/".join(place)) for place, content in behaviour().items()],
)
def test_behaviour_has_its_names_and_no_others(settings: Node, names: set[str]) -> None:
    assert settings.keys() - {"evidence", "note"} == names


def test_every_extension_is_known() -> None:
    assert {key for node in NODES.values() for key in node if key.startswith("x-")} == KEYS


def test_each_operation_has_its_role() -> None:
    assert {name: operation["x-evolink-role"] for name, operation in by_operation_id().items()} == {
        "createVideoGeneration": "create_task",
        "getTask": "get_task",
        "getCredits": "get_credits",
        "listTasks": "list_tasks",
        "getTasks": "get_tasks",
        "listModels": "list_models",
    }


def test_only_the_observed_profile_has_what_nobody_documented() -> None:
    """Each operation that is not documented carries the mark; so does the header of request ids."""
    marked = {name for name, one in by_operation_id().items() if one.get("x-evolink-profile") == "observed"}
    assert marked == {name for name, one in by_operation_id().items() if one["x-evolink-evidence"] != "documented"}
    assert marked == {"listTasks", "getTasks", "listModels"}
    assert DOCUMENT["x-evolink-request-id"]["profile"] == "observed"


@pytest.mark.parametrize("operation_id", REFUSALS)
def test_every_refusal_has_its_answer(operation_id: str) -> None:
    responses = by_operation_id()[operation_id]["responses"]
    takes_a_body = "requestBody" in by_operation_id()[operation_id]
    assert responses.keys() == {"200"} | REFUSALS[operation_id].keys() | ({"413", "415"} if takes_a_body else set())
    for status, names in REFUSALS[operation_id].items():
        answers = responses[status]["content"]["application/json"]["examples"].values()
        assert sorted(answer["x-evolink-refusal"] for answer in answers) == sorted(names)


@pytest.mark.parametrize(
    ("template", "message"),
    [pytest.param(*content, id="/".join(place)) for place, content in templates().items()],
)
def test_template_gives_the_message_shown(template: str, message: str) -> None:
    parts = list(Formatter().parse(template))
    assert {field for _, field, _, _ in parts if field is not None} <= PLACEHOLDERS
    pattern = "".join(re.escape(text) + (".+" if field else "") for text, field, _, _ in parts)
    assert re.fullmatch(pattern, message)


def test_observed_properties_are_marked_as_such_to_the_last_leaf() -> None:
    roots = {place for place, node in PROPERTIES.items() if node.get("x-evolink-profile") == "observed"}
    assert {place[-1] for place in roots} == OBSERVED
    below = {place for place in PROPERTIES if any(place[: len(root)] == root for root in roots)}
    task = {place: node for place, node in PROPERTIES.items() if place[:3] == ("components", "schemas", "Task")}
    assert below == {place for place, node in task.items() if node["x-evolink-evidence"] in {"observed", "vendor"}}
    assert {place for place, node in PROPERTIES.items() if node["x-evolink-evidence"] == "observed"} <= below
    assert len(below) == 9 + 8


def test_answers_list_their_properties_in_the_documented_order() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert list(schemas["CreatedTask"]["properties"]) == [
        "created", "id", "model", "object", "progress", "status", "task_info", "type", "usage",
    ]  # fmt: skip
    assert list(schemas["Task"]["properties"]) == [
        "created", "id", "model", "object", "progress", "results", "status", "error", "task_info", "type",
        "duration", "result_data", "usage", "billing",
    ]  # fmt: skip


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_price_agrees_with_the_examples(profile: str) -> None:
    operation = DOCUMENT["paths"]["/v1/videos/generations"]["post"]
    price = operation["x-evolink-price"][profile]
    cost = Fraction(price["credits_per_second"]) * operation["x-evolink-length"]["default_seconds"]
    schemas = DOCUMENT["components"]["schemas"]
    shown = {
        "documented": schemas["CreatedTask"]["properties"]["usage"]["properties"]["credits_reserved"],
        "observed": schemas["Task"]["properties"]["usage"]["properties"]["credits_used"],
    }
    assert cost == Fraction(str(shown[profile]["example"]))


def test_every_documented_failure_has_advice() -> None:
    advice: dict[str, set[str]] = {"change": set(), "retry": set(), "other": set()}
    for code, failure in DOCUMENT["x-evolink-failures"].items():
        assert failure.keys() == {"evidence", "advice", "message"}
        advice[failure["advice"]].add(code)
    assert {name: len(codes) for name, codes in advice.items()} == {"change": 5, "retry": 6, "other": 2}
