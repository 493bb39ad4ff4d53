"""The wire between a client and the fake: what it carries, what it breaks, what it writes down."""

import json
import socket
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract_tests.client.behaviours.behaviour import PLAIN, parsed
from contract_tests.client.behaviours.grid import behaviour_of
from contract_tests.client.behaviours.openings import ID_TAIL
from contract_tests.client.behaviours.troubles import FAULTS
from contract_tests.client.run import Ending, Run
from contract_tests.client.stage import STEPS, Stage
from contract_tests.client.wire.journal import Entry
from mockserver.testing import CallbackReceiver
from tests.house import CREATE, MINIMAL

KEY = "sk-contract-0123456789abcdef"
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage("documented", 1, STEPS) as running:
        yield running


def port_of(stage: Stage) -> int:
    return int(stage.url.rpartition(":")[2])


def raw(stage: Stage, *parts: bytes, until_closed: bool = True) -> bytes:
    """What comes back for these bytes; the last request asks to close the connection."""
    with socket.create_connection(("127.0.0.1", port_of(stage)), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        if not until_closed:
            connection.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := connection.recv(65_536):
            got += chunk
        return got


def request(method: str, path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {KEY}", *headers]
    if body and not any(one.lower().startswith("transfer-encoding") for one in headers):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def submission(*headers: str) -> bytes:
    body = json.dumps(MINIMAL).encode()
    return request("POST", CREATE, body, "Content-Type: application/json", *headers)


def told(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


def submitted(stage: Stage, behaviour: str = "plain") -> str:
    """The id of a task that was submitted in a new case."""
    stage.set_up(parsed(behaviour), KEY)
    return str(json.loads(told(raw(stage, submission("Connection: close")))[2])["id"])


def test_requests_of_any_framing_are_carried(stage: Stage) -> None:
    stage.set_up(PLAIN, KEY)
    body = json.dumps(MINIMAL).encode()
    chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    kinds = ("Content-Type: application/json", "Transfer-Encoding: chunked")
    first = request("POST", CREATE, chunked, *kinds)
    waiting = submission("Expect: 100-continue")
    last = request("GET", "/v1/credits", b"", "Connection: close")
    answer = raw(stage, first + waiting + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert [entry.kind for entry in stage.entries()] == ["submission", "submission", "credits"]
    assert all(entry.is_healthy for entry in stage.entries())


def test_a_header_in_any_bytes_is_carried(stage: Stage) -> None:
    stage.set_up(PLAIN, KEY)
    status, _, _ = told(raw(stage, submission("X-Title: Zoë", "Connection: close").replace("ë".encode(), b"\xeb")))
    assert status == 200


def test_a_head_is_answered_without_a_body(stage: Stage) -> None:
    task_id = submitted(stage, "slow:seconds=1")
    stage.let_pass(5)
    task = json.loads(told(raw(stage, request("GET", f"/v1/tasks/{task_id}", b"", "Connection: close")))[2])
    path = task["results"][0].partition("/media")[2]
    status, headers, body = told(raw(stage, request("HEAD", f"/media{path}", b"", "Connection: close")))
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 1_000


@pytest.mark.parametrize("fault", [one for one in FAULTS if one not in ("late", "stalled")])
def test_each_fault_is_seen_on_the_wire(stage: Stage, fault: str) -> None:
    stage.set_up(parsed(f"breaks:operation=submission,fault={fault}"), KEY)
    try:
        answer = raw(stage, submission("Connection: close"))
    except ConnectionResetError:
        answer = b"reset"
    [entry] = stage.entries()
    taken = len(stage.mock.get("/tasks", key=KEY)["tasks"])
    assert taken == (fault != "closed_before_answer")
    assert entry.is_lost == (fault not in ("short_length", "malformed_json"))
    assert entry.is_unreadable == (fault in ("short_length", "malformed_json"))
    assert fault in str(entry)
    if fault in ("truncated_body", "short_length"):
        _, headers, body = told(answer)
        assert (int(headers["Content-Length"]) > len(body)) == (fault == "truncated_body")
    else:
        expected = {"reset": b"reset", "cut_head": b"HTTP/1."}.get(fault, b"")
        assert answer == expected or fault == "malformed_json"


def test_what_never_arrived_is_shown_as_such(stage: Stage) -> None:
    stage.set_up(parsed("breaks:operation=submission,fault=closed_after_accept"), KEY)
    raw(stage, submission("Connection: close"))
    [entry] = stage.entries()
    assert "never arrived" in str(entry)
    assert entry.exchange().answer_line() == "no answer: closed_after_accept"


@FEW
@given(garbage=st.binary(max_size=200))
def test_garbage_ends_its_own_connection_only(stage: Stage, garbage: bytes) -> None:
    stage.set_up(PLAIN, KEY)
    assert raw(stage, garbage, until_closed=False)[:12] in (b"", b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 401")
    assert told(raw(stage, request("GET", "/v1/credits", b"", "Connection: close")))[0] == 200


@FEW
@given(place=st.sampled_from(["header", "url", "escaped", "body"]), tail=st.sampled_from(["", "x", "&y=1"]))
def test_the_key_is_never_written_down(stage: Stage, place: str, tail: str) -> None:
    stage.set_up(PLAIN, KEY)
    escaped = "".join(f"%{ord(one):02x}" for one in KEY)
    path = {"url": f"/v1/credits?k={KEY}{tail}", "escaped": f"/v1/credits?k={escaped}{tail}"}.get(
        place, "/v1/credits"
    )
    body = json.dumps({"note": KEY}).encode() if place == "body" else b""
    raw(stage, request("POST" if body else "GET", path, body, f"X-Note: {KEY}", "Connection: close"))
    [entry] = stage.entries()
    assert KEY not in json.dumps(entry.record)
    assert {"authorization", "x-note"} <= set(entry.record["key_in"])
    assert ("URL" in entry.record["key_in"]) == (place in ("url", "escaped"))


def test_another_key_is_noticed(stage: Stage) -> None:
    stage.set_up(PLAIN, "sk-contract-another-one")
    raw(stage, request("GET", "/v1/credits", b"", "Connection: close"))
    assert stage.entries()[0].record["other_key"] == "...cdef"


def test_a_redirect_leads_back_to_what_was_asked(stage: Stage) -> None:
    stage.set_up(parsed("redirects:operation=submission"), KEY)
    status, headers, _ = told(raw(stage, submission("Connection: close")))
    assert status == 307
    path = headers["Location"].removeprefix(stage.url)
    assert path.endswith(CREATE)
    moved = submission("Connection: close").replace(CREATE.encode(), path.encode(), 1)
    assert told(raw(stage, moved))[0] == 200
    assert len({entry.target for entry in stage.entries()}) == 1


@pytest.mark.parametrize(
    ("behaviour", "host"),
    [
        ("submission-redirected", "127.0.0.1"),
        ("submission-redirected-elsewhere", "localhost"),
        ("fetch-redirected", "localhost"),
        ("fetch-redirected-elsewhere", "127.0.0.1"),
    ],
)
def test_a_redirect_stays_on_its_host_or_leaves_it_as_its_name_says(stage: Stage, behaviour: str, host: str) -> None:
    stage.set_up(behaviour_of(behaviour), KEY)
    path = "/media/task-unified-1757169743-7cvnl5zw/0.mp4"
    fetch = request("GET", path, b"", "Connection: close")
    _, headers, _ = told(raw(stage, fetch if behaviour.startswith("fetch") else submission("Connection: close")))
    assert headers["Location"].startswith(f"http://{host}:{port_of(stage)}/moved/")


def test_a_link_that_died_is_renewed_by_the_next_read(stage: Stage) -> None:
    task_id = submitted(stage, "link-dies:status=403,renewed=yes")
    stage.let_pass(5)
    statuses = []
    for _ in range(2):
        task = json.loads(told(raw(stage, request("GET", f"/v1/tasks/{task_id}", b"", "Connection: close")))[2])
        link = "/media" + task["results"][0].partition("/media")[2]
        statuses += [told(raw(stage, request("GET", link, b"", "Connection: close")))[0] for _ in range(2)]
    assert statuses == [403, 403, 200, 200]


def test_an_odd_id_is_known_as_a_whole_only(stage: Stage) -> None:
    whole = submitted(stage, "odd-ids")
    statuses = [
        told(raw(stage, request("GET", f"/v1/tasks/{task_id}", b"", "Connection: close")))[0]
        for task_id in (whole, whole[: -len(ID_TAIL)], whole[:-1], whole.lower())
    ]
    assert statuses == [200, 404, 404, 404]


def test_what_the_document_leaves_open_keeps_to_the_document(stage: Stage) -> None:
    behaviours = "absent-fields+new-values+odd-ids+odd-numbers+early-results+lower-case-headers+unknown-fields"
    task_id = submitted(stage, behaviours)
    assert task_id.startswith("task-unified-")
    status, headers, body = told(raw(stage, request("GET", f"/v1/tasks/{task_id}", b"", "Connection: close")))
    task = json.loads(body)
    assert (status, task["id"], task["results"]) == (200, task_id, [])
    assert "progress" not in task
    assert "x_unknown" in task
    assert all(name == name.lower() for name in headers)


def entries_of(stage: Stage) -> Run:
    return Run(PLAIN, stage.entries(), Ending(0, 1.0), STEPS.pace)


def test_a_gateway_speaks_no_json(stage: Stage) -> None:
    stage.set_up(parsed("answers:operation=query,status=502,form=html"), KEY)
    status, headers, body = told(raw(stage, request("GET", "/v1/tasks/task-unified-1-a", b"", "Connection: close")))
    assert (status, headers["Content-Type"]) == (502, "text/html")
    assert body.startswith(b"<html>")
    entry: Entry = entries_of(stage).queries[0]
    assert (entry.is_made, entry.error) == (True, {})


def test_what_is_told_of_an_error_is_what_the_document_has(stage: Stage) -> None:
    found: list[Any] = []
    for status in (401, 404, 429, 500):
        stage.set_up(parsed(f"answers:operation=query,status={status}"), KEY)
        answer = raw(stage, request("GET", "/v1/tasks/task-unified-1-a", b"", "Connection: close"))
        found.append(json.loads(told(answer)[2])["error"]["code"])
    assert found == ["unauthorized", "task_not_found", "rate_limit_exceeded", "internal_error"]


def test_a_retry_after_can_be_counted_from_the_date_of_its_answer(stage: Stage) -> None:
    stage.set_up(behaviour_of("submission-busy-until-a-date"), KEY)
    _, headers, _ = told(raw(stage, submission("Connection: close")))
    until, now = (parsedate_to_datetime(headers[name]) for name in ("Retry-After", "Date"))
    assert (until - now).total_seconds() == 3


def test_the_date_is_that_of_a_clock_that_only_the_client_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what the fake answered itself: its own clock would contradict the program's."""
    with Stage("documented", 1, STEPS, slept_s=lambda: 3600.0) as stage:
        stage.set_up(PLAIN, KEY)
        _, headers, _ = told(raw(stage, submission("Connection: close")))
    assert parsedate_to_datetime(headers["Date"]).timestamp() == pytest.approx(time.time() + 3600, abs=60)


def test_a_callback_tells_what_a_query_would(stage: Stage) -> None:
    with CallbackReceiver() as receiver:
        stage.set_up(parsed("odd-ids+unknown-fields"), KEY)
        body = json.dumps({**MINIMAL, "callback_url": f"{receiver.url}?secret=s3"}).encode()
        made = request("POST", CREATE, body, "Content-Type: application/json", "Connection: close")
        task_id = json.loads(told(raw(stage, made))[2])["id"]
        stage.let_pass(5)
        [came] = receiver.requests
    assert (came.json["id"], came.json["status"]) == (task_id, "completed")
    assert "x_unknown" in came.json
    assert [entry.record["body"]["callback_url"] for entry in stage.entries()] == [f"{receiver.url}?secret=s3"]
