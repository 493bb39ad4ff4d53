"""What the control API tells whoever looks on: pages of lists, one request and why, files, accounts, the pulse."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mockserver.log import memory
from mockserver.web.app import Application
from mockserver.web.looking import draft, written
from mockserver.web.looking.pulse import TOLD_LIMIT
from mockserver.web.options import Bounds, Options
from tests.conftest import MakeMock
from tests.documents import check, check_schema, message, schema
from tests.house import CREATE, KEY, MINIMAL, OTHER_KEY, Mock
from tests.listener import Listener
from tests.receiver import Receiver


def listed(mock: Mock, noun: str, **params: Any) -> dict[str, Any]:
    response = mock.get(f"/_mock/{noun}", params=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


# --- pages


def test_a_page_of_tasks_is_a_part_of_the_whole_list(mock: Mock) -> None:
    for number in range(7):
        mock.task_id(key=KEY if number % 2 else OTHER_KEY)
        mock.advance(1)
    whole = listed(mock, "tasks")["tasks"]
    pages = [listed(mock, "tasks", offset=offset, limit=3) for offset in (0, 3, 6, 9)]
    assert [one for page in pages for one in page["tasks"]] == whole
    assert {page["total"] for page in pages} == {7}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"search": "service_er"}, 1),
        ({"search": "KLING-o1"}, 2),
        ({"search": "https://nowhere"}, 0),
        ({"model": "other"}, 0),
        ({"search": ""}, 2),
    ],
)
def test_tasks_are_searched(mock: Mock, asked: dict[str, str], found: int) -> None:
    mock.task_id(prompt="mock:fail=service_error")
    mock.task_id()
    mock.advance(10)
    assert listed(mock, "tasks", **asked)["total"] == found


def test_a_task_comes_with_its_callbacks_and_what_made_it_so(local: Mock) -> None:
    with Receiver(local) as receiver:
        task_id = local.task_id(prompt="mock:callback_copies=2 mock:link_seconds=3", callback_url=receiver.url)
        local.advance(10)
    record = local.get(f"/_mock/tasks/{task_id}").json()
    assert [one["state"] for one in record["callbacks"]] == ["delivered", "delivered"]
    assert record["effect"] == {"link_seconds": 3, "callback": {"delay_seconds": 0, "copies": 2}}
    assert record["links_expire_ms"] == record["ended_ms"] + 3000
    assert listed(local, "tasks", callbacks="true")["tasks"] == [record]
    check(local.get(f"/_mock/tasks/{task_id}"), "getTask", "control")


def test_callbacks_are_paged_newest_first(local: Mock) -> None:
    with Receiver(local) as receiver:
        for _ in range(3):
            local.task_id(callback_url=receiver.url)
        local.advance(10)
    whole = listed(local, "callbacks")["callbacks"]
    assert listed(local, "callbacks", newest_first="true")["callbacks"] == whole[::-1]
    assert listed(local, "callbacks", offset=1, limit=1) == {"total": 3, "callbacks": whole[1:2]}
    assert listed(local, "callbacks", state="given_up")["total"] == 0
    assert listed(local, "callbacks", search=whole[0]["id"].upper())["callbacks"] == whole[:1]


@pytest.mark.parametrize(
    ("noun", "asked", "told"),
    [
        ("tasks", {"offset": "x"}, "offset: received"),
        ("tasks", {"callbacks": "yes"}, "callbacks: received"),
        ("callbacks", {"state": "lost"}, "state: received"),
        ("requests", {"after": "-1"}, "after: received"),
        ("accounts", {"limit": "0"}, "limit: received"),
    ],
)
def test_a_wrong_parameter_is_told_from_both_sides(mock: Mock, noun: str, asked: dict[str, str], told: str) -> None:
    assert message(mock.get(f"/_mock/{noun}", params=asked)).startswith(told)


def test_accounts_tell_each_key_at_a_glance(mock: Mock) -> None:
    mock.task_id()
    mock.put("/_mock/clock", {"mode": "manual"}, params={"key": OTHER_KEY})
    mock.account(OTHER_KEY, credits=3)
    found = listed(mock, "accounts")
    tasks = {one["tenant"]: (one["tasks"], one["active_tasks"], one["clock"]["own"]) for one in found["accounts"]}
    assert sorted(tasks.values()) == [(0, 0, True), (1, 1, False)]
    name = next(iter(tasks))
    assert [one["tenant"] for one in listed(mock, "accounts", search=name.upper())["accounts"]] == [name]


# --- the journal


def test_the_journal_is_read_on_from_a_number(mock: Mock) -> None:
    ids = [mock.task_id() for _ in range(4)]
    whole = listed(mock, "requests")["requests"]
    assert listed(mock, "requests", after=whole[0]["sequence"], limit=2)["requests"] == whole[1:3]
    assert listed(mock, "requests", before=whole[3]["sequence"], limit=2)["requests"] == whole[1:3]
    assert listed(mock, "requests", task_id=ids[2])["requests"] == whole[2:3]


def test_a_summary_has_the_model_and_the_refusal_but_no_bodies(mock: Mock) -> None:
    mock.submit(prompt=None)
    [line] = listed(mock, "requests", summary="true")["requests"]
    assert line["model"] == MINIMAL["model"]
    assert line["message"].startswith("prompt: received nothing")
    assert not {"headers", "body", "answer"} & line.keys()


def test_a_refused_request_says_why_from_both_sides_and_by_which_sentence(mock: Mock) -> None:
    mock.submit(callback_url="http://127.0.0.1/hook")
    sequence = listed(mock, "requests")["requests"][-1]["sequence"]
    reason = mock.get(f"/_mock/requests/{sequence}").json()["reason"]
    assert (reason["field"], reason["received"]) == ("callback_url", '"http://127.0.0.1/hook"')
    assert "https" in reason["allowed"]
    assert reason["sentence"].startswith("Where to report the end of the task")
    assert (reason["evidence"], reason["document"]) == ("documented", "evolink.yaml")


@pytest.mark.parametrize("sequence", ["0", "999", "x", "1" * 30])
def test_a_request_that_the_journal_does_not_have_is_unknown(mock: Mock, sequence: str) -> None:
    mock.task_id()
    assert mock.get(f"/_mock/requests/{sequence}").status_code == 404


# --- scenarios as text


def test_a_scenario_is_read_with_the_line_that_is_wrong(mock: Mock) -> None:
    text = "name: x\nrules:\n  - when: {operation: submission}\n    then:\n      fail: nonsense\n"
    [problem] = mock.post("/_mock/scenarios/read", {"text": text}).json()["problems"]
    assert (problem["line"], problem["column"]) == (5, 7)
    assert problem["message"].startswith('rules[0].then.fail: received "nonsense"; allowed: ')


def test_of_two_scenarios_in_one_text_it_is_told_that_one_is_expected(mock: Mock) -> None:
    [problem] = mock.post("/_mock/scenarios/read", {"text": "name: a\n---\nname: b\n"}).json()["problems"]
    assert (problem["line"], problem["message"][:26]) == (2, "expected a single document")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: [x", 1),
        ("name: x\nmisspelt: 1", 2),
        ("name: x\nrules: [&a {then: {fail: service_error}}, *a]", 2),
        ("", 1),
        ("{{", 1),
        ("name: x\ndescription: \x07", 1),
        ("[" * 5_000, 1),
        ("name: x\ndescription: !!python/name:os.system x", 2),
        ("name: x\nrules: []\nrules: []", 3),
        ("name: x\nrules:\n  - then: {fail: service_error}\n    then: {seconds: 1}", 4),
        (
            "name: x\nmedia:\n  https://a.b/c[0]: {bytes: 1}\n  https://a.b/c: {}\n  https://a.b/c.d: {bytes: x}",
            5,
        ),
        ("name: x\nrules:\n  - then: {seconds: 1}\n  - then:\n      callback: {copies: 9}", 5),
    ],
)
def test_a_text_that_is_no_scenario_is_told_where(mock: Mock, text: str, line: int) -> None:
    [problem] = mock.post("/_mock/scenarios/read", {"text": text}).json()["problems"]
    assert problem["line"] == line


def test_ready_scenarios_can_be_read_and_put_in_force(mock: Mock) -> None:
    ready = listed(mock, "scenarios/ready")["scenarios"]
    assert {"rate-limited", "callback-never"} <= {one["name"] for one in ready}
    for one in ready:
        read = mock.post("/_mock/scenarios/read", {"text": one["text"]}).json()
        assert read["problems"] == []
        assert mock.post("/_mock/scenarios", read["scenario"], params={"key": KEY}).status_code == 201
    texts = {one["name"]: one["text"] for one in listed(mock, "scenarios", key=KEY)["scenarios"]}
    assert texts.keys() == {one["name"] for one in ready}


_EFFECTS = st.fixed_dictionaries(
    {"fail": st.just("service_error")},
    optional={
        "seconds": st.integers(0, 10_000).map(lambda ms: ms / 1000),
        "queue_seconds": st.integers(0, 100),
        "link_seconds": st.integers(0, 100),
        "callback": st.fixed_dictionaries(
            {}, optional={"delay_seconds": st.integers(0, 9), "copies": st.integers(0, 5)}
        ),
    },
)
_RULES = st.fixed_dictionaries(
    {"then": _EFFECTS},
    optional={
        "when": st.fixed_dictionaries({}, optional={"prompt_contains": st.text(min_size=1)}),
        "skip": st.integers(0, 9),
        "times": st.integers(1, 9),
        "chance": st.floats(0, 1),
    },
)


@settings(deadline=None, max_examples=50)
@given(st.lists(_RULES, max_size=3), st.text(max_size=50))
@example([], "\x85")
@example([], "0e0")
@example([], " a\u2028b\r\n\ufeff")
def test_a_scenario_written_down_is_the_same_scenario(rules: list[dict[str, Any]], description: str) -> None:
    scripts = _scripts()
    one = scripts.scenario({"name": "drawn", "rules": rules, "description": description})
    assert scripts.scenario(written.scenario(one)) == one
    assert draft.read(written.text(one), scripts) == one


@cache
def _scripts() -> Any:
    return Application(Options()).scripts


# --- files and replays


def test_uploads_are_listed_newest_first_also_when_expired(mock: Mock) -> None:
    body = {"base64_data": "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==", "file_name": "dot.gif"}
    for _ in range(2):
        assert mock.post("/api/v1/files/upload/base64", body).status_code == 200
        mock.advance(1)
    found = listed(mock, "files", limit=1)
    assert (found["total"], found["files"][0]["expired"]) == (2, False)
    mock.advance(73 * 3600)
    assert {one["expired"] for one in listed(mock, "files")["files"]} == {True}


def replay(mock: Mock, content: bytes) -> dict[str, Any]:
    response = mock.post("/_mock/replays", content=content)
    assert response.status_code == 201, response.text
    check_schema(response.json()["worlds"], {"type": "array", "minItems": 1}, "control")
    return dict(response.json())


def test_a_replay_is_gone_through_to_and_fro(mock: Mock) -> None:
    mock.task_id()
    mock.advance(10)
    mock.task_id()
    mock.submit(key=OTHER_KEY)
    ledger = {one["tenant"]: one for one in listed(mock, "ledger")["accounts"]}
    told = replay(mock, mock.get("/_mock/log").content)
    for world in told["worlds"]:
        path, params = f"/_mock/replays/{told['id']}", {"key": world["tenant"]}
        states = [mock.get(path, params={**params, "at": at}).json() for at in range(world["commands"] + 1)]
        assert states[-1]["book"] == ledger[world["tenant"]]
        again = [mock.get(path, params={**params, "at": at}).json() for at in range(world["commands"], -1, -1)]
        assert again[::-1] == states
        assert states[0]["tasks"] == []
        commands = mock.get(f"{path}/commands", params=params).json()
        assert [one["number"] for one in commands["commands"]] == list(range(1, commands["total"] + 1))


def test_a_world_of_a_replay_is_found_by_its_key(mock: Mock) -> None:
    mock.submit(key=OTHER_KEY)
    mock.submit(key=KEY)
    told = replay(mock, mock.get("/_mock/log").content)
    for key, world in zip((OTHER_KEY, KEY), told["worlds"], strict=True):
        found = mock.get(f"/_mock/replays/{told['id']}", params={"key": key})
        assert found.json()["tenant"] == world["tenant"]
    assert mock.get(f"/_mock/replays/{told['id']}", params={"key": "sk-nobody"}).status_code == 404


def test_a_replay_of_a_folded_log_begins_with_its_snapshot(
    make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "FEW_COMMANDS", 5)
    monkeypatch.setattr(memory, "_LEAST_BYTES", 0)
    mock = make_mock(bounds=Bounds(log_bytes=1))
    for _ in range(20):
        mock.task_id()
    listed(mock, "ledger")
    mock.task_id()
    log = mock.get("/_mock/log").content
    assert b'{"snapshot":' in log
    told = replay(mock, log)
    first, last = ({"at": 0}, {})
    states = [mock.get(f"/_mock/replays/{told['id']}", params=params).json() for params in (first, last)]
    assert 0 < states[0]["total"] < states[1]["total"] == 21


def test_a_replay_file_of_an_older_version_is_told_so(mock: Mock) -> None:
    old = gzip.decompress((Path(__file__).parent / "replays" / "whole.jsonl.gz").read_bytes())
    assert "older version" in message(mock.post("/_mock/replays", content=old))


@pytest.mark.parametrize("content", [b"", b"{}", b'{"replay":2}', b"\xff\xfe", b"[" * 10_000])
def test_what_is_no_replay_file_is_told(mock: Mock, content: bytes) -> None:
    response = mock.post("/_mock/replays", content=content)
    assert (response.status_code, message(response)[:17]) == (400, "The replay file: ")


def test_a_command_before_the_terms_that_it_names_is_told_in_words(mock: Mock) -> None:
    mock.task_id()
    header, terms, submission = mock.get("/_mock/log").content.splitlines()[:3]
    response = mock.post("/_mock/replays", content=b"\n".join([header, submission, terms]))
    assert message(response) == "The replay file: line 2: no line before it has told of 0"


def test_a_replay_that_breaks_its_world_is_the_files_fault(mock: Mock) -> None:
    mock.task_id()
    lines = mock.get("/_mock/log").content.splitlines()
    lines.append(
        json.dumps({"command": "report", "at_ms": 0, "delivery_id": "none", "attempt": 1, "ended_ms": 0}).encode()
    )
    told = replay(mock, b"\n".join(lines))
    response = mock.get(f"/_mock/replays/{told['id']}")
    assert response.status_code in {200, 400}


def test_only_the_last_replays_are_kept(mock: Mock) -> None:
    mock.task_id()
    log = mock.get("/_mock/log").content
    names = [replay(mock, log)["id"] for _ in range(6)]
    found = [mock.get(f"/_mock/replays/{name}").status_code for name in names]
    assert found == [404, 404, 200, 200, 200, 200]


# --- the pulse


def test_the_pulse_tells_where_things_stand_and_what_happened(mock: Mock) -> None:
    with Listener(mock, "/_mock/events?pulse=true") as listener:
        first = listener.events(1)[0]
        check_schema(first, schema("control", "Pulse"), "control")
        mock.task_id()
        told = listener.events(4)[1:]
        assert [one.get("type") for one in told] == ["task.submitted", "credits.reserved", None]
        assert (told[-1]["requests"], told[-1]["keys"]) == (1, 1)


def test_a_flood_is_counted_and_a_reader_that_is_slow_costs_nothing(make_mock: MakeMock) -> None:
    mock = make_mock()
    with Listener(mock, "/_mock/events?pulse=true") as listener:
        listener.events(1)
        fields = {b"authorization": f"Bearer {KEY}".encode(), b"content-type": b"application/json"}
        for _ in range(TOLD_LIMIT):
            mock.app.api_app.answer("POST", CREATE, b"", fields, json.dumps(MINIMAL).encode())
        told = listener.events(TOLD_LIMIT + 2)[1:]
        assert told[-1]["left_out"] == TOLD_LIMIT


def test_the_pulse_of_a_key_is_of_its_own_clock(mock: Mock) -> None:
    mock.put("/_mock/clock", {"mode": "manual"}, params={"key": KEY})
    with Listener(mock, f"/_mock/events?pulse=true&key={KEY}") as listener:
        assert listener.events(1)[0]["clock"]["own"] is True
        mock.submit(key=OTHER_KEY)
        mock.post("/_mock/clock/advance", {"ms": 1000}, params={"key": KEY})
        events = listener.events(2)
        assert all("type" not in one for one in events)


def test_nobody_who_looks_on_is_left_behind(mock: Mock) -> None:
    with Listener(mock, "/_mock/events?pulse=true") as listener:
        listener.events(1)
        assert len(mock.app.node.listeners) == 1
        mock.app.pulse.close()
        mock.run(listener._task)
    assert mock.app.node.listeners == []
