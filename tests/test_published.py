"""The provider's own documents, mounted together in one server. A document more in the folder is a case more.

The folder is named by EVOLINK_PUBLISHED; without it there is nothing to mount and these tests are left out.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.contract.document.document import Document
from mockserver.contract.operation import Operation
from mockserver.contract.reading.specs import load_any
from mockserver.simulation.clock import Mode
from mockserver.web.app import registry_of
from mockserver.web.options import Options
from tests.drawn import requests
from tests.house import KEY, Mock

FOLDER = Path(os.environ.get("EVOLINK_PUBLISHED") or "no-such-folder")
DOCUMENTS = {path.name: load_any(path) for path in sorted(FOLDER.glob("*.json"))}
CREATING = {
    name: (document, method, path)
    for name, document in DOCUMENTS.items()
    for method, path, _ in document.operations()
    if path.endswith("/generations")
}

pytestmark = pytest.mark.skipif(not CREATING, reason="EVOLINK_PUBLISHED names no folder of documents")
each_document = pytest.mark.parametrize("name", CREATING or ["none"])


def raw(name: str) -> dict[str, Any]:
    document, method, path = CREATING[name]
    return dict(document.raw["paths"][path][method.lower()])


def valid(document: Document, schema: dict[str, Any], body: Any) -> list[str]:
    """What the schema, as it stands in the document, has against a body."""
    whole = {**schema, "components": document.raw.get("components", {})}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True, offline=True)
    return [error.message for error in validator.iter_errors(body)]


def examples(name: str) -> list[Any]:
    media = raw(name)["requestBody"]["content"]["application/json"]
    return [one["value"] for one in media.get("examples", {}).values()]


def sound_examples(name: str) -> list[Any]:
    document, schema = CREATING[name][0], raw(name)["requestBody"]["content"]["application/json"]["schema"]
    return [example for example in examples(name) if not valid(document, schema, example)]


def minimal_body(name: str) -> dict[str, Any]:
    """A request of this document: a sound example, or one made of the examples of its required properties."""
    for example in sound_examples(name):
        return dict(example)
    document = CREATING[name][0]
    schema = document.resolved(document.request_schema(raw(name)))
    properties = {field: document.resolved(one) for field, one in schema["properties"].items()}
    return {field: properties[field].get("example") for field in schema["required"]}


def operation(mock: Mock, name: str) -> Operation:
    return next(one for one in mock.app.registry.operations if one.document == name)


@pytest.fixture(scope="module")
def mounted() -> Iterator[Mock]:
    mock = Mock(Options(clock=Mode.MANUAL, specs=(FOLDER,)))
    yield mock
    mock.close()


@pytest.fixture(autouse=True)
def fresh(mounted: Mock) -> None:
    mounted.post("/_mock/reset")


def send(mock: Mock, name: str, body: Any) -> Any:
    return mock.post(CREATING[name][2], body)


@each_document
def test_every_task_document_is_served(mounted: Mock, name: str) -> None:
    assert operation(mounted, name).models


@each_document
def test_a_sound_example_is_accepted_and_answered_in_the_documents_shape(mounted: Mock, name: str) -> None:
    document = CREATING[name][0]
    for body in sound_examples(name) or [minimal_body(name)]:
        response = send(mounted, name, body)
        assert response.status_code == 200, response.text
        assert not valid(document, document.ok_schema(raw(name)), response.json())
        assert response.json()["model"] == body["model"]


@each_document
def test_an_example_that_breaks_its_schema_is_reported_and_rejected(mounted: Mock, name: str) -> None:
    broken = [example for example in examples(name) if example not in sound_examples(name)]
    reported = [one for one in mounted.app.registry.faults if one.file == name and "breaks its own" in one.message]
    assert len({one.place for one in reported}) == len(broken)
    for body in broken:
        response = send(mounted, name, body)
        assert response.status_code == 400
        assert "allowed" in response.json()["error"]["message"]


@each_document
def test_the_task_runs_to_completion_and_reads_as_documented(mounted: Mock, name: str) -> None:
    task = send(mounted, name, minimal_body(name)).json()
    mounted.advance(seconds=6)
    detail = mounted.task(task["id"])
    assert detail["status"] == "completed"
    assert detail["progress"] == 100
    assert detail["results"]
    document = DOCUMENTS["get-task-detail.json"]
    schema = document.ok_schema(document.raw["paths"]["/v1/tasks/{task_id}"]["get"])
    assert not valid(document, schema, detail)
    assert mounted.get(detail["results"][0]).status_code == 200


@each_document
def test_a_failed_task_reads_as_documented_and_costs_nothing(mounted: Mock, name: str) -> None:
    task = send(mounted, name, minimal_body(name)).json()
    mounted.post(f"/_mock/tasks/{task['id']}/fail", {"code": "resource_exhausted"})
    assert mounted.task(task["id"])["error"]["code"] == "resource_exhausted"
    assert mounted.book()["user"]["charged"] == mounted.book()["user"]["reserved"] == 0


@each_document
def test_a_cancelled_task_reads_as_its_document_allows(mounted: Mock, name: str) -> None:
    document = CREATING[name][0]
    task = send(mounted, name, minimal_body(name)).json()
    mounted.post(f"/_mock/tasks/{task['id']}/cancel")
    detail = mounted.task(task["id"])
    statuses = document.resolved(document.ok_schema(raw(name))["properties"]["status"])["enum"]
    assert detail["status"] == ("cancelled" if "cancelled" in statuses else "failed")
    assert ("error" in detail) == (detail["status"] == "failed")


@each_document
def test_a_missing_required_field_is_the_documented_400(mounted: Mock, name: str) -> None:
    document, _, _ = CREATING[name]
    body = minimal_body(name)
    required = [
        field for field in document.resolved(document.request_schema(raw(name)))["required"] if field != "model"
    ]
    for field in required:
        response = send(mounted, name, {key: value for key, value in body.items() if key != field})
        assert response.status_code == 400
        assert field in response.json()["error"]["message"]
        documented = operation(mounted, name).errors.find(400, None)
        assert documented is not None
        assert response.json()["error"]["code"] == documented.body["error"]["code"]
        schema = raw(name)["responses"]["400"]["content"]["application/json"]["schema"]
        assert not valid(document, schema, response.json())


@each_document
def test_a_refusal_that_the_example_knows_nothing_of_is_told_in_its_own_words(mounted: Mock, name: str) -> None:
    """The document's example of the status speaks of a prompt that is missing, or of too many requests."""
    _, method, path = CREATING[name]
    key = {"idempotency-key": "order-7"}
    error = mounted.request(method, path, json=minimal_body(name), headers=key).json()["error"]
    assert error["message"].startswith('Idempotency-Key: received "order-7"; allowed: 16 to 96 letters')
    mounted.account(concurrent_tasks=0)
    error = send(mounted, name, minimal_body(name)).json()["error"]
    assert error["message"] == "Too many tasks of this account are unfinished; wait until one ends"
    mounted.account(concurrent_tasks=None, requests_per_minute=0)
    assert "unfinished" not in send(mounted, name, minimal_body(name)).json()["error"]["message"]


@each_document
def test_what_was_inferred_is_told(mounted: Mock, name: str) -> None:
    aspects = {note.aspect for note in operation(mounted, name).notes}
    assert {"price", "estimated time", "results", "callback"} <= aspects


def test_mounting_all_of_them_costs_under_a_second_of_processor_time() -> None:
    """`python -m benchmarks mount` measures it; this is the bound, many times over."""
    began = time.process_time()
    registry_of(Options(specs=(FOLDER,)))
    assert time.process_time() - began < 1


def test_a_model_goes_to_the_document_that_names_the_fewest(mounted: Mock) -> None:
    for one in mounted.app.registry.operations:
        for model in one.models:
            serving = mounted.app.registry.of_model(model)
            assert serving is not None
            assert len(serving.models) <= len(one.models)


def test_an_unknown_model_is_told_the_nearest(mounted: Mock) -> None:
    model = mounted.app.registry.models[-1]
    path = mounted.app.registry.of_model(model).path  # type: ignore[union-attr]
    response = mounted.post(path, {"model": f"{model}x", "prompt": "x"})
    assert response.status_code == 400
    assert model in response.json()["error"]["message"]


def test_no_model_is_named_outside_the_documents(mounted: Mock) -> None:
    package = Path(__file__).parent.parent / "mockserver"
    code = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert not [model for model in mounted.app.registry.models if model in code]


@each_document
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_drawn_request_breaks_the_server_or_its_ledger(mounted: Mock, name: str, data: st.DataObject) -> None:
    document = CREATING[name][0]
    response = send(mounted, name, data.draw(requests(document, document.request_schema(raw(name)))))
    assert response.status_code in (200, 400, 402, 429), response.text
    user = mounted.book(KEY)["user"]
    assert user["granted"] == user["available"] + user["reserved"] + user["charged"]
