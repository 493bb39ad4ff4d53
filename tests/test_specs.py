"""--spec: folders at any depth, references to files beside, JSON and YAML, 3.0 and 3.1, and whatever is broken."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.contract.document.document import DocumentError
from mockserver.contract.reading.specs import Specs, read_specs
from mockserver.contract.registry import Registry
from mockserver.web.app import registry_of
from mockserver.web.options import Options
from tests.conftest import MakeMock
from tests.house import Mock
from tests.invented import document, of_models, operation, request, task_answer, written

PATH = "/v1/images/generations"


def mounted(folder: Path, **options: Any) -> Registry:
    return registry_of(Options(specs=(folder,), **options))


def left_out(folder: Path) -> dict[str, str]:
    """file -> why it was left out."""
    return {fault.file: fault.message for fault in read_specs([folder]).left_out}


def one_document(folder: Path, whole: dict[str, Any], **options: Any) -> Registry:
    return mounted(written(folder, m=whole), **options)


# --- folders


def test_documents_are_found_at_any_depth(tmp_path: Path) -> None:
    deep = tmp_path / "images" / "a-series"
    deep.mkdir(parents=True)
    written(tmp_path, top=of_models(PATH, "top"))
    written(deep, oil=of_models(PATH, "oil"))
    (deep / "ink.yaml").write_text(yaml.safe_dump(of_models(PATH, "ink")))
    (deep / "notes.md").write_text("# Not a document")
    registry = mounted(tmp_path)
    assert {"top", "oil", "ink"} < set(registry.models)
    assert {one.document for one in registry.operations} > {"top.json", "images/a-series/oil.json"}


def test_what_is_hidden_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    written(tmp_path / ".git", config=of_models(PATH, "hidden"))
    written(tmp_path, oil=of_models(PATH, "oil"))
    assert "hidden" not in mounted(tmp_path).models


BROKEN = {
    "cut.json": ('{"openapi": "3.1.0", "paths": {', "not readable as JSON or YAML: Input data was truncated"),
    "tabs.yaml": ("a:\n\t- b", "not readable as JSON or YAML: while scanning"),
    "list.json": ("[]", "not an OpenAPI document: it has no paths"),
    "package.json": ('{"name": "x"}', "not an OpenAPI document: it has no paths"),
    "two.json": ('{"swagger": "2.0", "paths": {}}', "received version 2.0; allowed: OpenAPI 3.0, 3.1"),
    "four.yaml": ("openapi: 4\npaths: {}", "received version 4; allowed: OpenAPI 3.0, 3.1"),
    "item.json": ('{"paths": {"/x": []}}', "received no object; allowed: the operations of a path by their method"),
    "operation.json": ('{"paths": {"/x": {"post": 5}}}', "received int; allowed: object"),
    "answers.json": ('{"paths": {"/x": {"post": {"responses": []}}}}', "responses: received array; allowed: object"),
    "schemas.json": ('{"paths": {}, "components": {"schemas": {"A": 1}}}', "schemas.A: received int; allowed: "),
    "binary.yaml": ("\x00\x01", "not readable as JSON or YAML: "),
    "empty.yaml": ("", "not an OpenAPI document: it has no paths"),
    "deep.json": ('{"paths":' + "[" * 5000 + "]" * 5000 + "}", "n"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_left_out_and_told(tmp_path: Path, name: str) -> None:
    written(tmp_path, oil=of_models(PATH, "oil"))
    (tmp_path / name).write_text(BROKEN[name][0])
    registry = mounted(tmp_path)
    assert "oil" in registry.models
    [told] = [fault.message for fault in registry.faults if fault.file == name]
    assert told.startswith(BROKEN[name][1])
    assert "\n" not in told


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_where_it_is_named_or_nothing_may_be_left_out(tmp_path: Path, name: str) -> None:
    written(tmp_path, oil=of_models(PATH, "oil"))
    (tmp_path / name).write_text(BROKEN[name][0])
    with pytest.raises(DocumentError, match=name):
        mounted(tmp_path, strict=True)
    with pytest.raises(DocumentError, match=name):
        mounted(tmp_path / name)


def test_strict_takes_what_is_whole(tmp_path: Path) -> None:
    assert "oil" in one_document(tmp_path, of_models(PATH, "oil"), strict=True).models


def test_a_folder_without_any_document_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"no \.json, \.yaml or \.yml file is there"):
        mounted(tmp_path)
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(DocumentError, match=r"package\.json: not an OpenAPI document"):
        mounted(tmp_path)


def test_a_file_that_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    written(tmp_path, oil=of_models(PATH, "oil"))
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere.json")
    assert left_out(tmp_path) == {}
    (tmp_path / "looped.json").symlink_to(tmp_path / "looped.json")
    assert "oil" in mounted(tmp_path).models


def test_two_folders_may_have_files_of_one_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        written(tmp_path / name, m=of_models(PATH, name))
    registry = registry_of(Options(specs=(tmp_path / "a", tmp_path / "b")))
    assert len({one.document for one in registry.operations if one.path == PATH}) == 2


def test_an_overlay_that_is_for_nothing_is_told(tmp_path: Path) -> None:
    written(tmp_path, oil=of_models(PATH, "oil"))
    (tmp_path / "oil.overlay.yaml").write_text("overlay: 1\nmodels: {oyl: {}}")
    assert left_out(tmp_path) == {"oil.overlay.yaml": "oil.json is for none of these models alone"}


def test_of_two_documents_that_name_one_model_the_one_that_goes_unused_is_told(tmp_path: Path) -> None:
    written(tmp_path, oil=of_models(PATH, "oil"), oil2=of_models(PATH, "oil"), both=of_models(PATH, "oil", "ink"))
    [told] = mounted(tmp_path).faults
    assert told.file == "oil2.json"
    assert told.message == "the model oil is served by oil.json, which names it too and was read earlier"


def test_the_place_of_what_is_no_schema_is_told(tmp_path: Path) -> None:
    whole = of_models(PATH, "oil", size={"properties": {"width": {"enum": "wide"}}})
    with pytest.raises(DocumentError, match=r"#/paths/.*json\.schema\.properties\.size\.properties\.width\.enum"):
        one_document(tmp_path, whole)


def test_a_type_that_is_none_is_told_behind_a_reference(tmp_path: Path) -> None:
    whole = of_models(PATH, "oil")
    media = whole["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    whole["components"] = {"schemas": {"Oil": {**media["schema"], "properties": {"size": {"type": "int"}}}}}
    media["schema"] = {"$ref": "#/components/schemas/Oil"}
    told = {one.message.partition("allowed: ")[2] for one in one_document(tmp_path, whole).faults}
    assert "array, boolean, integer, null, number, object, string, or a list of them" in told
    assert not any(one.endswith("under ") for one in told)


OUTLINES: dict[str, tuple[dict[str, Any], str]] = {
    "capitals": ({"/x": {"POST": {}}}, "received POST; allowed: methods in small letters (post)"),
    "no slash": ({"x": {}}, "received the path x; allowed: one that begins with /"),
    "one id twice": (
        {"/x": {"get": {"operationId": "x"}}, "/y": {"get": {"operationId": "x"}}},
        "x is also the operationId of #/paths/~1x/get; allowed: one of its own",
    ),
}


@pytest.mark.parametrize("name", OUTLINES)
def test_an_outline_that_nobody_can_call_is_told(tmp_path: Path, name: str) -> None:
    paths, words = OUTLINES[name]
    whole = of_models(PATH, "oil")
    whole["paths"] |= paths
    assert [one.message for one in one_document(tmp_path, whole).faults] == [words]


def test_examples_that_stand_elsewhere_are_followed(tmp_path: Path) -> None:
    """A reference is no body of null; one that leads to nothing valid is told."""
    whole = of_models(PATH, "oil")
    media = whole["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    media["examples"] = {name: {"$ref": f"#/components/examples/{name}"} for name in ("good", "bad", "bare")}
    good, bad = {"value": {"model": "oil"}}, {"value": {"model": "ink"}}
    whole["components"] = {
        "examples": {"good": good, "bad": bad, "bare": {"model": "oil"}},
        "requestBodies": {"Oil": whole["paths"][PATH]["post"]["requestBody"]},
    }
    whole["paths"][PATH]["post"]["requestBody"] = {"$ref": "#/components/requestBodies/Oil"}
    told = {one.place.rpartition("/")[2]: one.message for one in one_document(tmp_path, whole).faults}
    assert told.keys() == {"bad", "bare"}
    assert told["bare"] == "the example has no `value`"


def test_a_default_or_example_that_its_own_field_refuses_is_told(tmp_path: Path) -> None:
    size = {"type": "string", "enum": ["s", "l"], "default": "m", "example": "s"}
    count = {"type": "integer", "example": "2"}
    told = one_document(tmp_path, of_models(PATH, "oil", size=size, count=count)).faults
    assert [(one.place.rpartition("/properties/")[2], one.message.partition(": ")[2]) for one in told] == [
        ("size/default", 'size: received "m"; allowed: "s", "l"'),
        ("count/example", 'count: received string "2"; allowed: integer'),
    ]


# --- files beside


def apart(folder: Path, *, openapi: str = "3.1.0", common: str = "shared/common.yaml") -> None:
    """A document whose path, request and answer stand in other files, one of which refers to a third and back."""
    (folder / "shared").mkdir()
    parts = {
        "Request": {**request("oil"), "properties": {**request("oil")["properties"], "size": {"$ref": "size.json"}}},
        "Answer": {"$ref": "../answer.yaml#/Answer"},
    }
    (folder / common).write_text(yaml.safe_dump({"components": {"schemas": parts}}))
    (folder / "shared" / "size.json").write_text('{"type": "string", "enum": ["large", "small"]}')
    (folder / "answer.yaml").write_text(
        yaml.safe_dump({"Answer": task_answer(), "Back": {"$ref": f"{common}#/components"}})
    )
    post = operation(
        {"$ref": f"../{common}#/components/schemas/Request"}, {"$ref": f"../{common}#/components/schemas/Answer"}
    )
    (folder / "paths").mkdir()
    (folder / "paths" / "oil.yaml").write_text(yaml.safe_dump({"post": post}))
    (folder / "main.json").write_text(json.dumps({"openapi": openapi, "paths": {PATH: {"$ref": "./paths/oil.yaml"}}}))


def test_references_to_files_beside_are_followed(make_mock: MakeMock, tmp_path: Path) -> None:
    apart(tmp_path)
    mock = make_mock(specs=(tmp_path,))
    assert mock.app.registry.faults == []
    assert mock.post(PATH, {"model": "oil", "size": "small"}).json()["status"] == "pending"
    message = mock.post(PATH, {"model": "oil", "size": "tiny"}).json()["error"]["message"]
    assert message == 'size: received "tiny"; allowed: "large", "small"'


def test_a_document_alone_finds_its_neighbours_too(tmp_path: Path) -> None:
    apart(tmp_path)
    assert "oil" in mounted(tmp_path / "main.json").models


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("missing.yaml#/A", "No such file or directory"),
        ("https://example.com/a.yaml#/A", "only files beside the document are read"),
        ("cut.json#/A", "it is neither JSON nor YAML"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told(
    make_mock: MakeMock, tmp_path: Path, reference: str, reason: str
) -> None:
    (tmp_path / "cut.json").write_text("{")
    written(tmp_path, oil=document((PATH, operation({"$ref": reference}, task_answer()))), ink=of_models(PATH, "ink"))
    mock = make_mock(specs=(tmp_path,))
    told = f"the reference {reference} can't be followed: {reason}"
    assert told in {fault.message for fault in mock.app.registry.faults}
    assert mock.app.registry.models == ["ink", "kling-o1-video-edit-fast"]


def test_a_path_in_a_missing_file_leaves_its_document_out(tmp_path: Path) -> None:
    whole = {"openapi": "3.1.0", "paths": {PATH: {"$ref": "gone.yaml"}}}
    written(tmp_path, oil=whole, ink=of_models(PATH, "ink"))
    assert left_out(tmp_path) == {"oil.json": "the reference gone.yaml can't be followed: No such file or directory"}


def test_the_example_of_a_status_does_not_speak_for_what_it_knows_nothing_of(
    make_mock: MakeMock, tmp_path: Path
) -> None:
    whole, kind = of_models(PATH, "oil"), "invalid_request_error"
    said = {"error": {"code": "missing_text", "message": "Missing required parameter: prompt", "type": kind}}
    post = whole["paths"][PATH]["post"]
    post["responses"]["400"] = {"description": "-", "content": {"application/json": {"example": said}}}
    mock = make_mock(specs=(written(tmp_path, m=whole),))
    refused = mock.request("POST", PATH, json={"model": "oil"}, headers={"idempotency-key": "order-7"})
    assert refused.json()["error"]["message"].startswith('Idempotency-Key: received "order-7"; allowed: 16 to 96')


# --- 3.0, and YAML as it is meant


NULLABLE = {"type": "string", "nullable": True, "enum": ["large"]}
ABOVE = {"type": "number", "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "exclusiveMaximum": False}
OLD = {"size": NULLABLE, "scale": ABOVE, "nullable": {"type": "string"}}


@pytest.fixture
def old(make_mock: MakeMock, tmp_path: Path) -> Mock:
    whole = {**of_models(PATH, "oil", **OLD), "openapi": "3.0.3"}
    return make_mock(specs=(written(tmp_path, m=whole),))


def test_a_document_of_30_is_read_as_30(old: Mock) -> None:
    assert old.app.registry.faults == []
    for fields in ({"size": None}, {"size": "large"}, {"scale": 9}, {"scale": 0.1}, {"nullable": "x"}):
        assert old.post(PATH, {"model": "oil", **fields}).status_code == 200, fields


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"scale": 0}, "scale: received 0; allowed: more than 0"),
        ({"scale": 9.5}, "scale: received 9.5; allowed: at most 9"),
        ({"size": "small"}, 'size: received "small"; allowed: "large", null'),
        ({"prompt": None}, "prompt: received null; allowed: string"),
    ],
)
def test_a_document_of_30_refuses_as_30_does(old: Mock, fields: dict[str, Any], told: str) -> None:
    assert old.post(PATH, {"model": "oil", **fields}).json()["error"]["message"] == told


def test_a_document_of_31_that_speaks_30_is_told(tmp_path: Path) -> None:
    messages = [fault.message for fault in one_document(tmp_path, of_models(PATH, "oil", **OLD)).faults]
    assert "nullable means nothing in OpenAPI 3.1" in messages


def test_beside_a_reference_30_says_nothing(tmp_path: Path) -> None:
    whole = of_models(PATH, "oil", size={"$ref": "#/components/schemas/Size", "maxLength": 1})
    whole |= {"openapi": "3.0.0", "components": {"schemas": {"Size": {"type": "string"}}}}
    [served] = [one for one in one_document(tmp_path, whole).operations if one.path == PATH]
    assert served.request is not None
    assert served.request.objection({"model": "oil", "size": "large"}) is None


def test_yaml_says_what_it_looks_like(make_mock: MakeMock, tmp_path: Path) -> None:
    text = f"""
openapi: 3.1.0
paths:
  {PATH}:
    post:
      requestBody:
        content:
          application/json:
            schema:
              type: object
              required: [model]
              properties:
                model: {{enum: [oil]}}
                sound: {{enum: [on, off]}}
                ratio: {{enum: [16:9, 4:3]}}
                day: {{enum: [2024-01-01]}}
                size: {{minimum: 1}}
      responses:
        200:
          content:
            application/json:
              schema: {{properties: {{id: {{type: string}}, status: {{enum: [pending]}}}}}}
"""
    (tmp_path / "m.yaml").write_text(text)
    mock = make_mock(specs=(tmp_path,))
    body = {"model": "oil", "sound": "on", "ratio": "16:9", "day": "2024-01-01", "size": 1}
    assert mock.post(PATH, body).status_code == 200
    assert mock.post(PATH, {**body, "sound": True}).status_code == 400


# --- whatever comes


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({"$ref": "#/paths"}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES: list[tuple[str, ...]] = [
    ("paths",),
    ("paths", PATH),
    ("paths", PATH, "post"),
    ("paths", PATH, "post", "requestBody"),
    ("paths", PATH, "post", "requestBody", "content", "application/json"),
    ("paths", PATH, "post", "requestBody", "content", "application/json", "schema"),
    ("paths", PATH, "post", "requestBody", "content", "application/json", "schema", "properties"),
    ("paths", PATH, "post", "requestBody", "content", "application/json", "schema", "properties", "model"),
    ("paths", PATH, "post", "requestBody", "content", "application/json", "schema", "properties", "n"),
    ("paths", PATH, "post", "responses"),
    ("paths", PATH, "post", "responses", "200", "content", "application/json", "schema"),
    ("paths", PATH, "post", "responses", "200", "content", "application/json", "schema", "properties", "status"),
    ("paths", PATH, "post", "responses", "200", "content", "application/json", "schema", "properties", "usage"),
    ("paths", PATH, "post", "responses", "400"),
    ("paths", PATH, "post", "operationId"),
    ("paths", PATH, "post", "parameters"),
    ("components",),
    ("openapi",),
]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), value=JSON_VALUES)
def test_no_document_breaks_the_mounting(tmp_path: Path, place: tuple[str, ...], value: Any) -> None:
    whole = of_models(PATH, "oil")
    node: Any = whole
    for step in place[:-1]:
        node = node.setdefault(step, {})
    node[place[-1]] = value
    written(tmp_path, m=whole, ink=of_models(PATH, "ink"))
    registry = mounted(tmp_path)
    assert "ink" in registry.models
    assert all("\n" not in f"{fault.place}{fault.message}" for fault in registry.faults)


def test_a_name_of_two_lines_is_told_in_one(tmp_path: Path) -> None:
    whole = of_models(PATH, "oil")
    whole["paths"][PATH]["post"]["responses"]["two\nlines"] = None
    written(tmp_path, m=whole, ink=of_models(PATH, "ink"))
    assert [fault.message for fault in mounted(tmp_path).faults] == [
        r"responses.two\nlines: received null; allowed: object"
    ]


def test_a_shape_that_contains_itself_comes_to_an_end(make_mock: MakeMock, tmp_path: Path) -> None:
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "next": {"$ref": "#/components/schemas/Node"}},
    }
    whole = document(
        (PATH, operation(request("oil", node={"$ref": "#/components/schemas/Node"}), task_answer(node=node))),
        components={"schemas": {"Node": node}},
    )
    mock = make_mock(specs=(written(tmp_path, m=whole),))
    assert mock.post(PATH, {"model": "oil", "node": {"next": {"next": {"name": "x"}}}}).json()["status"] == "pending"


def test_what_is_odd_in_an_answer_keeps_nobody_from_serving(make_mock: MakeMock, tmp_path: Path) -> None:
    """No validator is made of an answer's schema, so what is no JSON Schema there is told and passed over."""
    odd = {
        "type": "object",
        "required": True,
        "properties": {"size": {"type": "size", "required": True, "items": []}},
    }
    whole = document((PATH, operation(request("oil"), task_answer(odd=odd))))
    mock = make_mock(specs=(written(tmp_path, m=whole),))
    assert mock.post(PATH, {"model": "oil"}).status_code == 200
    told = {one.message for one in mock.app.registry.faults if one.place.endswith("/odd/required")}
    assert told == {"not JSON Schema: received boolean true; allowed: array"}


def test_parts_are_taken_together(make_mock: MakeMock, tmp_path: Path) -> None:
    """Requests and answers made up of others, of a JSON type with parameters."""
    size, kind = {"type": "string", "enum": ["large"]}, {"allOf": [{"type": "string"}, {"example": "image"}]}
    part = {"$ref": "#/components/schemas/Part"}
    body = {"allOf": [part, {"properties": {"size": size}}], "required": ["size"]}
    post = operation(body, {"allOf": [part, task_answer(type=kind)]})
    for place in (post["requestBody"], post["responses"]["200"]):
        place["content"] = {"application/json; charset=utf-8": place["content"]["application/json"]}
    whole = document((PATH, post), components={"schemas": {"Part": request("oil")}})
    mock = make_mock(specs=(written(tmp_path, m=whole),))
    answer = mock.post(PATH, {"model": "oil", "size": "large"}).json()
    assert (answer["model"], answer["status"], answer["type"]) == ("oil", "pending", "image")
    assert "size: received nothing" in mock.post(PATH, {"model": "oil"}).json()["error"]["message"]
    assert "model: received nothing" in mock.post(PATH, {"size": "large"}).json()["error"]["message"]


def test_nothing_is_mounted_without_being_asked() -> None:
    assert read_specs([]) == Specs()
