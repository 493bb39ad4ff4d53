"""What a server says is read in one place: any JSON at all, and no reader fails; callbacks are known wherever they
arrive."""

import http.client
import json
import time
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract_tests.check import Layer, checks
from contract_tests.contract.contract import built_in
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.server.probes.auditor import Auditor, Seen
from contract_tests.server.sending import Sending
from contract_tests.server.talk import reading
from contract_tests.server.talk.address import AddressError, callback_address, server_address
from contract_tests.server.talk.budget import Budget
from contract_tests.server.talk.listener import Listener
from contract_tests.server.talk.target import Settings, Target

_NAMES = ("id", "status", "progress", "results", "error", "code", "type", "usage", "credits_reserved", "data", "user")
_WORDS = ("pending", "completed", "failed", "task-unified-1-a", "task_error", "")
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(_WORDS)
ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=6),
    max_leaves=12,
)


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_no_reader_fails(value: Any) -> None:
    assert isinstance(reading.fields(value), dict)
    assert isinstance(reading.listed(value), list)
    assert isinstance(reading.shown(value), str)
    assert all(isinstance(link, str) for link in reading.links(value))
    assert reading.amount_uc(value) is None or not isinstance(value, bool)
    reading.balance(value)
    reading.at(value, "data", "user")
    for role, status in (("create_task", 200), ("get_task", 404), ("get_credits", 200)):
        known = built_in().promised(built_in().needed(role), status)
        assert known is not None
        known.absent(value)
        known.wrong_types(value)


@given(st.lists(st.tuples(st.sampled_from("sqb"), ANYTHING), max_size=6))
@settings(max_examples=200, deadline=None)
def test_an_auditor_takes_anything(said: list[tuple[str, Any]]) -> None:
    auditor = Auditor(Judge(checks(*Layer)), built_in())
    auditor.submitted({"status": "pending", "progress": 0, "model": built_in().model}, "task-unified-1-a")
    for kind, body in said:
        try:
            if kind == "s":
                auditor.submitted(body, "task-unified-1-b")
            elif kind == "q":
                auditor.queried(body, "task-unified-1-a")
            else:
                auditor.balanced(body)
        except BrokenPromiseError as broken:
            assert broken.received  # noqa: PT017


@pytest.mark.parametrize(
    ("completed", "remaining", "owner"),
    [
        (2, -7, "BILLING-COMPLETION-RELEASES-NOTHING"),
        (2, 0, "BILLING-RELEASED-ON-FAILURE"),
        (1, 0, "BILLING-RELEASED-ON-FAILURE"),
        (2, 21, "BILLING-COMPLETION-RELEASES-NOTHING"),
    ],
    ids=["taken twice", "not given back", "either", "given back for all"],
)
def test_a_difference_is_owned_by_what_explains_it(completed: int, remaining: int, owner: str) -> None:
    """Some tasks of 7 credits completed and one failed between two looks at the credits: 7 should have come back."""
    auditor = Auditor(Judge(checks(*Layer)), built_in())
    told: dict[str, Any] = {"remaining_credits": 100, "used_credits": 0}
    auditor.balanced({"data": {"user": told, "token": told}})
    seen = [Seen(f"task-unified-1-{number}", {}, 70_000) for number in range(completed + 1)]
    auditor.changes.completed, auditor.changes.failed = seen[1:], seen[:1]
    told = {"remaining_credits": 100 + remaining, "used_credits": 7 * completed}
    with pytest.raises(BrokenPromiseError) as broken:
        auditor.balanced({"data": {"user": told, "token": told}})
    assert broken.value.check_id == owner


def test_what_a_reservation_adds_to_the_used_credits_is_said_so_and_is_why_the_rest_is_not_judged() -> None:
    judge = Judge(checks(*Layer))
    judge.hear = judge.found
    auditor = Auditor(judge, built_in())
    for used in (0, 7, 7):
        told = {"remaining_credits": 100 - used, "used_credits": used}
        auditor.balanced({"data": {"user": told, "token": told}})
        if not used:
            auditor.changes.submitted = [Seen("task-unified-1-a", {}, 70_000)]
    results = {one.check.id: one for one in judge.results()}
    still, failed = results["BILLING-STANDS-STILL"], results["BILLING-FAILURE-NOT-CHARGED"]
    assert still.finding is not None
    assert "used credits only when it ends" in still.check.promise
    assert still.finding.received == "used_credits moved by 7"
    assert failed.reason.startswith("BILLING-STANDS-STILL is broken")


@pytest.mark.parametrize("text", ["", "{", "NaN", "1e999", "[" * 100_000, "[" * 65 + "]" * 65, '"\\ud800'])
def test_what_is_no_json_is_none(text: str) -> None:
    assert reading.parsed(text) == (None, False)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("0", 0.0), (" 30 ", 30.0), ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0), ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0)]
    + [(wrong, None) for wrong in (None, "", "soon", "-1", "1.5", "٣", "Fri, 32 Nov 99999 99:99:99 GMT", "0x10")],
)
def test_retry_after(told: str | None, seconds: float | None) -> None:
    assert reading.seconds_told(told, 60.0) == seconds


def test_what_examples_show_is_expected() -> None:
    known = built_in().promised(built_in().needed("get_credits"), 200)
    assert known is not None
    assert set(known.absent({"data": {"user": {}}})) == {
        "data.token",
        "data.user.remaining_credits",
        "data.user.used_credits",
        "message",
        "success",
    }
    assert built_in().meant("GET", "/v1/tasks/anything") == built_in().query


# --- addresses


@pytest.mark.parametrize(
    "given_address", ["http://127.0.0.1:8787", "https://api.evolink.ai/", "http://[::1]:1/base/path", "http://h/v10"]
)
def test_an_address_is_kept(given_address: str) -> None:
    assert server_address(given_address) == given_address.rstrip("/")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("http://h/v1", "what stands before /v1, here http://h"),
        ("http://h/base/v1/credits", "here http://h/base"),
        ("http://h/_mock/health", "here http://h"),
        ("https://sk-secret:pass@h", "credentials in https://h"),
        ("http://h:99999", "Port out of range"),
        ("http://h?key=sk-secret", "a query or fragment"),
        ("http://[::1", "an http or https address"),
        ("h:8787", "an http or https address"),
        ("http://", "an http or https address"),
    ],
)
def test_a_wrong_address_is_told(wrong: str, told: str) -> None:
    with pytest.raises(AddressError) as caught:
        server_address(wrong)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_callback_address_may_have_a_path() -> None:
    assert callback_address("https://tunnel.example/a/") == "https://tunnel.example/a"
    with pytest.raises(AddressError, match="--callback-url"):
        callback_address("tunnel.example")


# --- callbacks


def post(listener: Listener, target: str, body: bytes, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(listener.url).port or 0, timeout=5)
    connection.request("POST", target, body=body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def of_task(task_id: str) -> bytes:
    return json.dumps({"id": task_id}).encode()


def test_a_callback_is_known_wherever_it_arrives() -> None:
    with Listener(time.time) as listener:
        box, other = listener.box(503), listener.box()
        listener.expect(box, "task-1")
        listener.expect(other, "task-2")
        name = box.targets[0].split("/")[1]
        assert post(listener, box.targets[0], b"{}") == 503
        assert post(listener, f"/elsewhere?box={name.upper()}", b"not json") == 200
        assert post(listener, "/", of_task("task-1")) == 200
        assert post(listener, "/", of_task("task-9")) == 404
        assert [one.target in box.targets for one in box.deliveries] == [True, False, False]
        assert (other.deliveries, len(listener.strays)) == ([], 1)


def test_a_callback_that_comes_before_its_task_is_known_is_found_later() -> None:
    with Listener(time.time) as listener:
        box = listener.box()
        assert post(listener, "/lost", of_task("task-1")) == 404
        listener.expect(box, "task-1")
        assert [one.target for one in box.deliveries] == ["/lost"]
        assert not listener.strays


@pytest.mark.parametrize("length", ["x", "-1", "1.5"])
def test_a_length_that_is_none_is_no_body(length: str) -> None:
    with Listener(time.time) as listener:
        box = listener.box()
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(listener.url).port or 0, timeout=5)
        connection.putrequest("POST", box.targets[0])
        connection.putheader("content-length", length)
        connection.endheaders()
        assert connection.getresponse().status == 200
        assert box.deliveries[0].body == b""


def test_a_body_in_chunks_is_read() -> None:
    with Listener(time.time) as listener:
        box = listener.box()
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(listener.url).port or 0, timeout=5)
        connection.request("POST", box.targets[0], body=iter([b'{"id": ', b'"task-1"}']), encode_chunked=True)
        assert connection.getresponse().status == 200
        assert box.deliveries[0].body == b'{"id": "task-1"}'


def test_our_own_address_leads_here_and_another_does_not() -> None:
    with Listener(time.time) as listener:
        assert listener.is_led_here(2)
        assert not listener.strays
        listener.url = "http://127.0.0.1:9"
        assert not listener.is_led_here(2)


@pytest.mark.parametrize("body", [b"\x00", b"{", object(), 7, [], {"model": 1}])
def test_a_drawn_body_of_any_kind_is_sent_without_a_wrong_key_beside_it(body: Any) -> None:
    target = Target(Settings(url="http://127.0.0.1:1"), Judge(checks(*Layer)), Budget())
    drawn = SimpleNamespace(body=body, headers={"Idempotency-Key": "short"})
    Sending(target, "sk-any", is_paid=False)._make_wrong_once(drawn)  # type: ignore[arg-type]
    target.close()
    assert not drawn.headers
