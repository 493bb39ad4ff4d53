"""Trigger words: what a program that cannot call the control API writes into its prompt and its URLs."""

from typing import Any

import httpx
import pytest

from mockserver.web.api.script import EFFECT_WORDS, MEDIA_WORDS
from tests.conftest import MakeMock
from tests.documents import check, document
from tests.house import KEY, START_MS, Mock
from tests.receiver import Receiver

VIDEO = "https://example.com/street.mp4"


def record(mock: Mock) -> dict[str, Any]:
    [newest, *_] = mock.get("/_mock/tasks").json()["tasks"]
    return dict(newest)


def message(response: httpx.Response) -> str:
    assert response.status_code == 400, response.text
    return str(check(response, "createVideoGeneration")["error"]["message"])


# --- each word


@pytest.mark.parametrize("code", document("evolink")["x-evolink-failures"])
def test_fail_fails_the_task_with_this_code(mock: Mock, code: str) -> None:
    task_id = mock.task_id(prompt=f"Make it snow mock:fail={code}")
    mock.advance(5)
    assert mock.task(task_id)["error"]["code"] == code
    assert mock.book()["user"]["charged"] == 0


@pytest.mark.parametrize("seconds", ["0", "0.5", "120", "2.0"])
def test_seconds_says_how_long_the_task_works(mock: Mock, seconds: str) -> None:
    task_id = mock.task_id(prompt=f"mock:seconds={seconds}")
    assert record(mock)["ends_ms"] == START_MS + float(seconds) * 1000
    mock.advance(float(seconds))
    assert mock.task(task_id)["status"] == "completed"


def test_queue_seconds_says_how_long_it_waits_before(mock: Mock) -> None:
    task_id = mock.task_id(prompt="mock:queue_seconds=30 mock:seconds=10")
    mock.advance(29.999)
    assert mock.task(task_id)["status"] == "pending"
    mock.advance(0.001)
    assert mock.task(task_id)["status"] == "processing"
    mock.advance(10)
    assert mock.task(task_id)["status"] == "completed"


def test_answer_gives_an_error_and_reserves_nothing(mock: Mock) -> None:
    response = mock.submit(prompt="mock:answer=402 mock:answer_code=token_daily_quota_exceeded")
    assert (response.status_code, response.json()["error"]["code"]) == (402, "token_daily_quota_exceeded")
    assert mock.book()["user"]["reserved"] == 0


def test_retry_after_goes_with_an_answer(mock: Mock) -> None:
    response = mock.submit(prompt="mock:answer=429 mock:retry_after=7")
    assert (response.status_code, response.headers["retry-after"]) == (429, "7")


def test_fault_breaks_the_wire(mock: Mock) -> None:
    with pytest.raises(ConnectionResetError):
        mock.submit(prompt="mock:fault=closed_after_accept")
    assert mock.book()["user"]["reserved"] == 70_000
    assert mock.submit(prompt="mock:fault=malformed_json").content.endswith(b",")


@pytest.mark.parametrize(
    "prompt", ["A hammock:green=1", "smock:fail=service_error", "The mock: a film", "mock:fail="]
)
def test_a_trigger_word_is_a_word_of_its_own(mock: Mock, prompt: str) -> None:
    mock.task_id(prompt=prompt)
    assert "effect" not in record(mock)


def test_a_trigger_word_may_end_a_sentence(mock: Mock) -> None:
    mock.task_id(prompt="Make it snow (mock:fail=service_error). Then wait, mock:seconds=2.5.")
    assert record(mock)["effect"] == {"fail": "service_error", "seconds": 2.5}


def test_stall_seconds_holds_an_answer(mock: Mock) -> None:
    assert mock.submit(prompt="mock:fault=stalled mock:stall_seconds=0").status_code == 200


def test_link_seconds_says_how_long_results_are_there(mock: Mock) -> None:
    task_id = mock.task_id(prompt="mock:link_seconds=2")
    mock.advance(5)
    [url] = mock.task(task_id)["results"]
    assert mock.get(url, key=None).status_code == 200
    mock.advance(2)
    assert mock.get(url, key=None).status_code == 410


def test_callback_words_make_it_late_and_many(make_mock: MakeMock) -> None:
    mock = make_mock(allow_local_callbacks=True)
    with Receiver(mock) as receiver:
        mock.submit(prompt="mock:callback_copies=3 mock:callback_delay_seconds=60", callback_url=receiver.url)
        mock.advance(64.999)
        assert len(receiver.requests) == 0
        mock.advance(0.001)
        assert len(receiver.requests) == 3


@pytest.mark.parametrize(("copies", "count"), [("0", 0), ("1", 1), ("2.0", 2), ("5", 5)])
def test_copies_may_be_none_to_five(make_mock: MakeMock, copies: str, count: int) -> None:
    mock = make_mock(allow_local_callbacks=True)
    with Receiver(mock) as receiver:
        task_id = mock.task_id(prompt=f"mock:callback_copies={copies}", callback_url=receiver.url)
        mock.advance(60)
        assert (mock.task(task_id)["status"], len(receiver.requests)) == ("completed", count)


def test_every_word_of_the_table_has_a_test_here() -> None:
    tested = {"fail", "seconds", "queue_seconds", "answer", "answer_code", "retry_after", "fault", "stall_seconds"}
    assert set(EFFECT_WORDS) == tested | {"link_seconds", "callback_delay_seconds", "callback_copies"}
    assert set(MEDIA_WORDS) == {"duration_seconds", "bytes"}


# --- media


@pytest.mark.parametrize(
    ("seconds", "credits_reserved", "shown"),
    [
        ("9", 7, 9),
        ("10", 7.7778, 10),
        ("12.5", 9.7222, 13),
        ("6", 4.6667, 6),
        ("5.999", 4.6667, 6),
        ("0", 4.6667, 0),
        ("0.1", 4.6667, 0),
        ("20", 15.5556, 20),
        ("20.001", 15.5556, 20),
        ("3600", 15.5556, 3600),
        ("18.0", 14, 18),
    ],
)
def test_the_length_of_a_video_sets_its_price_within_6_and_20_s(
    mock: Mock, seconds: str, credits_reserved: float, shown: int
) -> None:
    body = mock.submit(video_urls=[f"{VIDEO}?mock:duration_seconds={seconds}"]).json()
    assert (body["usage"]["credits_reserved"], body["task_info"]["video_duration"]) == (credits_reserved, shown)
    assert mock.book()["user"]["reserved"] == round(credits_reserved * 10_000)


@pytest.mark.parametrize(
    ("field", "url", "limit"),
    [
        ("video_urls", "https://example.com/a.mp4", 104_857_600),
        ("image_urls", "https://example.com/a.png", 10_485_760),
    ],
)
def test_a_file_over_its_bound_is_refused(mock: Mock, field: str, url: str, limit: int) -> None:
    assert mock.submit(**{field: [f"{url}?mock:bytes={limit}"]}).status_code == 200
    response = mock.submit(**{field: [f"{url}?mock:bytes={limit + 1}"]})
    assert message(response) == f"{field}[0]: received a file of {limit + 1} bytes; allowed: at most {limit} bytes"


def test_a_scenario_tells_what_lies_behind_urls(mock: Mock) -> None:
    media = {
        VIDEO: {"duration_seconds": 15},
        "https://example.com/large.mp4": {"bytes": 104_857_601},
        "https://example.com/a.png": {"bytes": 10_485_761},
    }
    mock.scenario(name="media", media=media)
    assert mock.submit().json()["usage"]["credits_reserved"] == 11.6667
    assert "104857601 bytes" in message(mock.submit(video_urls=["https://example.com/large.mp4"]))
    assert "10485761 bytes" in message(mock.submit(image_urls=["https://example.com/a.png"]))
    assert mock.submit(video_urls=["https://example.com/other.mp4"]).json()["usage"]["credits_reserved"] == 7


def test_words_of_a_url_win_over_a_scenario_and_a_keys_own_over_everybodys(mock: Mock) -> None:
    mock.scenario(name="all", media={VIDEO: {"duration_seconds": 18}}, key=None)
    assert mock.submit().json()["usage"]["credits_reserved"] == 14
    url = f"{VIDEO}?mock:duration_seconds=9"
    mock.scenario(name="mine", media={VIDEO: {"duration_seconds": 9}, url: {"duration_seconds": 18}})
    assert mock.submit().json()["usage"]["credits_reserved"] == 7
    assert mock.submit(video_urls=[url]).json()["usage"]["credits_reserved"] == 7


# --- where they stand


@pytest.mark.parametrize("field", ["video_urls", "image_urls"])
def test_words_may_stand_in_media_urls(mock: Mock, field: str) -> None:
    ending = "mp4" if field == "video_urls" else "png"
    url = f"https://example.com/a.{ending}?mock:fail=unknown_error&mock:seconds=1"
    task_id = mock.task_id(**{field: [url]})
    mock.advance(1)
    assert mock.task(task_id)["error"]["code"] == "unknown_error"


def test_words_win_over_a_scenario_which_fills_in_the_rest(mock: Mock) -> None:
    mock.scenario({"then": {"fail": "service_error", "seconds": 60}})
    task_id = mock.task_id(prompt="mock:seconds=1")
    mock.advance(1)
    assert mock.task(task_id)["error"]["code"] == "service_error"


@pytest.mark.parametrize(
    "prompt", ["mock", "mock: snow", "a mock:up of a house", "hammock:fail", "mock:", "mock:fail", "mock:fail = x"]
)
def test_what_only_looks_like_a_word_is_text(mock: Mock, prompt: str) -> None:
    assert mock.submit(prompt=prompt).status_code == 200


# --- words that mean nothing


def test_an_unknown_word_is_refused_with_the_list(mock: Mock) -> None:
    before = mock.book()
    words = ", ".join(f"mock:{word}" for word in EFFECT_WORDS)
    assert message(mock.submit(prompt="mock:explode=1")) == (
        f"prompt: received the trigger word mock:explode; allowed: {words}"
    )
    told = message(mock.submit(video_urls=[f"{VIDEO}?mock:lenght=5"]))
    assert told.startswith("url: received the trigger word mock:lenght; allowed: ")
    assert told.endswith(", mock:duration_seconds, mock:bytes")
    assert message(mock.submit(prompt="mock:duration_seconds=5")).endswith("mock:callback_copies")
    assert mock.book() == before


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("mock:fail=bad_luck", 'mock:fail: received "bad_luck"; allowed: content_policy_violation, '),
        ("mock:fail=5", "mock:fail: received integer 5; allowed: string"),
        ("mock:seconds=long", 'mock:seconds: received string "long"; allowed: number'),
        ("mock:seconds=-1", "mock:seconds: received -1; allowed: at least 0"),
        ("mock:seconds=1e3", 'mock:seconds: received string "1e3"; allowed: number'),
        ("mock:answer=418", 'mock:answer: received {"status":418}; allowed: '),
        ("mock:answer=200", "mock:answer.status: received 200; allowed: at least 400"),
        ("mock:answer_code=unauthorized", "mock:answer.status: received nothing"),
        ("mock:retry_after=5", "mock:answer.status: received nothing"),
        ("mock:fault=meteor", 'mock:fault: received "meteor"; allowed: '),
        ("mock:callback_copies=6", "mock:callback.copies: received 6; allowed: at most 5"),
        ("mock:callback_copies=1.5", "mock:callback.copies: received number 1.5; allowed: integer"),
    ],
)
def test_a_value_that_means_nothing_is_refused(mock: Mock, prompt: str, told: str) -> None:
    assert message(mock.submit(prompt=prompt)).startswith(told)
    assert mock.get("/_mock/tasks", params={"key": KEY}).json()["total"] == 0


@pytest.mark.parametrize("value", ["-1", "long", "1e3", "9999999999999"])
@pytest.mark.parametrize("word", MEDIA_WORDS)
def test_a_number_of_a_medium_that_is_none_is_refused(mock: Mock, word: str, value: str) -> None:
    told = message(mock.submit(video_urls=[f"{VIDEO}?mock:{word}={value}"]))
    assert told.startswith(f"mock:{word}: received ")
    assert told.endswith("allowed: a number, not negative")
