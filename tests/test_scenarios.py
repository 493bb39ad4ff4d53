"""Scenarios through the control API: whom they concern, when they act, what is refused and where."""

from pathlib import Path
from typing import Any

import pytest

from mockserver.contract.answer import ASKED_FOR
from mockserver.contract.behaviour import Profile
from mockserver.web.app import OptionsError
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import message
from tests.house import KEY, MODEL, OTHER_KEY, Mock


def test_a_scenario_is_for_its_key_or_for_everybody(mock: Mock) -> None:
    mock.scenario({"then": {"answer": {"status": 500}}}, name="mine")
    mock.scenario({"then": {"answer": {"status": 503}}}, name="all", key=None)
    assert (mock.submit().status_code, mock.submit(key=OTHER_KEY).status_code) == (500, 503)
    listed = mock.get("/_mock/scenarios", params={"key": KEY}).json()["scenarios"]
    assert [(one["name"], one["own"], one["hits"]) for one in listed] == [("mine", True, [1]), ("all", False, [0])]
    assert [one["name"] for one in mock.get("/_mock/scenarios").json()["scenarios"]] == ["all", "mine"]


def test_a_scenario_of_the_same_name_is_replaced_and_counts_anew(mock: Mock) -> None:
    rule = {"times": 1, "then": {"answer": {"status": 500}}}
    for _ in range(2):
        mock.scenario(rule)
        assert [mock.submit().status_code for _ in range(2)] == [500, 200]
    assert len(mock.get("/_mock/scenarios").json()["scenarios"]) == 1


def test_scenarios_are_taken_out_of_force(mock: Mock) -> None:
    for name in ("one", "two", "three"):
        mock.scenario({"then": {"answer": {"status": 500}}}, name=name)
    mock.scenario({"then": {"answer": {"status": 503}}}, name="all", key=None)
    params = {"key": KEY}
    assert mock.request("DELETE", "/_mock/scenarios", params={**params, "name": "one"}).json() == {"done": True}
    assert message(mock.request("DELETE", "/_mock/scenarios", params={**params, "name": "one"}), 404)
    mock.request("DELETE", "/_mock/scenarios", params=params)
    assert [one["name"] for one in mock.get("/_mock/scenarios").json()["scenarios"]] == ["all"]
    mock.request("DELETE", "/_mock/scenarios")
    assert mock.submit().status_code == 200


def test_rules_skip_repeat_and_take_turns(mock: Mock) -> None:
    mock.scenario(
        {"skip": 1, "times": 2, "then": {"answer": {"status": 500}}},
        {"times": 3, "then": {"answer": {"status": 503}}},
    )
    assert [mock.submit().status_code for _ in range(5)] == [503, 500, 500, 503, 503]
    assert mock.submit().status_code == 200


def test_a_chance_is_drawn_from_the_seed(make_mock: MakeMock) -> None:
    def run(seed: int) -> list[int]:
        mock = make_mock(seed=seed)
        mock.scenario({"chance": 0.5, "then": {"answer": {"status": 500}}})
        return [mock.submit().status_code for _ in range(20)]

    assert run(1) == run(1) != run(2)
    assert set(run(1)) == {200, 500}


@pytest.mark.parametrize(
    ("when", "hit"),
    [
        ({}, True),
        ({"operation": "createVideoGeneration"}, True),
        ({"operation": "getTask"}, False),
        ({"operation": "submission"}, True),
        ({"operation": "create_task"}, True),
        ({"operation": "/v1/videos/generations"}, True),
        ({"operation": "POST /v1/videos/generations"}, True),
        ({"operation": "query"}, False),
        ({"model": "kling-o1-video-edit-fast"}, True),
        ({"prompt_contains": "snow"}, True),
        ({"prompt_contains": "rain"}, False),
        ({"url_contains": "street"}, True),
        ({"url_contains": "alley"}, False),
        ({"operation": "createVideoGeneration", "prompt_contains": "rain"}, False),
    ],
)
def test_a_rule_concerns_the_requests_it_describes(mock: Mock, when: dict[str, str], hit: bool) -> None:
    mock.scenario({"when": when, "then": {"answer": {"status": 500}}})
    assert mock.submit().status_code == (500 if hit else 200)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("query", "/v1/tasks/task-unified-1-x"),
        ("getTask", "/v1/tasks/task-unified-1-x"),
        ("/v1/tasks/{task_id}", "/v1/tasks/task-unified-1-x"),
        ("get_credits", "/v1/credits"),
        ("list_files", "/api/v1/files/list"),
    ],
)
def test_a_read_goes_by_every_name_of_its_operation(mock: Mock, operation: str, path: str) -> None:
    mock.scenario({"when": {"operation": operation}, "then": {"answer": {"status": 500}}})
    assert [mock.get(path).status_code, mock.submit().status_code] == [500, 200]


def test_every_upload_is_an_upload(mock: Mock) -> None:
    mock.scenario({"when": {"operation": "upload"}, "then": {"answer": {"status": 500}}})
    paths = [f"/api/v1/files/upload/{how}" for how in ("url", "base64", "stream")]
    assert [mock.post(path, {}).status_code for path in paths] == [500] * 3


def test_a_batch_is_a_query_too(make_mock: MakeMock) -> None:
    mock = make_mock(profile=Profile.OBSERVED)
    mock.scenario({"when": {"operation": "query"}, "then": {"answer": {"status": 500}}})
    assert mock.post("/v1/tasks/batch", {"task_ids": []}).status_code == 500
    mock.scenario({"when": {"operation": "list"}, "then": {"answer": {"status": 503}}})
    assert mock.get("/v1/tasks").status_code == 503


def test_a_rule_about_tasks_is_not_used_up_by_reads(mock: Mock) -> None:
    mock.scenario({"times": 1, "then": {"fail": "service_error", "seconds": 1}})
    mock.get("/v1/credits")
    task_id = mock.task_id()
    mock.advance(1)
    assert mock.task(task_id)["error"]["code"] == "service_error"


def test_the_fetch_of_a_result_can_be_made_to_fail(mock: Mock) -> None:
    task_id, other = mock.task_id(), mock.task_id()
    mock.advance(6)
    link, others = mock.task(task_id)["results"][0], mock.task(other)["results"][0]
    when = {"operation": "result", "task_id": task_id}
    mock.scenario({"when": when, "times": 1, "then": {"answer": {"status": 500, "message": "Gone for lunch"}}})
    broken = mock.get(link)
    assert (broken.status_code, broken.json()["error"]["message"]) == (500, "Gone for lunch")
    assert [mock.get(one).status_code for one in (link, others)] == [200, 200]
    mock.scenario({"when": {"operation": "result"}, "then": {"answer": {"status": 410}}})
    assert mock.get(others).status_code == 410


@pytest.mark.parametrize(
    ("status", "told"), [(404, "No result has this link"), (503, "Results can't be fetched for the moment")]
)
def test_a_result_that_is_made_to_fail_says_so_of_results(mock: Mock, status: int, told: str) -> None:
    task_id = mock.task_id()
    mock.advance(6)
    mock.scenario({"when": {"operation": "result"}, "then": {"answer": {"status": status}}})
    answer = mock.get(mock.task(task_id)["results"][0])
    assert (answer.status_code, answer.json()["error"]["message"]) == (status, told)
    assert answer.headers.get("retry-after") == ("1" if status == 503 else None)


def test_an_answer_that_was_asked_for_names_the_model_that_came(mock: Mock) -> None:
    mock.scenario({"then": {"answer": {"status": 403}}})
    assert mock.submit().json()["error"]["message"] == f"This API key may not use the model {MODEL}"


@pytest.mark.parametrize(
    ("operation", "status", "told"),
    [
        ("submission", 400, ASKED_FOR),
        ("upload", 400, ASKED_FOR),
        ("upload", 413, ASKED_FOR),
    ],
)
def test_an_answer_that_was_asked_for_says_so_where_it_has_nothing_to_name(
    mock: Mock, operation: str, status: int, told: str
) -> None:
    mock.scenario({"when": {"operation": operation}, "then": {"answer": {"status": status}}})
    upload = {"file_url": "https://example.com/winter.jpg"}
    answer = mock.submit() if operation == "submission" else mock.post("/api/v1/files/upload/url", upload)
    body = answer.json()
    assert (answer.status_code, body.get("error", {}).get("message", body.get("msg"))) == (status, told)


def test_a_rule_that_names_nothing_leaves_results_alone(mock: Mock) -> None:
    task_id = mock.task_id()
    mock.advance(6)
    link = mock.task(task_id)["results"][0]
    mock.scenario({"then": {"answer": {"status": 500}}})
    assert mock.get(link).status_code == 200


UNREACHABLE = [
    (
        {"operation": "list"},
        {"answer": {"status": 500}},
        'when.operation: received "list"; allowed: it only with --profile observed; here, submission, query, ',
    ),
    (
        {"operation": "result"},
        {"seconds": 1},
        "then: received no answer, for result; allowed: answer; link_seconds of a submission ends its links early",
    ),
    ({"operation": "result"}, {"answer": {"status": 402}}, "then.answer: received 402 for result; allowed: 4"),
    (
        {"operation": "result", "prompt_contains": "x"},
        {"answer": {"status": 500}},
        'when.prompt_contains: received "x" beside operation result; allowed: it only where operation is submission',
    ),
    (
        {"operation": "result", "model": "m"},
        {"answer": {"status": 500}},
        'when.model: received "m" of result; allowed',
    ),
    (
        {"operation": "submission", "model": MODEL.upper()},
        {"seconds": 1},
        f'when.model: received "{MODEL.upper()}" of',
    ),
    ({"model": "another"}, {"seconds": 1}, f'when.model: received "another"; allowed: {MODEL}'),
    (
        {"operation": "submision"},
        {"seconds": 1},
        'when.operation: received "submision"; allowed: submission, query, ',
    ),
    (
        {"operation": "query", "model": MODEL},
        {"answer": {"status": 500}},
        f'when.model: received "{MODEL}" beside operation query; allowed: it only where operation is submission',
    ),
    (
        {"operation": "submission", "task_id": "t"},
        {"seconds": 1},
        'when.task_id: received "t" beside operation submission; allowed: it only where operation is query or result',
    ),
    (
        {"operation": "query"},
        {"fail": "service_error"},
        "then: received an effect on the task, for getTask; allowed: answer or fault, where no task is submitted",
    ),
    (
        {"operation": "get_credits"},
        {"answer": {"status": 409}},
        "then.answer: received 409 for getCredits; allowed: 400 400, 401 401, ",
    ),
]


@pytest.mark.parametrize(("when", "then", "told"), UNREACHABLE)
def test_a_rule_that_nothing_can_meet_is_refused(
    mock: Mock, when: dict[str, Any], then: dict[str, Any], told: str
) -> None:
    written = {"name": "test", "rules": [{"when": when, "then": then}]}
    assert message(mock.post("/_mock/scenarios", written)).startswith(f"rules[0].{told}")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": None}, "name: received nothing"),
        ({"name": "With Spaces"}, 'name: received "With Spaces"; allowed: a string that matches'),
        ({"rules": [{"when": {}}]}, "rules[0].then: received nothing"),
        ({"rules": [{"then": {}}]}, "rules[0].then: "),
        ({"rules": [{"then": {"explode": True}}]}, "rules[0].then.explode: received a field that is not known"),
        ({"rules": [{"when": {"promt": "x"}, "then": {"seconds": 1}}]}, "rules[0].when.promt: received a field"),
        (
            {"rules": [{"then": {"seconds": 1}}, {"when": {"operation": "createVideo"}, "then": {"seconds": 1}}]},
            'rules[1].when.operation: received "createVideo"; allowed: createVideoGeneration, submission, query, '
            "get_credits, upload, get_files_quota, list_files, delete_file, result, a path or an operationId",
        ),
        ({"rules": [{"then": {"fail": "bad_luck"}}]}, 'rules[0].then.fail: received "bad_luck"; allowed: content_'),
        (
            {"rules": [{"then": {"answer": {"status": 418}}}]},
            'rules[0].then.answer: received {"status":418}; allowed: ',
        ),
        (
            {"rules": [{"then": {"answer": {"status": 429, "code": "unauthorized"}}}]},
            'rules[0].then.answer: received {"status":429,"code":"unauthorized"}',
        ),
        (
            {"rules": [{"then": {"answer": {"status": 200}}}]},
            "rules[0].then.answer.status: received 200; allowed: at least",
        ),
        (
            {"rules": [{"then": {"fault": "meteor"}}]},
            'rules[0].then.fault: received "meteor"; allowed: "closed_before',
        ),
        ({"rules": [{"chance": 2, "then": {"seconds": 1}}]}, "rules[0].chance: received 2; allowed: at most 1"),
        ({"rules": [{"times": 0, "then": {"seconds": 1}}]}, "rules[0].times: received 0; allowed: at least 1"),
        ({"rules": [{"then": {"callback": {"copies": 6}}}]}, "rules[0].then.callback.copies: received 6"),
        ({"media": {"u": {"length": 1}}}, "media.u.length: received a field that is not known here"),
    ],
)
def test_a_wrong_scenario_is_refused_with_its_place(mock: Mock, change: dict[str, Any], told: str) -> None:
    written = {name: value for name, value in {"name": "test", **change}.items() if value is not None}
    assert message(mock.post("/_mock/scenarios", written)).startswith(told)
    assert mock.get("/_mock/scenarios").json()["scenarios"] == []


def test_scenarios_are_bounded(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(scenarios=1))
    mock.scenario({"then": {"seconds": 1}}, name="one")
    mock.scenario({"then": {"seconds": 2}}, name="one")
    assert "bound" in message(mock.post("/_mock/scenarios", {"name": "two"}, params={"key": KEY}), 409)
    assert mock.post("/_mock/scenarios", {"name": "all"}).status_code == 201
    assert "bound" in message(mock.post("/_mock/scenarios", {"name": "more"}), 409)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("name: [", "test.yaml"),
        ("name: 2020", "test.yaml: name: received integer 2020"),
        ("name: test\nrules:\n- {then: {fault: meteor}}", 'test.yaml: rules[0].then.fault: received "meteor"'),
        ("- a list", "test.yaml: body: received array"),
        ("", "test.yaml: body: received null"),
        ("\x00", "test.yaml"),
    ],
)
def test_a_wrong_scenario_file_is_refused_at_start(
    make_mock: MakeMock, tmp_path: Path, written: str, told: str
) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(written)
    with pytest.raises(OptionsError) as caught:
        make_mock(scenarios=(path,))
    assert told in str(caught.value)
