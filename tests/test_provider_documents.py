"""Documents of other providers as they are written elsewhere: paths of several parameters, ids in the query string,
forms by state, null by `anyOf`, states by number."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contract_tests.contract.mounted import contract_of
from mockserver.contract.answer import ASKED_FOR
from mockserver.contract.document.document import Document, DocumentError, parse
from mockserver.contract.document.made_up import made_up
from mockserver.contract.document.template import of_task, regex
from mockserver.web.app import registry_of
from mockserver.web.options import Options
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


# --- errors


def answers(job: dict[str, Any], **errors: Any) -> dict[str, Any]:
    """An operation that makes a job, with these error responses: a schema each, as `_422` or `default`."""
    made = operation(ASK, job)
    for name, schema in errors.items():
        content = {schema.get("x-type", "application/json"): {"schema": schema, **schema.get("x-media", {})}}
        made["responses"][name.removeprefix("_")] = {"description": "No", "content": content}
    return made


WHERE = of({"loc": {"type": "array", "items": TEXT}, "msg": TEXT, "type": TEXT}, "loc", "msg", "type")
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "a list of what is wrong": ("_422", of({"detail": {"type": "array", "items": WHERE}})),
    "a text": ("_400", of({"error": TEXT, "docUrl": TEXT}, "error")),
    "a problem": ("_400", of({"title": TEXT, "detail": TEXT, "status": {"type": "integer"}}, "title", "detail")),
    "a code and a message": (
        "default",
        of({"error": of({"code": or_null(TEXT), "message": TEXT}, "code", "message")}),
    ),
    "a text that is listed": ("4XX", of({"errors": {"type": "array", "minItems": 1, "items": TEXT}}, "errors")),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_refusal_has_the_form_and_the_status_of_its_document(provider: Any, name: str) -> None:
    status, form = FORMS[name]
    mock = provider({"/jobs": {"post": answers(JOB, **{status: form})}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    refused = mock.post("/jobs", {"prompt": 7})
    assert refused.status_code == (422 if status == "_422" else 400)
    jsonschema_rs.Draft202012Validator(form).validate(refused.json())
    told = refused.text
    assert "prompt: received integer 7; allowed: string" in told or name == "a text that is listed"
    if name == "a problem":
        assert refused.json()["status"] == 400


def test_an_example_of_an_error_is_given_as_it_stands_but_for_its_message(provider: Any) -> None:
    said = {"title": "Wrong", "detail": "Something", "kind": "bad-input"}
    form = of({"title": TEXT, "detail": TEXT}, "title", "detail")
    form |= {"x-type": "application/problem+json", "x-media": {"example": said}}
    mock = provider({"/jobs": {"post": answers(JOB, _400=form)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    refused = mock.post("/jobs", {})
    assert refused.headers["content-type"] == "application/problem+json"
    message = "prompt: received nothing; allowed: a value (the field is required)"
    assert refused.json() == said | {"detail": message}


def test_an_example_does_not_speak_for_what_it_knows_nothing_of(provider: Any) -> None:
    """Neither for another status, as that of `default` would, nor for another reason of its own."""

    def form(message: str, code: str) -> dict[str, Any]:
        said = {"message": message, "code": code}
        return of({"message": TEXT, "code": TEXT}, "message") | {"x-media": {"example": said}}

    errors = {"_429": form("Slow down", "rate"), "default": form("The prompt is too long", "bad_prompt")}
    mock = provider({"/jobs": {"post": answers(JOB, **errors)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    unknown = mock.post("/jobs", {"prompt": "A cat"}, key=None)
    assert unknown.json() == {"message": "No valid API key came with the request", "code": "unauthorized"}
    mock.scenario({"times": 1, "then": {"answer": {"status": 400}}})
    assert mock.post("/jobs", {"prompt": "A cat"}).json() == {"message": ASKED_FOR, "code": "invalid_request"}
    mock.account(requests_per_minute=0)
    assert mock.post("/jobs", {"prompt": "A cat"}).json() == {"message": "Slow down", "code": "rate"}
    mock.account(requests_per_minute=None, concurrent_tasks=0)
    assert "unfinished" in mock.post("/jobs", {"prompt": "A cat"}).json()["message"]


def test_a_code_that_a_document_does_not_list_is_left_out(provider: Any) -> None:
    said = {"message": "The prompt is too long", "code": "bad_prompt"}
    form = of({"message": TEXT, "code": one_of("bad_prompt", "rate")}, "message") | {"x-media": {"example": said}}
    mock = provider({"/jobs": {"post": answers(JOB, default=form)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    told = mock.post("/jobs", {"prompt": "A cat"}, key=None).json()
    assert told == said | {"message": "No valid API key came with the request"}


def test_a_form_that_no_error_of_ours_fits_is_left_alone(provider: Any) -> None:
    form = of({"token": {"type": "string", "pattern": "^[0-9]{12}$"}}, "token")
    mock = provider({"/jobs": {"post": answers(JOB, _400=form)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    assert mock.post("/jobs", {}).json()["error"]["code"] == "invalid_request"


def test_the_judge_knows_the_answers_of_any_other_status(provider: Any, tmp_path: Path) -> None:
    form = of({"message": TEXT}, "message") | {"x-type": "application/problem+json"}
    provider({"/jobs": {"post": answers(JOB, default=form)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    contract = contract_of([tmp_path])
    promised = contract.promised(contract.create, 418)
    assert promised is not None
    assert promised.media == ("application/problem+json",)


# --- what a request has beside its body


PROJECT = {"name": "team", "in": "path", "required": True, "schema": one_of("blue", "red")}
VERSION = {"name": "version", "in": "query", "required": True, "schema": {"type": "integer", "minimum": 2}}
TRACE = {"name": "X-Trace", "in": "header", "required": True, "schema": {"type": "string", "format": "uuid"}}
NO_TRACE = "X-Trace: received nothing; allowed: a value (the header parameter is required)"
NO_VERSION = "version: received nothing; allowed: a value (the query parameter is required)"
UUID = "7f1c0b0e-3c3a-4d55-9c62-0c0f6a4a2f11"


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        ("/blue/jobs?version=2", {"X-Trace": UUID}, None),
        (
            "/blue/jobs?version=2",
            {},
            NO_TRACE,
        ),
        ("/blue/jobs?version=2", {"X-Trace": "7"}, 'X-Trace: received "7"; allowed: a string of format uuid'),
        (
            "/blue/jobs",
            {"X-Trace": UUID},
            NO_VERSION,
        ),
        ("/blue/jobs?version=1", {"X-Trace": UUID}, "version: received 1; allowed: at least 2"),
        ("/blue/jobs?version=x", {"X-Trace": UUID}, 'version: received string "x"; allowed: integer'),
        ("/green/jobs?version=2", {"X-Trace": UUID}, 'team: received "green"; allowed: "blue", "red"'),
    ],
)
def test_parameters_are_judged(provider: Any, path: str, headers: dict[str, str], told: str | None) -> None:
    made = operation(ASK, JOB, parameters=[VERSION, TRACE])
    paths = {"/{team}/jobs": {"parameters": [PROJECT], "post": made}, "/jobs/{id}": {"get": got(JOB)}}
    response = provider(paths, model="m").post(path, {"prompt": "A cat"}, headers=headers)
    assert response.status_code == (200 if told is None else 400)
    assert told is None or response.json()["error"]["message"] == told


def test_the_judge_sends_the_parameters_that_have_to_be_there(provider: Any, tmp_path: Path) -> None:
    made = operation(ASK, JOB, parameters=[VERSION, TRACE])
    paths = {"/{team}/jobs": {"parameters": [PROJECT], "post": made}, "/jobs/{id}": {"get": got(JOB)}}
    mock = provider(paths, model="m")
    create = contract_of([tmp_path]).create
    assert create.sent == "/blue/jobs?version=2"
    assert mock.post(create.sent, {"prompt": "A cat"}, headers=create.headers).status_code == 200
    assert create.ends("http://127.0.0.1:1/prefix/red/jobs?version=3")


def test_what_only_answers_tell_is_not_asked_for_and_what_only_requests_tell_not_answered(provider: Any) -> None:
    told = {"readOnly": True}
    thing = of(
        {
            "id": TEXT | told,
            "status": one_of(*STATES) | told,
            "prompt": TEXT,
            "secret": {"type": "string", "writeOnly": True},
        },
        *("id", "status", "prompt", "secret"),
    )
    mock = provider({"/things": {"post": operation(thing, thing)}, "/things/{id}": {"get": got(thing)}}, model="m")
    accepted = mock.post("/things", {"prompt": "A cat", "secret": "x"})
    assert accepted.status_code == 200
    assert accepted.json().keys() == {"id", "status", "prompt"}
    assert "secret: received nothing" in mock.post("/things", {"prompt": "A cat"}).json()["error"]["message"]


def test_an_example_of_the_judge_needs_nothing_that_only_answers_tell(provider: Any, tmp_path: Path) -> None:
    thing = of({"id": TEXT | {"readOnly": True}, "status": one_of(*STATES), "prompt": TEXT}, "id", "prompt")
    provider({"/things": {"post": operation(thing, thing)}, "/things/{id}": {"get": got(thing)}}, model="m")
    requests = contract_of([tmp_path]).requests
    assert (requests.example().keys(), requests.required) == ({"prompt"}, ("prompt",))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "integer"}, 'id: received string "task-unified-1757169743-7cvnl5zw"; allowed: integer'),
        ({"type": "string", "pattern": "^job_"}, "allowed: a string that matches ^job_"),
        ({"type": "string", "format": "uuid"}, "allowed: a string of format uuid"),
        (TEXT, None),
    ],
)
def test_ids_of_another_form_than_the_document_has_are_told(
    provider: Any, tmp_path: Path, schema: dict[str, Any], told: str | None
) -> None:
    job = of({"id": schema, "status": one_of(*STATES)}, "id", "status")
    provider({"/jobs": {"post": operation(ASK, job)}, "/jobs/{id}": {"get": got(job)}}, model="m")
    faults = registry_of(Options(specs=(tmp_path,))).faults
    assert [one.place for one in faults] == ([] if told is None else ["#/paths/~1jobs/post/responses/200"])
    assert told is None or told in faults[0].message


def test_a_callback_that_every_submission_needs_goes_to_nobody(provider: Any, tmp_path: Path) -> None:
    asked = of({"prompt": TEXT, "hook": URI}, "prompt", "hook")
    provider({"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m", callback="hook")
    assert contract_of([tmp_path]).requests.example()["hook"] == "https://nobody.invalid/"


def test_without_a_word_for_working_a_task_that_waits_is_pending(provider: Any, tmp_path: Path) -> None:
    job = of({"id": TEXT, "status": one_of("queued", "done", "error")}, "id", "status")
    provider({"/jobs": {"post": operation(ASK, job)}, "/jobs/{id}": {"get": got(job)}}, model="m")
    contract = contract_of([tmp_path])
    assert contract.state(contract.create, {"id": "x", "status": "queued"}) == "pending"


def test_a_trigger_word_may_stand_in_a_prompt_further_inside(provider: Any) -> None:
    asked = of({"input": of({"prompt": TEXT}, "prompt")}, "input")
    mock = provider({"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    task_id = mock.post("/jobs", {"input": {"prompt": "mock:fail=service_error"}}).json()["id"]
    mock.advance(10)
    assert mock.get(f"/jobs/{task_id}").json()["status"] == "error"


def test_the_judge_makes_up_texts_as_long_as_they_have_to_be(provider: Any, tmp_path: Path) -> None:
    fields = {"secret": {"type": "string", "minLength": 12}, "mail": {"type": "string", "format": "email"}}
    asked = of(fields, *fields)
    provider({"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    assert contract_of([tmp_path]).requests.example().keys() == fields.keys()


BOX = of({"kind": {"const": "box"}, "size": {"type": "number", "maximum": 10}}, "kind", "size")
BALL = of({"kind": {"const": "ball"}, "radius": {"type": "number"}}, "kind", "radius")


@pytest.mark.parametrize(
    ("shape", "told"),
    [
        ({"kind": "box", "size": 99}, "shape.size: received 99; allowed: at most 10"),
        ({"kind": "ball"}, "shape.radius: received nothing; allowed: a value (the field is required)"),
        ({"kind": "cone"}, 'shape.kind: received "cone"; allowed: "box", "ball"'),
        ({}, "shape: received {}; allowed: exactly one of the forms that the document describes"),
    ],
)
def test_the_form_that_a_value_names_says_what_is_wrong(provider: Any, shape: Any, told: str) -> None:
    asked = of({"shape": {"oneOf": [BOX, BALL]}}, "shape")
    mock = provider({"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    assert mock.post("/jobs", {"shape": shape}).json()["error"]["message"] == told


def test_a_field_that_is_left_unevaluated_is_told_by_its_name(provider: Any) -> None:
    asked = of({"prompt": TEXT}, "prompt", unevaluatedProperties=False)
    mock = provider({"/jobs": {"post": operation(asked, JOB)}, "/jobs/{id}": {"get": got(JOB)}}, model="m")
    message = mock.post("/jobs", {"prompt": "A cat", "colour": 1}).json()["error"]["message"]
    assert message.startswith("colour: received a field that is not known here")
