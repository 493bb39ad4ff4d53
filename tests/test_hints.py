"""Hints: each kind is given to whoever asks for it, once; and a correct client hears none."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from mockserver.simulation.clock import Mode
from mockserver.web.api.identity import tenant_of
from mockserver.web.hints.hint import Kind
from mockserver.web.hints.submissions import known_models
from tests.conftest import MakeMock
from tests.documents import check, check_schema, document, schema
from tests.house import CREATE, KEY, MINIMAL, MODEL, OTHER_KEY, Mock
from tests.listener import Listener
from tests.mounted import INVENTED
from tests.receiver import Receiver

UNMOUNTED = "sora-2-preview"
DEAD = "http://127.0.0.1:9/hook"


def hints(mock: Mock, key: str | None = KEY) -> list[dict[str, Any]]:
    params = {} if key is None else {"key": key}
    return list(check(mock.get("/_mock/hints", key=None, params=params), "listHints", "control")["hints"])


def kinds(mock: Mock, key: str | None = KEY) -> list[str]:
    return [one["kind"] for one in hints(mock, key)]


class Ticking:
    """A mock on a real clock that the test moves, together with the machine's monotonic one."""

    def __init__(self, mock: Mock) -> None:
        self.mock, self._now_ms = mock, mock.app.node.clock.ticks()
        mock.app.node.clock.ticks = lambda: self._now_ms

    def wait(self, seconds: float) -> None:
        self._now_ms += seconds * 1000


@pytest.fixture
def ticking(make_mock: MakeMock) -> Ticking:
    return Ticking(make_mock(clock=Mode.REAL, allow_local_callbacks=True, task_seconds=60))


# --- each kind, provoked


def unknown_field(ticking: Ticking) -> None:
    ticking.mock.submit(keepOriginalSound=True)


def fast_polling(ticking: Ticking) -> None:
    task_id = ticking.mock.task_id()
    for _ in range(5):
        ticking.wait(0.4)
        ticking.mock.task(task_id)


def polling_after_end(ticking: Ticking) -> None:
    task_id = ticking.mock.task_id()
    ticking.wait(100)
    for _ in range(5):
        ticking.mock.task(task_id)
        ticking.wait(5)


def repeated_submission(ticking: Ticking) -> None:
    ticking.mock.submit()
    ticking.wait(1.5)
    ticking.mock.submit()


def ignored_retry_after(ticking: Ticking) -> None:
    ticking.mock.scenario({"times": 1, "then": {"answer": {"status": 429, "retry_after": 3}}})
    assert ticking.mock.submit().status_code == 429
    ticking.wait(1)
    ticking.mock.submit()


def unfetched_result(ticking: Ticking) -> None:
    ticking.mock.task_id()
    ticking.wait(80)
    ticking.mock.get("/v1/credits")
    ticking.wait(23 * 3600)
    ticking.mock.get("/v1/credits")
    ticking.mock.app.adviser.look_around()  # type: ignore[union-attr]


def unanswered_callback(ticking: Ticking) -> None:
    ticking.mock.put("/_mock/clock", {"mode": "manual"})
    ticking.mock.submit(callback_url=DEAD)
    ticking.mock.advance(100)


def key_in_url(ticking: Ticking) -> None:
    ticking.mock.submit(callback_url=f"https://client.example/hook?secret={KEY}")


def local_callback(mock: Mock) -> None:
    assert mock.submit(callback_url="http://localhost:3000/hook").status_code == 400


def unmounted_model(mock: Mock) -> None:
    assert mock.submit(model=UNMOUNTED).status_code == 400


PROVOKED: list[tuple[Callable[[Ticking], None], str]] = [
    (unknown_field, "keepOriginalSound: no document names this field, so it does nothing; keep_original_sound was"),
    (fast_polling, "one task is asked for every 0.4 s; the documentation's examples wait 3 s or longer"),
    (polling_after_end, "has ended, and its end was read 4 times; completed and failed are final"),
    (repeated_submission, "came again after 1.5 s without Idempotency-Key, so it is paid twice"),
    (ignored_retry_after, "came again after 1 s, though Retry-After asked for 3 s"),
    (unfetched_result, "expires in 59.7 min and nobody has fetched it; links live for 24 h"),
    (unanswered_callback, "with 2xx in 4 attempts (last: connection refused)"),
    (key_in_url, "callback_url hands the API key on to whoever serves that URL"),
]
REFUSED: list[tuple[Callable[[Mock], None], str]] = [
    (local_callback, "callback_url leads to this machine or its network, which the real API refuses, too"),
    (unmounted_model, f"{UNMOUNTED} is documented for /v1/videos/generations, but its document is not mounted"),
]


@pytest.mark.parametrize(("provoke", "words"), PROVOKED, ids=lambda one: getattr(one, "__name__", ""))
def test_a_kind_of_hint(ticking: Ticking, provoke: Callable[[Ticking], None], words: str) -> None:
    provoke(ticking)
    given = hints(ticking.mock)
    assert [one["kind"] for one in given] == [provoke.__name__]
    assert words in given[0]["text"]
    provoke(ticking)
    assert kinds(ticking.mock).count(provoke.__name__) == 1


@pytest.mark.parametrize(("provoke", "words"), REFUSED, ids=lambda one: getattr(one, "__name__", ""))
def test_a_kind_of_hint_to_the_refused(mock: Mock, provoke: Callable[[Mock], None], words: str) -> None:
    provoke(mock)
    provoke(mock)
    [given] = hints(mock)
    assert given["kind"] == provoke.__name__
    assert words in given["text"]


def test_each_unknown_field_is_told_of_once_the_likely_slip_first(mock: Mock) -> None:
    mock.submit(seed=1, size="4k", callbackUrl="https://client.example/hook")
    mock.submit(prompt="another", seed=1, Image_URLs=[])
    mock.submit(prompt="a third", seed=2, size="2k")
    assert [one["text"].partition("; known here are")[0] for one in hints(mock)] == [
        "callbackUrl: no document names this field, so it does nothing; callback_url was probably meant; "
        "seed, size: no document names these fields, so they do nothing",
        "Image_URLs: no document names this field, so it does nothing; image_urls was probably meant",
    ]


def test_of_fields_without_end_a_few_are_told(mock: Mock) -> None:
    for number in range(100):
        mock.submit(prompt=f"{number}", **{f"field{number}-{one}": 1 for one in range(50)})
    assert len(hints(mock)) == 1


def test_a_model_of_a_path_that_is_not_served_at_all(mock: Mock) -> None:
    asked = {"model": "gpt-image-2", "prompt": "Snow"}
    assert mock.post("/v1/images/elsewhere", asked).status_code == 404
    assert mock.post("/v1/images/generations", asked).status_code == 404
    [given] = hints(mock, None)
    assert given["text"].startswith("gpt-image-2 is documented for /v1/images/generations, but its document is not")


def test_every_kind_is_provoked() -> None:
    assert {one.__name__ for one, _ in (*PROVOKED, *REFUSED)} == set(Kind)


# --- whoever does it right hears nothing


def correct(ticking: Ticking, receiver: Receiver) -> None:
    """As the documentation says: a callback, a poll now and then, patience after a refusal, the result fetched."""
    mock = ticking.mock
    mock.scenario({"times": 1, "then": {"answer": {"status": 429, "retry_after": 3}}})
    for number in range(3):
        headers = {"idempotency-key": f"order-0123456789-{number}"}
        for wait_s in (3, 2, 2):  # the first is refused; then a repeat after a lost answer, say
            answer = mock.submit(headers=headers, callback_url=f"{receiver.url}?secret=of-mine")
            ticking.wait(wait_s)
        assert answer.status_code == 200, answer.text
        task_id = answer.json()["id"]
        while (task := mock.task(task_id))["status"] not in ("completed", "failed"):
            ticking.wait(3)
        mock.task(task_id)
        assert mock.get(httpx.URL(task["results"][0]).path, key=None).status_code == 200
    ticking.wait(24 * 3600 - 60)
    mock.get("/v1/credits")
    mock.app.adviser.look_around()  # type: ignore[union-attr]


def test_a_correct_client_gets_no_hint(ticking: Ticking) -> None:
    with Receiver(ticking.mock) as receiver:
        correct(ticking, receiver)
    assert hints(ticking.mock) == []


@pytest.mark.parametrize("pause_s", [1, 3, 8])
def test_polls_that_take_their_time(ticking: Ticking, pause_s: float) -> None:
    task_id = ticking.mock.task_id()
    for _ in range(20):
        ticking.wait(pause_s)
        if ticking.mock.task(task_id)["status"] == "completed":
            break
    assert kinds(ticking.mock) == []


def test_on_a_clock_that_somebody_moves_nobody_is_too_fast(mock: Mock) -> None:
    mock.scenario({"times": 1, "then": {"answer": {"status": 429, "retry_after": 3}}})
    assert mock.submit().status_code == 429
    task_id = mock.task_id()
    for _ in range(20):
        mock.task(task_id)
    assert kinds(mock) == []


def test_two_wishes_are_no_repeat(ticking: Ticking) -> None:
    ticking.mock.submit(prompt="One")
    ticking.mock.submit(prompt="Two")
    ticking.wait(300)
    ticking.mock.submit(prompt="One")
    assert kinds(ticking.mock) == []


def test_a_known_field_of_a_mounted_document_is_known(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED,))
    for model in mock.get("/").json()["models"]:
        for example in mock.app.registry.of_model(model).examples.values():  # type: ignore[union-attr]
            mock.post(mock.app.registry.of_model(model).path, {**example, "model": model})  # type: ignore[union-attr]
    assert "unknown_field" not in kinds(mock)


def test_a_model_that_is_served_elsewhere_is_mounted_and_its_fields_are_known(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED,))
    answer = mock.post("/v1/images/generations", MINIMAL)
    assert answer.status_code == 400
    assert f"{MODEL} at POST {CREATE}" in answer.json()["error"]["message"]
    assert kinds(mock) == []


# --- where hints go


def test_a_hint_rides_on_its_answer_and_stands_in_the_journal(mock: Mock) -> None:
    answer = mock.submit(promt="x")
    assert answer.headers["x-mock-hint"].startswith("unknown_field: promt: no document names this field")
    [hint] = hints(mock)
    [entry] = mock.get("/_mock/requests").json()["requests"]
    assert hint["request"] == entry["sequence"]
    assert entry["hints"] == [{"kind": hint["kind"], "text": hint["text"]}]
    assert hint["tenant"] == entry["tenant"] == tenant_of(KEY)
    assert "x-mock-hint" not in mock.submit(promt="y").headers


@pytest.mark.parametrize("stream", ["/_mock/events", "/_mock/events?pulse=true", f"/_mock/events?key={KEY}"])
def test_a_hint_is_told_where_events_are(mock: Mock, stream: str) -> None:
    with Listener(mock, stream) as listener:
        mock.submit(promt="x", key=OTHER_KEY)
        mock.submit(promt="x")
        mine: list[dict[str, Any]] = []
        for count in range(1, 20):
            mine = [one for one in listener.events(count) if "kind" in one and one["tenant"] == tenant_of(KEY)]
            if mine:
                break
    assert mine == hints(mock)
    check_schema(mine, {"type": "array", "items": schema("control", "Event")}, "control")


def test_each_key_is_told(mock: Mock) -> None:
    for key in (KEY, OTHER_KEY):
        mock.submit(promt="x", key=key)
    assert kinds(mock, KEY) == kinds(mock, OTHER_KEY) == ["unknown_field"]
    assert len(kinds(mock, None)) == 2


def test_a_key_in_the_query_is_told_though_nobody_is_known(mock: Mock) -> None:
    answer = mock.get("/v1/credits", key=None, params={"api_key": KEY})
    assert answer.status_code == 401
    assert "api_key=" in answer.headers["x-mock-hint"]
    assert KEY not in answer.headers["x-mock-hint"] + json.dumps(hints(mock, None))


@pytest.mark.parametrize("asks", ["/v1/credits", "/_mock/hints", f"/_mock/ledger?key={KEY}"])
def test_what_comes_up_later_rides_on_the_next_answer(ticking: Ticking, asks: str) -> None:
    unfetched_result(ticking)
    other = ticking.mock.get("/v1/credits", key=OTHER_KEY), ticking.mock.get(f"/_mock/ledger?key={OTHER_KEY}")
    assert not [one for one in other if "x-mock-hint" in one.headers]
    first, then = (ticking.mock.get(asks, headers={"authorization": f"Bearer {KEY}"}) for _ in range(2))
    assert first.headers["x-mock-hint"].startswith("unfetched_result: ")
    assert "x-mock-hint" not in then.headers


def test_advancing_the_clock_tells_what_came_of_it(local: Mock) -> None:
    local.submit(callback_url=DEAD)
    assert local.post(f"/_mock/clock/advance?key={KEY}", {"ms": 100_000}).headers["x-mock-hint"]


def test_reset_makes_it_new(mock: Mock) -> None:
    mock.submit(promt="x")
    mock.submit(promt="x", key=OTHER_KEY)
    mock.post("/_mock/reset", {"key": KEY})
    assert (kinds(mock, KEY), kinds(mock, OTHER_KEY)) == ([], ["unknown_field"])
    assert "x-mock-hint" in mock.submit(promt="x").headers
    mock.post("/_mock/reset", {})
    assert kinds(mock, None) == []


def test_without_hints_nothing_is_said(make_mock: MakeMock) -> None:
    mock = make_mock(hints=False)
    assert "x-mock-hint" not in mock.submit(promt="x").headers
    assert hints(mock, None) == []


def test_a_header_is_one_line_of_ascii(mock: Mock) -> None:
    name = "a\r\nSet-Cookie: x=1\x1b[31mé\x9b" + "x" * 10_000
    header = mock.submit(**{name: 1}).headers["x-mock-hint"]
    assert header.isascii()
    assert header.isprintable()
    assert len(header) <= 500
    assert hints(mock)[0]["text"].isprintable()


def test_a_rule_that_is_broken_breaks_no_answer(mock: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mockserver.web.hints.adviser._OF_REFUSED", (broken,))
    assert mock.submit(promt="x", prompt=None).status_code == 400


def test_the_guide_and_the_control_document_name_every_kind() -> None:
    page = (Path(__file__).parent.parent / "docs" / "seeing.md").read_text()
    assert re.findall(r"^\| `(\w+_\w+)` \|", page, re.MULTILINE) == list(Kind)
    assert document("control")["components"]["schemas"]["HintKind"]["enum"] == list(Kind)


def test_the_known_models_are_written_down() -> None:
    assert len(known_models()) > 40
    assert all(path.startswith("/v1/") for path in known_models().values())
