"""Two providers that nobody has, served from their documents and what an overlay says under x-evolink-task."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from mockserver.contract.document.document import Document
from mockserver.contract.reading.specs import load_any
from mockserver.simulation.clock import Mode
from mockserver.web.options import Options
from tests.conftest import MakeMock
from tests.house import OTHER_KEY, Mock
from tests.invented import TEXT, operation, written
from tests.receiver import Receiver

FOLDER = Path(__file__).parent / "providers"
SKETCH, VOICE = load_any(FOLDER / "sketch.yaml"), load_any(FOLDER / "voice.json")
DRAW: dict[str, Any] = {"text": "A cat"}
SAY: dict[str, Any] = {"model": "alto", "text": "Hello"}


@pytest.fixture
def mock() -> Iterator[Mock]:
    mock = Mock(Options(clock=Mode.MANUAL, specs=(FOLDER,), allow_local_callbacks=True))
    yield mock
    mock.close()


def keeps(document: Document, method: str, path: str, body: Any) -> Any:
    """The body, which is valid by the document's schema of the answer."""
    schema = document.ok_schema(document.raw["paths"][path][method])
    whole = {**schema, "components": document.raw["components"]}
    jsonschema_rs.Draft202012Validator(whole, validate_formats=True, offline=True).validate(body)
    return body


def drawn(mock: Mock, **fields: Any) -> str:
    response = mock.post("/v2/sketches", {**DRAW, **fields})
    assert response.status_code == 202, response.text
    return str(keeps(SKETCH, "post", "/v2/sketches", response.json())["job"]["id"])


def said(mock: Mock) -> str:
    response = mock.post("/voices", SAY)
    assert response.status_code == 201, response.text
    body = keeps(VOICE, "post", "/voices", response.json())
    assert (body["status"], body["audio"], body["error"], body["model"]) == ("queued", None, None, "alto")
    return str(body["request_id"])


def job(mock: Mock, task_id: str) -> Any:
    return keeps(SKETCH, "get", "/v1/jobs/{id}", mock.get(f"/v1/jobs/{task_id}").json())


def voice(mock: Mock, task_id: str) -> Any:
    return keeps(VOICE, "get", "/voices/{request_id}", mock.get(f"/voices/{task_id}").json())


def test_a_task_runs_in_the_words_of_its_document(mock: Mock) -> None:
    task_id, states = drawn(mock), []
    for _ in range(6):
        states.append(job(mock, task_id)["state"])
        mock.advance(1)
    assert list(dict.fromkeys(states)) == ["IN LINE", "DRAWING", "DRAWN"]
    done = job(mock, task_id)
    assert (done["id"], done["state"], "failure" in done) == (task_id, "DRAWN", False)
    links = [one["file"]["href"] for one in done["output"]["drawings"]]
    assert len(set(links)) == 2
    assert {one["width"] for one in done["output"]["drawings"]} == {640}
    assert mock.get(links[1]).headers["content-type"] == "image/png"


def test_what_an_overlay_leaves_out_is_inferred(mock: Mock) -> None:
    task_id = said(mock)
    mock.advance(2)
    assert voice(mock, task_id)["status"] == "in-progress"
    mock.advance(5)
    done = voice(mock, task_id)
    assert (done["status"], done["error"]) == ("succeeded", None)
    assert mock.get(done["audio"]["url"]).headers["content-type"] == "audio/mpeg"


def test_a_failure_stands_where_the_document_has_it(mock: Mock) -> None:
    drawing, speech = drawn(mock), said(mock)
    for task_id in (drawing, speech):
        mock.post(f"/_mock/tasks/{task_id}/fail", {"code": "content_policy_violation"})
    failed = job(mock, drawing)
    assert (failed["state"], failed["failure"]["reason"], "output" in failed) == ("TORN", "internal", False)
    assert "content rules" in failed["failure"]["text"]
    assert (voice(mock, speech)["status"], "content rules" in voice(mock, speech)["error"]) == ("failed", True)


def test_a_task_is_cancelled_by_its_owner_and_costs_nothing(mock: Mock) -> None:
    task_id = said(mock)
    assert mock.book()["user"]["reserved"] == 10_000
    assert mock.post(f"/voices/{task_id}/cancel", key=OTHER_KEY).status_code == 403
    answer = keeps(VOICE, "post", "/voices/{request_id}/cancel", mock.post(f"/voices/{task_id}/cancel").json())
    assert answer["status"] == voice(mock, task_id)["status"] == "canceled"
    assert mock.book()["user"]["reserved"] == mock.book()["user"]["charged"] == 0
    again = mock.post(f"/voices/{task_id}/cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "task_ended")


def test_without_a_word_for_it_a_cancelled_task_has_failed(mock: Mock) -> None:
    task_id = drawn(mock)
    mock.post(f"/_mock/tasks/{task_id}/cancel")
    assert job(mock, task_id)["state"] == "TORN"


def test_nobody_reads_what_is_not_his_own(mock: Mock) -> None:
    task_id = said(mock)
    assert mock.get(f"/voices/{task_id}", key=OTHER_KEY).status_code == 403
    missing = mock.get("/voices/nobody-has-it")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "no_voice")
    assert mock.get(f"/voices/{task_id}", key=None).status_code == 401


def test_a_list_shows_the_providers_own_tasks(mock: Mock) -> None:
    mine = [drawn(mock), drawn(mock)]
    said(mock)
    mock.task_id()
    body = keeps(SKETCH, "get", "/v1/jobs", mock.get("/v1/jobs").json())
    assert ([one["id"] for one in body["items"]], body["count"]) == (mine[::-1], 2)
    assert mock.get("/v1/jobs", key=OTHER_KEY).json() == {"items": [], "count": 0}


def test_the_end_is_reported_where_the_request_says_and_as_a_query_tells_it(mock: Mock) -> None:
    with Receiver(mock, 500, 200) as receiver:
        task_id = drawn(mock, webhook=receiver.url)
        mock.advance(10)
        assert [json.loads(body) for body in receiver.bodies] == [job(mock, task_id)] * 2


def test_where_it_is_reported_is_judged_as_everywhere(make_mock: MakeMock) -> None:
    strict = make_mock(specs=(FOLDER,))
    message = strict.post("/v2/sketches", {**DRAW, "webhook": "http://127.0.0.1/x"}).json()["error"]["message"]
    assert message.startswith('webhook: received "http://127.0.0.1/x"; allowed: a public https URL')
    assert message.endswith("or this machine with --allow-local-callbacks")


def test_its_own_tasks_stay_as_they_are(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.advance(6)
    assert mock.task(task_id)["status"] == "completed"


def test_the_empty_account_is_refused(mock: Mock) -> None:
    mock.account(credits=0)
    assert mock.post("/voices", SAY).status_code == 402


def test_a_scenario_holds_for_them_by_its_roles(mock: Mock) -> None:
    mock.scenario(
        {"when": {"operation": "submission"}, "times": 1, "then": {"answer": {"status": 429, "retry_after": 2}}},
        {"when": {"operation": "cancel"}, "then": {"answer": {"status": 503}}},
        {"when": {"operation": "getTask"}, "times": 1, "then": {"answer": {"status": 500}}},
    )
    assert mock.post("/voices", SAY).status_code == 429
    task_id = said(mock)
    assert mock.post(f"/voices/{task_id}/cancel").status_code == 503
    assert [mock.get(f"/voices/{task_id}").status_code for _ in range(2)] == [500, 200]


FLUX: dict[str, Any] = {
    "/queue/flux": {
        "post": operation(
            {"type": "object", "required": ["prompt"], "properties": {"prompt": TEXT}},
            {"type": "object", "properties": {"requestId": TEXT}},
        )
    },
    "/queue/flux/requests/{request_id}/status": {
        "get": operation(
            {},
            {
                "type": "object",
                "required": ["taskStatus", "files"],
                "properties": {
                    "taskStatus": {"type": "string", "enum": ["IN_QUEUE", "IN_PROGRESS", "COMPLETED"]},
                    "files": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["id", "url"],
                            "properties": {"id": TEXT, "url": TEXT, "title": TEXT},
                        },
                    },
                },
            },
        )
    },
    "/queue/flux/requests/{request_id}/cancel": {"put": {"responses": {"202": {"description": "It will stop"}}}},
}


def test_a_third_is_made_out_from_little(make_mock: MakeMock, tmp_path: Path) -> None:
    """A status below the thing asked for, other spellings, a cancel without a body, what has to be there made up."""
    written(tmp_path, flux={"openapi": "3.1.0", "paths": FLUX})
    task = {"x-evolink-task": {"evidence": "assumed", "model": "flux", "words": {"failed": "COMPLETED"}}}
    (tmp_path / "flux.overlay.yaml").write_text(json.dumps({"overlay": 1, "operations": {"POST /queue/flux": task}}))
    mock = make_mock(specs=(tmp_path,))
    task_id = mock.post("/queue/flux", {"prompt": "A cat"}).json()["requestId"]
    status = f"/queue/flux/requests/{task_id}/status"
    assert mock.get(status).json() == {"taskStatus": "IN_QUEUE", "files": []}
    mock.advance(6)
    done = mock.get(status).json()
    assert done["taskStatus"] == "COMPLETED"
    assert [one.keys() for one in done["files"]] == [{"id", "url"}]
    other = mock.post("/queue/flux", {"prompt": "A dog"}).json()["requestId"]
    stopped = mock.request("PUT", f"/queue/flux/requests/{other}/cancel")
    assert (stopped.status_code, stopped.content) == (202, b"")
    assert mock.book()["user"]["reserved"] == 0


# --- what an overlay may get wrong


def overlaid(make_mock: MakeMock, folder: Path, **task: Any) -> Mock:
    (folder / "sketch.yaml").write_bytes((FOLDER / "sketch.yaml").read_bytes())
    said_of_it = yaml.safe_load((FOLDER / "sketch.overlay.yaml").read_bytes())
    told = {**said_of_it["operations"]["POST /v2/sketches"]["x-evolink-task"], **task}
    keys = {"x-evolink-task": {name: one for name, one in told.items() if one is not None}}
    (folder / "sketch.overlay.yaml").write_text(json.dumps({"overlay": 1, "operations": {"POST /v2/sketches": keys}}))
    return make_mock(specs=(folder,))


@pytest.mark.parametrize(
    ("task", "told"),
    [
        (
            {"words": {"waiting": "IN LINE"}},
            "no word for completed, failed in a status of IN LINE, DRAWING, DRAWN, TORN",
        ),
        ({"words": {"waiting": "IN LIEN"}}, "words: received IN LIEN; allowed: IN LINE, DRAWING, DRAWN, TORN"),
        ({"words": {"asleep": "IN LINE"}}, "words: received asleep; allowed: waiting, working, completed, failed,"),
        (
            {"query": "GET /v1/job/{id}"},
            "received the operation GET /v1/job/{id}; allowed: POST /v2/sketches, GET /v1/jobs,",
        ),
        ({"id": "job.number"}, "id: received job.number; allowed: attempts, failure, failure.reason, "),
        ({"model": None}, "no enum, default or example of `model` says which model it is for"),
        ({"evidence": "guessed"}, "evidence: received 'guessed'; allowed: documented, observed, vendor, assumed"),
    ],
)
def test_what_an_overlay_gets_wrong_is_told(
    make_mock: MakeMock, tmp_path: Path, task: dict[str, Any], told: str
) -> None:
    mock = overlaid(make_mock, tmp_path, **task)
    response = mock.post("/v2/sketches", DRAW)
    assert response.status_code == 501
    assert told in response.json()["error"]["message"]
