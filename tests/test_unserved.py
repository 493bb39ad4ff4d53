"""Only what creates a task becomes one; what is not served says why: in its answer, at start and in explain."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.config import banner
from tests.conftest import MakeMock
from tests.documents import check_schema
from tests.documents import schema as component
from tests.house import CREATE, MODEL, Mock
from tests.invented import TEXT, document, of_models, operation, request, task_answer, written

RESPONSES = "/v1/responses"


def answering(**properties: Any) -> dict[str, Any]:
    """A document of an operation that takes the model `talk` and answers with these properties."""
    answer = {"type": "object", "properties": {name: one for name, one in properties.items() if one is not None}}
    return document((RESPONSES, operation(request("talk"), answer)))


def status(*words: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", **({"enum": list(words)} if words else {}), **more}


NOT_TASKS = {
    "its answer 200 has a status of completed, failed, in_progress, and a task begins as pending": answering(
        id=TEXT, model=TEXT, object={"enum": ["response"]}, status=status("completed", "failed", "in_progress")
    ),
    "its answer 200 has a status of done, and a task begins as pending": answering(id=TEXT, status={"const": "done"}),
    "its answer 200 reads completed at once, and a task begins as pending": answering(
        id=TEXT, status=status(example="completed")
    ),
    "its answer 200 is no task, for it has no status": answering(id=TEXT, choices={"type": "array"}),
    "its answer 200 is no task, for it has no id and no status": answering(text=TEXT),
    "no enum, default or example of `model` says which model it is for": document(
        (RESPONSES, operation({"type": "object", "properties": {"model": TEXT}}, task_answer()))
    ),
}


@pytest.fixture
def talking(make_mock: MakeMock, tmp_path: Path) -> Mock:
    whole = next(iter(NOT_TASKS.values()))
    whole["paths"]["/v1/jobs/{id}"] = {"get": {"responses": {"200": {"description": "A job"}}}}
    whole["paths"]["/v1/tasks/{id}"] = {"get": {"responses": {"200": {"description": "A task"}}}}
    return make_mock(specs=(written(tmp_path, talk=whole),))


def refusal(mock: Mock, method: str, path: str) -> tuple[int, str, str]:
    response = mock.request(method, path, json={"model": "talk"} if method == "POST" else None)
    check_schema(response.json(), component("evolink", "Error"))
    error = response.json()["error"]
    return response.status_code, error["code"], error["message"]


@pytest.mark.parametrize("reason", NOT_TASKS)
def test_what_creates_no_task_says_why(make_mock: MakeMock, tmp_path: Path, reason: str) -> None:
    mock = make_mock(specs=(written(tmp_path, talk=NOT_TASKS[reason]),))
    told = f"POST {RESPONSES} is described by talk.json but not served: {reason}; `mockserver explain` tells more"
    assert refusal(mock, "POST", RESPONSES) == (501, "not_served", told)
    assert mock.get("/_mock/tasks").json()["total"] == 0
    assert "talk" not in mock.app.registry.models


@pytest.mark.parametrize(
    "answer",
    [
        {"status": status("pending", "processing", "completed", "failed")},
        {"status": status(example="processing")},
        {"status": TEXT},
        {"status": status("queued", "pending", "done")},
    ],
)
def test_what_begins_as_a_task_is_one(make_mock: MakeMock, tmp_path: Path, answer: dict[str, Any]) -> None:
    mock = make_mock(specs=(written(tmp_path, talk=answering(id=TEXT, model=TEXT, **answer)),))
    assert mock.post(RESPONSES, {"model": "talk"}).json()["status"] == "pending"


def test_what_reads_elsewhere_is_not_said_to_be_a_task(talking: Mock) -> None:
    status_code, code, message = refusal(talking, "GET", "/v1/jobs/some-id")
    assert (status_code, code) == (501, "not_served")
    assert "not served: a GET of a path that the built-in documents do not have" in message


def test_a_path_that_nobody_describes_is_not_found(talking: Mock) -> None:
    assert refusal(talking, "GET", "/v1/jobs")[:2] == (404, "not_found")
    assert refusal(talking, "POST", "/v1/jobs/some-id")[:2] == (404, "not_found")


def test_what_the_built_in_documents_serve_goes_by_any_name_of_its_parameter(talking: Mock) -> None:
    assert [one.path for one in talking.app.registry.covered] == ["/v1/tasks/{id}"]
    task_id = talking.task_id()
    assert talking.task(task_id)["id"] == task_id


def test_a_broken_schema_is_a_fault_and_the_reason(make_mock: MakeMock, tmp_path: Path) -> None:
    whole = of_models(RESPONSES, "talk", size={"type": "string", "pattern": "["})
    mock = make_mock(specs=(written(tmp_path, talk=whole),))
    told = 'the schema can\'t be used: properties.size.pattern: received "["; allowed: a regular expression'
    assert told in refusal(mock, "POST", RESPONSES)[2]
    assert told in {fault.message for fault in mock.app.registry.faults}


def test_a_model_of_what_is_not_served_is_told_so(make_mock: MakeMock, tmp_path: Path) -> None:
    whole = document((CREATE, operation(request("talk"), {"properties": {"text": TEXT}})))
    mock = make_mock(specs=(written(tmp_path, talk=whole),))
    assert mock.submit(model="talk").json()["error"]["message"] == (
        f'model: received "talk"; allowed: {MODEL} (what POST {CREATE} serves); talk.json names it at POST {CREATE}, '
        "which is not served: its answer 200 is no task, for it has no id and no status"
    )


def test_the_banner_counts_what_is_not_served(talking: Mock) -> None:
    assert banner(talking.app, "http://127.0.0.1:1").splitlines()[0] == (
        f"EvoLink mock on http://127.0.0.1:1  ({MODEL}; 2 operations not served, see `mockserver explain`)"
    )


def test_explain_tells_what_is_not_served(talking: Mock, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["explain", "--spec", str(tmp_path)])
    assert f"POST {RESPONSES}  (talk.json): not served: its answer 200 has a status of" in done.output
    assert "GET /v1/jobs/{id}  (talk.json): not served: a GET of a path" in done.output
    wrong = CliRunner().invoke(main, ["explain", "--spec", str(tmp_path), "--model", "talk"])
    assert (wrong.exit_code, "talk is named by talk.json, which is not served" in wrong.output) == (2, True)


@pytest.mark.parametrize("kind", ["text", "image", "audio", "video"])
def test_every_type_of_result_has_a_sample(make_mock: MakeMock, tmp_path: Path, kind: str) -> None:
    whole = document((RESPONSES, operation(request("talk"), task_answer(type={"type": "string", "const": kind}))))
    mock = make_mock(specs=(written(tmp_path, talk=whole),))
    task_id = mock.post(RESPONSES, {"model": "talk"}).json()["id"]
    mock.advance(6)
    assert mock.get(mock.task(task_id)["results"][0]).headers["content-type"].startswith(f"{kind}/")


# --- callbacks of documents that ask for https


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    pattern = {"type": "string", "format": "uri", "pattern": "^https://"}
    return written(tmp_path, m=of_models(CREATE, "m", callback_url=pattern))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/done", "http://localhost:9/done", "https://127.0.0.1:9/done"])
def test_local_callbacks_may_be_http_where_they_are_allowed(make_mock: MakeMock, pinned: Path, url: str) -> None:
    mock = make_mock(specs=(pinned,), allow_local_callbacks=True)
    response = mock.post(CREATE, {"model": "m", "callback_url": url})
    assert response.status_code == 200, response.text
    assert mock.get("/_mock/tasks").json()["tasks"][0]["callback_url"] == url


@pytest.mark.parametrize(
    "url", ["http://example.com/done", "ftp://127.0.0.1/done", "http://10.0.0.1/done", "http:", 5]
)
def test_allowing_local_callbacks_allows_no_others(make_mock: MakeMock, pinned: Path, url: Any) -> None:
    mock = make_mock(specs=(pinned,), allow_local_callbacks=True)
    assert mock.post(CREATE, {"model": "m", "callback_url": url}).status_code == 400


@pytest.mark.parametrize("model", ["m", MODEL])
def test_a_local_callback_that_is_no_uri_is_shown_as_it_came(make_mock: MakeMock, pinned: Path, model: str) -> None:
    mock = make_mock(specs=(pinned,), allow_local_callbacks=True)
    told = mock.submit(model=model, callback_url="http://127.0.0.1:9/done?%zz").json()["error"]["message"]
    assert told.startswith('callback_url: received "http://127.0.0.1:9/done?%zz"; allowed: ')
    assert "https" not in told


@pytest.mark.parametrize("model", ["m", MODEL])
def test_a_local_callback_is_told_the_option(make_mock: MakeMock, pinned: Path, model: str) -> None:
    mock = make_mock(specs=(pinned,))
    hint = ", or this machine with --allow-local-callbacks"

    def told(url: str) -> str:
        return str(mock.submit(model=model, callback_url=url).json()["error"]["message"])

    assert told("http://127.0.0.1:9/done").endswith(hint)
    assert told("https://localhost/done").endswith(hint)
    assert hint not in told("http://example.com/done") + told("https://10.0.0.1/done")
