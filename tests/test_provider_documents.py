"""Documents of other providers as they are written elsewhere: paths of several parameters, ids in the query string,
forms by state, null by `anyOf`, states by number."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contract_tests.contract.mounted import contract_of
from mockserver.contract.document import Document, DocumentError, parse
from mockserver.contract.made_up import made_up
from mockserver.contract.template import of_task, regex
from tests.conftest import MakeMock
from tests.house import Mock
from tests.invented import TEXT, operation, written

URI = {"type": "string", "format": "uri"}
STATES = ["queued", "running", "done", "error"]


def of(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, **more}


def or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


def got(answer: dict[str, Any], *parameters: dict[str, Any]) -> dict[str, Any]:
    content = {"application/json": {"schema": answer}}
    return {"parameters": list(parameters), "responses": {"200": {"description": "OK", "content": content}}}


JOB = of({"id": TEXT, "status": one_of(*STATES), "url": URI}, "id", "status")
ASK = of({"prompt": TEXT, "hook": URI}, "prompt")


@pytest.fixture
def provider(make_mock: MakeMock, tmp_path: Path) -> Any:
    """Mounts the paths of a document with an overlay for the first of them."""

    def mount(paths: dict[str, Any], **task: Any) -> Mock:
        document = {"openapi": "3.1.0", "info": {"title": "Another", "version": "1"}, "paths": paths}
        written(tmp_path, another=document)
        said = {"x-evolink-task": {"evidence": "assumed", **task}}
        overlay = {"overlay": 1, "operations": {f"POST {next(iter(paths))}": said}}
        (tmp_path / "another.overlay.yaml").write_text(json.dumps(overlay))
        return make_mock(specs=(tmp_path,))

    return mount


def test_a_task_below_a_path_of_several_parameters_is_read(provider: Any, tmp_path: Path) -> None:
    paths = {"/{team}/jobs": {"post": operation(ASK, JOB)}, "/{team}/jobs/{job-id}": {"get": got(JOB)}}
    mock = provider(paths, model="m")
    task_id = mock.post("/blue/jobs", {"prompt": "A cat"}).json()["id"]
    assert mock.get(f"/blue/jobs/{task_id}").json() == {"id": task_id, "status": "queued"}
    query = contract_of([tmp_path]).query
    assert query.of("x") == "/team/jobs/x"
    assert query.value_in("/blue/jobs/x") == "x"


def test_the_id_of_a_task_may_stand_in_the_query_string(provider: Any, tmp_path: Path) -> None:
    asked = {"name": "jobId", "in": "query", "required": True, "schema": TEXT}
    paths = {"/jobs": {"post": operation(ASK, JOB)}, "/result": {"get": got(JOB, asked)}}
    mock = provider(paths, model="m", query="GET /result")
    task_id = mock.post("/jobs", {"prompt": "A cat"}).json()["id"]
    assert mock.get(f"/result?jobId={task_id}").json()["id"] == task_id
    assert mock.get("/result?jobId=task-unified-1-nobodysx").status_code == 404
    missing = mock.get("/result")
    assert missing.status_code == 400
    assert missing.json()["error"]["message"] == "jobId: received nothing; allowed: the id of a task"
    query = contract_of([tmp_path]).query
    assert query.of(task_id) == f"/result?jobId={task_id}"
    assert query.value_in("/result", f"jobId={task_id}") == task_id


def test_a_query_that_names_no_task_is_told(provider: Any) -> None:
    paths = {"/jobs": {"post": operation(ASK, JOB)}, "/result": {"get": got(JOB)}}
    response = provider(paths, model="m", query="GET /result").post("/jobs", {"prompt": "A cat"})
    assert response.status_code == 501
    assert "no parameter of GET /result names the task" in response.json()["error"]["message"]


def test_a_callback_that_has_to_be_there_and_is_not_is_told(provider: Any) -> None:
    asked = of({"prompt": TEXT, "hook": URI}, "prompt", "hook")
    paths = {"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}
    response = provider(paths, model="m", callback="hook").post("/jobs", {"prompt": "A cat"})
    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("hook: received nothing")


def test_what_may_be_null_is_looked_into(provider: Any) -> None:
    """As the generators of 3.1 documents write an optional object."""
    why = of({"code": TEXT, "message": TEXT}, "code", "message")
    job = of(
        {"id": TEXT, "status": one_of(*STATES), "assets": or_null(of({"video": URI})), "error": or_null(why)},
        "id",
        "assets",
        "error",
    )
    mock = provider({"/jobs": {"post": operation(ASK, job)}, "/jobs/{id}": {"get": got(job)}}, model="m")
    done, lost = (mock.post("/jobs", {"prompt": word}).json() for word in ("A cat", "mock:fail=service_error"))
    assert (done["assets"], done["error"]) == (None, None)
    mock.advance(10)
    assert mock.get(f"/jobs/{done['id']}").json()["assets"]["video"].startswith("http")
    failed = mock.get(f"/jobs/{lost['id']}").json()
    assert (failed["assets"], failed["error"]["code"]) == (None, "service_error")


def test_an_answer_of_a_form_for_each_state_is_filled_by_state(provider: Any) -> None:
    def form(status: str, **more: Any) -> dict[str, Any]:
        return of({"id": TEXT, "status": {"const": status}, **more}, "id", "status", *more)

    part = {"type": "number", "minimum": 0, "maximum": 1}
    links = {"type": "array", "items": URI}
    forms = [form("queued"), form("running", progress=part), form("done", output=links), form("error", failure=TEXT)]
    created = of({"id": TEXT}, "id")
    paths = {"/jobs": {"post": operation(ASK, created)}, "/jobs/{id}": {"get": got({"oneOf": forms})}}
    mock = provider(paths, model="m", result="output[]", error={"message": "failure"})
    done, lost = (mock.post("/jobs", {"prompt": word}).json()["id"] for word in ("A cat", "mock:fail=service_error"))
    mock.advance(3)
    running = mock.get(f"/jobs/{done}").json()
    assert running["status"] == "running"
    assert 0 < running["progress"] < 1
    mock.advance(10)
    assert mock.get(f"/jobs/{done}").json().keys() == {"id", "status", "progress", "output"}
    assert mock.get(f"/jobs/{lost}").json().keys() == {"id", "status", "progress", "failure"}


def test_a_model_that_a_form_of_the_request_fixes_is_served(provider: Any) -> None:
    forms = [of({"model": {"const": name}, "prompt": TEXT}, "model") for name in ("swift", "fine")]
    mock = provider({"/jobs": {"post": operation({"oneOf": forms}, JOB)}, "/jobs/{id}": {"get": got(JOB)}})
    assert mock.post("/jobs", {"model": "fine"}).status_code == 200
    assert '"slow"; allowed: fine, swift' in mock.post("/jobs", {"model": "slow"}).json()["error"]["message"]


def test_states_may_be_numbers(provider: Any) -> None:
    job = of({"id": TEXT, "state": {"type": "integer", "enum": [0, 1, 2, 3]}}, "id", "state")
    words = {"waiting": 0, "working": 1, "completed": 2, "failed": 3}
    mock = provider({"/jobs": {"post": operation(ASK, job)}, "/jobs/{id}": {"get": got(job)}}, model="m", words=words)
    task_id = mock.post("/jobs", {"prompt": "A cat"}).json()["id"]
    mock.advance(6)
    assert mock.get(f"/jobs/{task_id}").json()["state"] == 2


def test_what_tells_of_a_failure_is_absent_where_nothing_has_failed(provider: Any) -> None:
    why = of({"reason": TEXT, "text": TEXT}, "reason", "text")
    job = of({**JOB["properties"], "problem": why}, "id", "status")
    error = {"code": "problem.reason", "message": "problem.text"}
    mock = provider({"/jobs": {"post": operation(ASK, job)}, "/jobs/{id}": {"get": got(job)}}, model="m", error=error)
    submitted = mock.post("/jobs", {"prompt": "A cat"}).json()
    mock.advance(6)
    assert "problem" not in submitted | mock.get(f"/jobs/{submitted['id']}").json()


def test_a_model_that_nobody_asks_for_is_no_unknown_field(provider: Any) -> None:
    mock = provider({"/jobs": {"post": operation(ASK, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    assert "x-mock-hint" not in mock.post("/jobs", {"prompt": "A cat"}).headers
    assert "modle" in mock.post("/jobs", {"prompt": "A cat", "modle": "m"}).headers["x-mock-hint"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "minLength": 4},
        {"type": "string", "format": "email"},
        {"type": "string", "format": "ipv4"},
        {"type": "string", "format": "duration"},
        {"type": "integer", "minimum": 5, "multipleOf": 7},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "integer", "maximum": -3},
        {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 3}},
        {"type": "object", "required": ["a"], "properties": {"a": {"enum": ["x", "y"]}, "b": TEXT}},
        {"oneOf": [{"type": "boolean"}, TEXT]},
        or_null(TEXT),
    ],
)
def test_what_is_made_up_keeps_to_its_schema(schema: dict[str, Any]) -> None:
    value = made_up(Document("x.json", {}), schema)
    assert jsonschema_rs.Draft202012Validator(schema, validate_formats=True).is_valid(value)


def test_parameters_of_a_path_may_be_called_anything() -> None:
    assert regex("/a/{task-id}/{x}/{x}").fullmatch("/a/1/2/3") is not None
    assert of_task("/{task_id}/jobs/{id}/status") == "/{_}/jobs/{task_id}/status"


def test_aliases_that_stand_for_more_than_fits_are_refused() -> None:
    lines = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 10)]
    bomb = "\n".join(["openapi: 3.1.0", "paths: {}", "x0: &x0 [lol]", *lines])
    with pytest.raises(DocumentError, match="its aliases stand for more than 1,000,000 values"):
        parse(bomb.encode(), "bomb.yaml")
