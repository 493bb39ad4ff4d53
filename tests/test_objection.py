"""What is wrong with a request, in words: every keyword of JSON Schema has some."""

from typing import Any

import jsonschema_rs
import pytest

from mockserver.contract.request.objection import of_schema_error, shown


def told(schema: dict[str, Any], body: Any) -> str:
    error = next(jsonschema_rs.Draft202012Validator(schema, validate_formats=True).iter_errors(body))
    objection = of_schema_error(error)
    return f"{objection.field}: {objection.received}; {objection.allowed}"


@pytest.mark.parametrize(
    ("schema", "body", "words"),
    [
        ({"required": ["a"]}, {}, "a: nothing; a value (the field is required)"),
        ({"properties": {"a": {"type": "string"}}}, {"a": 5}, "a: integer 5; string"),
        ({"properties": {"a": {"type": ["string", "null"]}}}, {"a": 5}, "a: integer 5; null or string"),
        ({"type": "object"}, None, "body: null; object"),
        ({"properties": {"a": {"enum": ["x", 1]}}}, {"a": "z"}, 'a: "z"; "x", 1'),
        ({"properties": {"a": {"const": True}}}, {"a": False}, "a: false; true"),
        ({"properties": {"a": {"maxLength": 2}}}, {"a": "abc"}, "a: 3 characters; at most 2 characters"),
        ({"properties": {"a": {"minLength": 2}}}, {"a": "a"}, "a: 1 character; at least 2 characters"),
        ({"properties": {"a": {"maxItems": 1}}}, {"a": [1, 2]}, "a: 2 items; at most 1 items"),
        ({"properties": {"a": {"minItems": 1}}}, {"a": []}, "a: 0 items; at least 1 items"),
        ({"properties": {"a": {"items": {"type": "string"}}}}, {"a": ["x", 2]}, "a[1]: integer 2; string"),
        ({"properties": {"a": {"maximum": 3}}}, {"a": 4}, "a: 4; at most 3"),
        ({"properties": {"a": {"exclusiveMinimum": 3}}}, {"a": 3}, "a: 3; more than 3"),
        ({"properties": {"a": {"multipleOf": 2}}}, {"a": 3}, "a: 3; a multiple of 2"),
        ({"properties": {"a": {"pattern": "^x"}}}, {"a": "y"}, 'a: "y"; a string that matches ^x'),
        ({"properties": {"a": {"format": "uri"}}}, {"a": "y"}, 'a: "y"; a string of format uri'),
        (
            {"properties": {"a": {}}, "additionalProperties": False},
            {"b": 1},
            "b: a field that is not known here; only known fields",
        ),
        (
            {"oneOf": [{"type": "integer"}, {"type": "number"}]},
            5,
            "body: 5; exactly one of the forms that the document describes",
        ),
        ({"oneOf": [{"type": "string"}, {"type": "null"}]}, 5, "body: integer 5; string or null"),
        ({"properties": {"a": {"anyOf": [{"minimum": 0}, {"type": "null"}]}}}, {"a": -1}, "a: -1; at least 0"),
        (
            {"properties": {"a": {"oneOf": [{"items": {"type": "string"}}, {"type": "null"}]}}},
            {"a": ["x", 2]},
            "a[1]: integer 2; string",
        ),
        ({"anyOf": [{"minimum": 9}, {"multipleOf": 2}]}, 5, "body: 5; one of the forms that the document describes"),
        ({"anyOf": [{"type": "string"}, {"minimum": 9}]}, 5, "body: 5; at least 9"),
        ({"not": {"type": "integer"}}, 5, "body: 5; what the document says under not"),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "b: nothing; a value (the field is required)"),
        ({"properties": {"a": {"properties": {"b": {"type": "null"}}}}}, {"a": {"b": 1}}, "a.b: integer 1; null"),
    ],
)
def test_both_sides_are_told(schema: dict[str, Any], body: Any, words: str) -> None:
    assert told(schema, body) == words


def test_a_long_value_is_cut() -> None:
    assert len(shown("x" * 5000)) == 80
