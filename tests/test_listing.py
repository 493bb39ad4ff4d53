"""What only the observed profile answers: the list of tasks, the batch, the models, and request ids."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.contract.behaviour import Profile
from mockserver.simulation.clock import Mode
from mockserver.simulation.task import State, Task, Terms
from mockserver.testing import MockServer
from mockserver.web.api.listing import _newest
from tests.conftest import MakeMock
from tests.documents import check
from tests.house import CREATE, KEY, MODEL, OTHER_KEY, START_MS, Mock
from tests.orders import new_world, submit, terms

ONLY_OBSERVED = [("GET", "/v1/tasks"), ("POST", "/v1/tasks/batch"), ("GET", "/v1/models")]


@pytest.fixture
def mock(make_mock: MakeMock) -> Mock:
    return make_mock(profile=Profile.OBSERVED)


def listed(mock: Mock, *, key: str = KEY, **params: Any) -> dict[str, Any]:
    return dict(check(mock.get("/v1/tasks", key=key, params=params), "listTasks"))


def ids(page: dict[str, Any]) -> list[str]:
    return [one["id"] for one in page["data"]]


def batch(mock: Mock, *task_ids: str, key: str = KEY) -> list[dict[str, Any]]:
    return list(check(mock.post("/v1/tasks/batch", {"task_ids": task_ids}, key=key), "getTasks")["data"])


def refused(mock: Mock, method: str, path: str, **arguments: Any) -> str:
    response = mock.request(method, path, **arguments)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["type"] == "invalid_request_error"
    return str(response.json()["error"]["message"])


def every_end(mock: Mock) -> dict[str, str]:
    """A task of each status, the oldest completed."""
    made = {"completed": mock.task_id()}
    mock.advance(5)
    made["failed"] = mock.task_id(prompt="mock:fail=service_error mock:seconds=0 mock:queue_seconds=0")
    made["cancelled"] = mock.task_id()
    mock.post(f"/_mock/tasks/{made['cancelled']}/cancel")
    made["processing"] = mock.task_id(prompt="mock:queue_seconds=0 mock:seconds=100")
    made["pending"] = mock.task_id(prompt="mock:queue_seconds=100")
    mock.advance(3)
    return made


# --- who answers


@pytest.mark.parametrize(("method", "path"), ONLY_OBSERVED)
def test_documented_knows_none_of_them(make_mock: MakeMock, method: str, path: str) -> None:
    response = make_mock().request(method, path)
    if path == "/v1/tasks/batch":  # there it is the query of a task, which nobody can POST
        assert (response.status_code, response.headers["allow"]) == (405, "GET")
    else:
        assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(("method", "path"), ONLY_OBSERVED)
def test_a_key_is_asked_for(mock: Mock, method: str, path: str) -> None:
    assert mock.request(method, path, key=None).status_code == 401
    mock.account(state="expired")
    assert mock.request(method, path).json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), ONLY_OBSERVED)
def test_a_path_of_its_own_goes_before_the_path_of_any_task(mock: Mock, method: str, path: str) -> None:
    other = mock.request({"GET": "POST", "POST": "GET"}[method], path)
    assert (other.status_code, other.headers["allow"]) == (405, method)


@pytest.mark.parametrize("operation", ["listTasks", "getTasks", "listModels"])
def test_a_scenario_concerns_them(mock: Mock, operation: str) -> None:
    mock.scenario({"when": {"operation": operation}, "then": {"answer": {"status": 429, "retry_after": 3}}})
    answers = {
        "listTasks": mock.get("/v1/tasks"),
        "getTasks": mock.post("/v1/tasks/batch", {"task_ids": []}),
        "listModels": mock.get("/v1/models"),
    }
    assert {name: one.status_code for name, one in answers.items() if one.status_code != 200} == {operation: 429}
    assert answers[operation].headers["retry-after"] == "3"
    check(answers[operation], operation)


# --- the list


def test_an_account_without_tasks(mock: Mock) -> None:
    assert listed(mock) == {"object": "list", "data": [], "total": 0, "page": 1, "page_size": 20}


def test_a_task_as_the_list_shows_it(mock: Mock) -> None:
    made = every_end(mock)
    shown = {one.pop("id"): one for one in listed(mock)["data"]}
    created = START_MS // 1000
    ended = {"model": MODEL, "type": "video", "created_at": created + 5, "has_results": False, "result_count": 0}
    assert shown[made["completed"]] == {
        **ended,
        "status": "completed",
        "progress": 100,
        "created_at": created,
        "duration": 5,
        "has_results": True,
        "result_count": 1,
        "has_error": False,
        "credits_used": 61.2,
    }
    assert shown[made["failed"]] == {
        **ended,
        "status": "failed",
        "progress": 1,
        "duration": 0,
        "has_error": True,
        "credits_used": 0,
    }
    assert {**ended, "status": "pending", "progress": 0, "duration": 3}.items() <= shown[made["pending"]].items()
    assert shown[made["cancelled"]]["status"] == "failed"
    assert (shown[made["processing"]]["status"], shown[made["processing"]]["progress"]) == ("processing", 3)


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["pending", "processing", "cancelled", "failed", "completed"]),
        ({"status": "processing"}, ["pending", "processing"]),
        ({"status": "pending"}, ["pending"]),
        ({"status": "completed"}, ["completed"]),
        ({"status": "failed"}, ["cancelled", "failed"]),
        ({"status": "cancelled"}, []),
        ({"status": "failed", "page_size": 1, "page": 2}, ["failed"]),
        ({"type": "video", "status": "completed", "model": MODEL}, ["completed"]),
        ({"type": "audio"}, []),
        ({"model": "no-such-model"}, []),
        ({"colour": "red"}, ["pending", "processing", "cancelled", "failed", "completed"]),
    ],
)
def test_what_a_filter_lets_through(mock: Mock, asked: dict[str, Any], names: list[str]) -> None:
    made = every_end(mock)
    assert ids(listed(mock, **asked)) == [made[name] for name in names]


def test_everybody_sees_their_own(mock: Mock) -> None:
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    assert ids(listed(mock)) == [mine]
    assert ids(listed(mock, key=OTHER_KEY)) == [theirs]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("page=0", "page: received 0; allowed: at least 1"),
        ("page=-1", "page: received -1; allowed: at least 1"),
        ("page=two", 'page: received string "two"; allowed: integer'),
        ("page=1.5", 'page: received string "1.5"; allowed: integer'),
        ("page=%00", "page: received string"),
        ("page=1&page=0", "page: received 0"),
        (f"page={'9' * 5000}", "page: received string"),
        ("page_size=0", "page_size: received 0; allowed: at least 1"),
        ("page_size=101", "page_size: received 101; allowed: at most 100"),
        ("status=done", 'status: received "done"; allowed: "pending", "processing"'),
        ("status=", 'status: received ""; allowed: "pending", "processing"'),
        ("page", 'page: received string ""; allowed: integer'),
        ("type=film", 'type: received "film"; allowed: "text"'),
    ],
)
def test_a_parameter_that_can_not_be(mock: Mock, query: str, told: str) -> None:
    assert refused(mock, "GET", f"/v1/tasks?{query}").startswith(told)


def test_a_page_far_past_the_last_is_empty(mock: Mock) -> None:
    mock.task_id()
    for asked in ({}, {"status": "pending"}):
        page = listed(mock, page=10**9, **asked)
        assert (page["data"], page["total"], page["page"]) == ([], 1, 10**9)


def test_the_list_changes_nothing(mock: Mock) -> None:
    mock.task_id()
    before = mock.get("/_mock/log").content
    listed(mock)
    batch(mock, "task-unified-1-a")
    mock.get("/v1/models", key=OTHER_KEY)
    assert mock.get("/_mock/log").content == before


TERMS = [
    terms(model=model, type=kind, cancelled_as=cancelled)
    for model, kind in [("a", "video"), ("b", "video"), ("c", "image")]
    for cancelled in ["failed", "cancelled"]
]
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["pending", "processing", "completed", "failed", "cancelled"]),
        "type": st.sampled_from(["video", "image", "audio"]),
        "model": st.sampled_from(["a", "b", "c", "d"]),
    },
)


def fits(task: Task, asked: dict[str, str]) -> bool:
    reads = task.terms.cancelled_as if task.state is State.CANCELLED else str(task.state)
    wanted = asked.get("status", reads)
    in_status = reads == wanted or (reads == "pending" and wanted == "processing")
    return in_status and all(getattr(task.terms, name) == asked[name] for name in asked.keys() & {"type", "model"})


def test_the_query_arrives_over_a_socket_too() -> None:
    with MockServer(profile=Profile.OBSERVED) as mock:
        answer = httpx.get(f"{mock.url}/v1/tasks?page=3", headers={"authorization": f"Bearer {KEY}"})
        assert (check(answer, "listTasks")["page"], len(answer.headers["x-request-id"])) == (3, 32)


@given(st.lists(st.tuples(st.sampled_from(TERMS), st.sampled_from(State)), max_size=30), FILTERS, st.integers(1, 8))
def test_the_pages_hold_each_fitting_task_once_newest_first(
    drawn: list[tuple[Terms, State]], asked: dict[str, str], size: int
) -> None:
    """Against a list of everything that is filtered task by task and turned round."""
    world = new_world()
    for one, state in drawn:
        task = world.apply(submit(terms=one)).reply.task
        assert task is not None
        task.state = state
    expected = [task for task in world.tasks.values() if fits(task, asked)][::-1]
    pages = [_newest(world, asked, start, size) for start in range(0, len(expected) + size, size)]
    assert [task.id for found, _ in pages for task in found] == [task.id for task in expected]
    assert {total for _, total in pages} == {len(expected)}


# --- the batch


def test_a_batch_shows_each_task_as_its_own_query_does(mock: Mock) -> None:
    made = every_end(mock)
    asked = [made[name] for name in ("pending", "completed", "failed")]
    assert batch(mock, *asked) == [mock.task(task_id) for task_id in asked]


def test_unknown_foreign_and_repeated_ids(mock: Mock) -> None:
    mine, theirs = mock.task_id(), mock.task_id(key=OTHER_KEY)
    assert [one["id"] for one in batch(mock, "", "nonsense", theirs, mine, "task-unified-1-a", mine)] == [mine]
    assert batch(mock) == []


def test_fifty_ids_and_no_more(mock: Mock) -> None:
    task_id = mock.task_id()
    assert len(batch(mock, *map(str, range(49)), task_id)) == 1
    told = refused(mock, "POST", "/v1/tasks/batch", json={"task_ids": [task_id] * 51})
    assert told == "task_ids: received 51 items; allowed: at most 50 items"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "The request body is not valid JSON"),
        (b"[]", "body: received array []; allowed: object"),
        (b"{}", "task_ids: received nothing; allowed: a value"),
        (b'{"task_ids": "a"}', 'task_ids: received string "a"; allowed: array'),
        (b'{"task_ids": [1]}', "task_ids[0]: received integer 1; allowed: string"),
    ],
)
def test_a_batch_that_can_not_be(mock: Mock, body: bytes, told: str) -> None:
    headers = {"content-type": "application/json"}
    assert refused(mock, "POST", "/v1/tasks/batch", content=body, headers=headers).startswith(told)


def test_a_clock_moved_by_polls_moves_once_for_a_list_and_for_a_batch(make_mock: MakeMock) -> None:
    mock = make_mock(profile=Profile.OBSERVED, clock=Mode.POLLS)
    task_id = mock.task_id(prompt="mock:queue_seconds=0 mock:seconds=4")

    def moved(ask: Any) -> int:
        before = mock.get("/_mock/clock").json()["now_ms"]
        ask()
        return int(mock.get("/_mock/clock").json()["now_ms"] - before)

    assert moved(lambda: listed(mock)) == moved(lambda: batch(mock, task_id, "x")) == 1000
    assert moved(lambda: mock.get("/v1/models")) == moved(lambda: mock.get("/v1/tasks?page=0")) == 0
    listed(mock)
    assert listed(mock)["data"][0]["status"] == "completed"


# --- the models


def test_the_models_are_those_of_the_document(mock: Mock) -> None:
    assert check(mock.get("/v1/models"), "listModels") == {"data": [{"id": MODEL}]}


@pytest.mark.parametrize(("allowed", "shown"), [([MODEL, "x"], [MODEL]), ([], []), (["x"], []), (None, [MODEL])])
def test_a_key_sees_the_models_that_it_may_use(mock: Mock, allowed: list[str] | None, shown: list[str]) -> None:
    mock.account(models=allowed)
    assert [one["id"] for one in mock.get("/v1/models").json()["data"]] == shown
    assert mock.submit().status_code == (200 if shown else 403)


# --- request ids


def answers(mock: Mock) -> Iterator[Any]:
    yield mock.submit()
    yield mock.submit(prompt=5)
    yield mock.get("/v1/tasks/task-unified-1-a")
    yield mock.get("/v1/tasks/nonsense", key=None)
    yield mock.get("/v1/credits")
    yield mock.get("/v1/nothing")
    yield mock.request("DELETE", CREATE)
    yield mock.post(CREATE, content=b"x" * 2_000_000)


def test_every_answer_names_its_request_and_the_journal_knows_it(mock: Mock) -> None:
    told = [one.headers["x-request-id"] for one in answers(mock)]
    assert len(set(told)) == len(told) == 8
    journal = mock.get("/_mock/requests").json()["requests"]
    assert [one["request_id"] for one in journal] == told


def test_runs_repeat_their_request_ids_and_another_seed_has_others(make_mock: MakeMock) -> None:
    def told(mock: Mock) -> list[str]:
        return [one.headers["x-request-id"] for one in answers(mock)]

    first = make_mock(profile=Profile.OBSERVED)
    before = told(first)
    first.post("/_mock/reset")
    assert told(first) == before == told(make_mock(profile=Profile.OBSERVED))
    assert not set(before) & set(told(make_mock(profile=Profile.OBSERVED, seed=1)))


def test_documented_names_no_request(make_mock: MakeMock) -> None:
    mock = make_mock()
    assert not [one for one in answers(mock) if "x-request-id" in one.headers]
    assert mock.get("/_mock/requests").json()["requests"][0]["request_id"] is None


def test_the_journal_keeps_the_query(mock: Mock) -> None:
    mock.get("/v1/tasks?status=completed&page=2")
    assert mock.get("/_mock/requests").json()["requests"][-1]["query"] == "status=completed&page=2"
    expected = {"path": "/v1/tasks", "query": "status=completed&page=2"}
    assert mock.post("/_mock/requests/verify", expected).json()["verified"]
