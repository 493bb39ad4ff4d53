"""The document drives: what is changed in it changes the server, and what means nothing in it is refused at load."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract.document.document import DocumentError
from tests.conftest import MakeMock
from tests.documents import OPENAPI
from tests.house import KEY, MODEL, START_MS, Mock
from tests.receiver import Receiver

SOURCE = (OPENAPI / "evolink.yaml").read_text()
FAILURES_PLACE = "evolink.yaml#/x-evolink-failures"
GET_PLACE = "evolink.yaml#/paths/~1v1~1tasks~1{task_id}/get"
CREATE_PLACE = "evolink.yaml#/paths/~1v1~1videos~1generations/post"

Edited = Callable[..., Mock]


@pytest.fixture
def edited(make_mock: MakeMock, tmp_path: Path) -> Edited:
    """Makes a mock whose document has each first text replaced by the second, in the one place where it stands."""

    def make(*changes: tuple[str, str], **options: Any) -> Mock:
        text = SOURCE
        for before, after in changes:
            assert text.count(before) == 1, f"{before!r} stands there {text.count(before)} times"
            text = text.replace(before, after)
        path = tmp_path / "evolink.yaml"
        path.write_text(text)
        return make_mock(document=path, **options)

    return make


def told(mock: Mock, **fields: Any) -> str:
    response = mock.submit(**fields)
    assert response.status_code == 400, response.text
    return str(response.json()["error"]["message"])


def after(mark: str, before: str, changed: str) -> tuple[str, str]:
    """A change of `before`, told by the line that stands somewhere above it."""
    begin = SOURCE.index(mark)
    piece = SOURCE[begin : SOURCE.index(before, begin) + len(before)]
    return piece, piece.removesuffix(before) + changed


# --- what a request may be


@pytest.mark.parametrize(("limit", "length"), [(10, 11), (6000, 6001)])
def test_the_longest_prompt(edited: Edited, limit: int, length: int) -> None:
    mock = edited(("maxLength: 5000", f"maxLength: {limit}"))
    assert mock.submit(prompt="x" * limit).status_code == 200
    assert f"at most {limit} characters" in told(mock, prompt="x" * length)


def test_how_many_videos(edited: Edited) -> None:
    mock = edited(("          maxItems: 1\n", "          maxItems: 2\n"))
    urls = [f"https://example.com/{name}.mp4?mock:duration_seconds=6" for name in "abc"]
    body = mock.submit(video_urls=urls[:2]).json()
    assert (body["task_info"]["video_duration"], body["usage"]["credits_reserved"]) == (12, 9.3333)
    assert "at most 2 items" in told(mock, video_urls=urls)


def test_which_endings(edited: Edited) -> None:
    mock = edited(("allowed: [.mp4, .mov]", "allowed: [.avi]"))
    assert mock.submit(video_urls=["https://example.com/a.avi"]).status_code == 200
    assert "allowed: .avi" in told(mock)


def test_how_large_a_file(edited: Edited) -> None:
    mock = edited(("bytes: 104857600", "bytes: 99"))
    assert "at most 99 bytes" in told(mock, video_urls=["https://example.com/a.mp4?mock:bytes=100"])


def test_which_fields_are_required(edited: Edited) -> None:
    mock = edited(("required: [model, prompt, video_urls]", "required: [model, prompt, video_urls, image_urls]"))
    assert told(mock).startswith("image_urls: received nothing")


def test_what_an_idempotency_key_looks_like(edited: Edited) -> None:
    mock = edited(("pattern: ^[A-Za-z0-9._-]{16,96}$", "pattern: ^[0-9]+$"))
    assert mock.submit(headers={"idempotency-key": "5"}).status_code == 200
    assert mock.submit(headers={"idempotency-key": "x" * 16}).status_code == 400


def test_which_models_there_are(edited: Edited) -> None:
    mock = edited(("enum: [kling-o1-video-edit-fast]", "enum: [kling-o1-video-edit-fast, another-model]"))
    assert mock.get("/_mock/health").json()["models"] == ["another-model", MODEL]
    assert mock.submit(model="another-model").json()["model"] == "another-model"
    assert mock.submit().json()["model"] == MODEL
    assert "another-model" in told(mock, model="another-modell")


def test_where_an_operation_is(edited: Edited) -> None:
    mock = edited(("  /v1/credits:\n", "  /v2/balance:\n"))
    assert (mock.get("/v2/balance").status_code, mock.get("/v1/credits").status_code) == (200, 404)


# --- what a task is and costs


@pytest.mark.parametrize(
    ("price", "length", "expected"), [('"7/9"', 9, 7), ('"2"', 9, 18), ('"1/3"', 10, 3.3333), ('"2/3"', 10, 6.6667)]
)
def test_the_price(edited: Edited, price: str, length: int, expected: float) -> None:
    mock = edited(('credits_per_second: "7/9"', f"credits_per_second: {price}"))
    body = mock.submit(video_urls=[f"https://example.com/a.mp4?mock:duration_seconds={length}"]).json()
    assert body["usage"]["credits_reserved"] == expected
    mock.advance(5)
    assert mock.book()["user"]["charged"] == round(expected * 10_000)


def test_the_bounds_of_the_billable_length(edited: Edited) -> None:
    mock = edited(
        after("7/9", "minimum_seconds: 6", "minimum_seconds: 18"), ("maximum_seconds: 20", "maximum_seconds: 27")
    )
    prices = [
        mock.submit(video_urls=[f"https://example.com/a.mp4?mock:duration_seconds={length}"]).json()["usage"]
        for length in (1, 18, 27, 90)
    ]
    assert [price["credits_reserved"] for price in prices] == [14, 14, 21, 21]


def test_the_billing_rule(edited: Edited) -> None:
    mock = edited(("billing_rule: per_call\n          credits", "billing_rule: per_token\n          credits"))
    assert mock.submit().json()["usage"]["billing_rule"] == "per_token"


def test_the_length_where_nothing_says_it(edited: Edited) -> None:
    mock = edited(("default_seconds: 9", "default_seconds: 18"))
    body = mock.submit().json()
    assert (body["task_info"]["video_duration"], body["usage"]["credits_reserved"]) == (18, 14)


@pytest.mark.parametrize("realistic", [True, False])
def test_the_estimated_time(edited: Edited, realistic: bool) -> None:
    mock = edited(("estimated_seconds: 300", "estimated_seconds: 40"), task_seconds=None if realistic else 5)
    response = mock.submit().json()
    assert response["task_info"]["estimated_time"] == 40
    mock.advance(39.999 if realistic else 4.999)
    assert mock.task(response["id"])["status"] == "processing"
    mock.advance(0.001)
    assert mock.task(response["id"])["status"] == "completed"


def test_how_long_a_task_waits(edited: Edited) -> None:
    mock = edited(("share: [0.05, 0.2]", "share: [0.5, 0.5]"))
    mock.task_id()
    [task] = mock.get("/_mock/tasks").json()["tasks"]
    assert task["starts_ms"] - START_MS == 2500


def test_how_many_results_of_which_kind_for_how_long(edited: Edited) -> None:
    mock = edited(
        ("        count: 1\n        sample: video.mp4", "        count: 3\n        sample: image.png"),
        ("valid_seconds: 86400", "valid_seconds: 60"),
    )
    task_id = mock.task_id()
    mock.advance(5)
    links = mock.task(task_id)["results"]
    assert [link.rpartition("/")[2] for link in links] == ["0.png", "1.png", "2.png"]
    assert mock.get(links[2]).headers["content-type"] == "image/png"
    mock.advance(60)
    assert mock.get(links[2]).status_code == 410


def test_the_rate_limit(edited: Edited) -> None:
    mock = edited(("window_seconds: 60\n        requests: null", "window_seconds: 10\n        requests: 1"))
    assert mock.submit().status_code == 200
    response = mock.submit()
    assert (response.status_code, response.headers["retry-after"]) == (429, "10")
    mock.advance(10)
    assert mock.submit().status_code == 200


def test_how_long_an_idempotency_key_is_remembered(edited: Edited) -> None:
    mock = edited(("window_seconds: 86400", "window_seconds: 60"))
    headers = {"idempotency-key": "invoice-2025-09-06.0001"}
    first = mock.task_id(headers=headers)
    mock.advance(59)
    assert mock.task_id(headers=headers) == first
    mock.advance(1)
    assert mock.task_id(headers=headers) != first


def test_the_order_and_the_names_of_fields(edited: Edited) -> None:
    field = "        model_note:\n          type: string\n          const: made here\n"
    head = "      description: A task just accepted\n      properties:\n"
    mock = edited((head, head + field))
    assert next(iter(mock.submit().json().items())) == ("model_note", "made here")


# --- callbacks


def test_the_retries_of_a_callback(edited: Edited) -> None:
    mock = edited(("retry_delays_seconds: [1, 2, 4]", "retry_delays_seconds: [10]"), allow_local_callbacks=True)
    with Receiver(mock, 500, 500) as receiver:
        mock.task_id(callback_url=receiver.url)
        mock.advance(60)
    [delivery] = mock.get("/_mock/callbacks").json()["callbacks"]
    assert [attempt["at_ms"] - START_MS for attempt in delivery["attempts"]] == [5000, 15_000]
    assert delivery["state"] == "given_up"


# --- errors


def test_the_words_and_the_names_of_an_error(edited: Edited) -> None:
    mock = edited(
        ("message: There is no task with this id", "message: Nobody knows it"),
        ("code: task_not_found", "code: gone"),
    )
    error = mock.get("/v1/tasks/task-unified-1-unknown1").json()["error"]
    assert (error["message"], error["code"]) == ("Nobody knows it", "gone")


def test_the_template_of_a_message(edited: Edited) -> None:
    template = 'x-evolink-message: "{field}: received {received}; allowed: {allowed}"'
    mock = edited((template, 'x-evolink-message: "100% wrong: {field} {{}} {unknown}"'))
    assert told(mock, prompt=5) == "100% wrong: prompt {} (unknown)"


def test_the_status_of_an_answer_that_belongs_to_no_operation(edited: Edited) -> None:
    mock = edited(after("unknown_path:", "status: 404", "status: 421"))
    assert mock.get("/v1/nothing").status_code == 421


def test_why_a_task_can_fail(edited: Edited) -> None:
    mock = edited(
        ("  unknown_error:\n", "  struck_by_lightning:\n"),
        ("message: The task failed for a reason that is not known", "message: 'Bang: 100%'"),
    )
    task_id = mock.task_id(prompt="mock:fail=struck_by_lightning")
    mock.advance(5)
    assert mock.task(task_id)["error"] == {
        "code": "struck_by_lightning",
        "message": "Bang: 100%",
        "type": "task_error",
    }
    assert "struck_by_lightning" in told(mock, prompt="mock:fail=unknown_error")


def test_a_cancelled_task_reads_as_cancelled_where_the_document_knows_that(edited: Edited) -> None:
    mock = edited(
        after("    CreatedTask:", "enum: [pending, processing, completed, failed]", "enum: [pending, cancelled]"),
    )
    task_id = mock.task_id()
    mock.post(f"/_mock/tasks/{task_id}/cancel")
    assert mock.task(task_id)["status"] == "cancelled"


# --- what is refused at load


@pytest.mark.parametrize(
    ("before", "changed", "place", "message"),
    [
        ("x-evolink-timeline:", "x-evolink-timelime:", CREATE_PLACE, "unknown key x-evolink-timelime"),
        ("      x-evolink-queue:", "      x-queue:", CREATE_PLACE, "x-evolink-queue is missing"),
        ("\ninfo:\n", "\nx-evolink-anything: 1\ninfo:\n", "evolink.yaml#", "unknown key x-evolink-anything"),
        ("estimated_seconds: 300", "estimated_second: 300", f"{CREATE_PLACE}/x-evolink-timeline", "estimated_second"),
        ("estimated_seconds: 300", "estimated_seconds: soon", f"{CREATE_PLACE}/x-evolink-timeline", "received str"),
        ("rule: public_url", "rule: public_uri", f"{CREATE_PLACE}/x-evolink-rules", "public_uri"),
        ("bytes: 104857600", "byte: 104857600", f"{CREATE_PLACE}/x-evolink-rules", "byte"),
        ('credits_per_second: "7/9"', 'credits_per_second: "7:9"', f"{CREATE_PLACE}/x-evolink-price", "7:9"),
        ('credits_per_second: "7/9"', 'credits_per_second: "7/0"', f"{CREATE_PLACE}/x-evolink-price", "Fraction"),
        ('credits_per_second: "7/9"', 'credits_per_second: "-1"', f"{CREATE_PLACE}/x-evolink-price", "negative"),
        ("        observed:\n          evid", "        obsrved:\n          evid", CREATE_PLACE, "obsrved"),
        ("window_seconds: 86400", "window_seconds: a day", f"{CREATE_PLACE}/x-evolink-idempotency", "received str"),
        ("follow_redirects: false", "follow_redirects: true", CREATE_PLACE, "follow_redirects"),
        ("timeout_seconds: 10", "timeout: 10", CREATE_PLACE, "timeout"),
        ("role: get_credits", "role: get_money", "evolink.yaml#/paths/~1v1~1credits/get", "get_credits"),
        ("retry\n    message: The model fin", "pray\n    message: The model fin", FAILURES_PLACE, "pray"),
        ("                  x-evolink-refusal: task_not_found\n", "", f"{GET_PLACE}/responses/404", "is missing"),
        ('$ref: "#/components/schemas/CreditsError"', None, "evolink.yaml", "nothing stands at"),
        ("x-evolink-refusals:\n", "x-evolink-refusal:\n", "evolink.yaml#", "x-evolink-refusals is missing"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_file_and_place(
    make_mock: MakeMock, tmp_path: Path, before: str, changed: str | None, place: str, message: str
) -> None:
    text = SOURCE
    if changed is None:
        text = text.replace("    CreatedTask:\n", "    CreatedTusk:\n")
    else:
        assert text.count(before) == 1
        text = text.replace(before, changed)
    path = tmp_path / "evolink.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError) as caught:
        make_mock(document=path)
    assert str(caught.value).startswith(place), caught.value
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "refusal",
    [
        *["invalid_request", "malformed_body", "unknown_model", "invalid_idempotency_key", "insufficient_credits"],
        *["insufficient_token_credits", "model_access_denied", "idempotency_conflict", "outcome_unknown"],
        *["too_many_tasks", "permission_denied", "task_not_found", "invalid_task_id", "unauthorized"],
        *["unknown_path", "method_not_allowed", "unsupported_media_type", "body_too_large", "result_expired"],
    ],
)
def test_a_missing_error_is_refused_at_load(make_mock: MakeMock, tmp_path: Path, refusal: str) -> None:
    """Without it the server would have nothing to say when it is needed."""
    path = tmp_path / "evolink.yaml"
    named = SOURCE.replace(f"x-evolink-refusal: {refusal}\n", f"x-evolink-refusal: {refusal}_misspelt\n")
    path.write_text(named.replace(f"  {refusal}:\n    status", f"  {refusal}_misspelt:\n    status"))
    with pytest.raises(DocumentError) as caught:
        make_mock(document=path)
    assert str(caught.value).startswith("evolink.yaml#")
    assert str(caught.value).endswith(f"no error for {refusal}")


@pytest.mark.parametrize("template", ["{field", "}", "{}", "{field.name.x}", "{limit:d}"])
def test_a_message_that_is_no_template_is_refused_at_load(edited: Edited, template: str) -> None:
    before = 'x-evolink-message: "{field}: received {received}; allowed: {allowed}"'
    with pytest.raises(DocumentError, match=r"invalid_request/x-evolink-message: no template"):
        edited((before, f'x-evolink-message: "{template}"'))


def test_an_error_without_a_body_is_refused_at_load(edited: Edited) -> None:
    before = "                  value:\n                    error:\n                      code: invalid_task_id\n"
    with pytest.raises(DocumentError, match=r"examples/invalid_task_id: the example is no error"):
        edited((before, before.replace("error:", "eror:")))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"openapi: 3.1.0\n", b"\xff\xfe", b"a: [", b'{"paths": 5}'])
def test_what_is_no_document_is_refused(make_mock: MakeMock, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "evolink.yaml"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=r"^evolink\.yaml"):
        make_mock(document=path)


def test_the_original_changes_nothing(edited: Edited, mock: Mock) -> None:
    same = edited()
    assert same.submit().content == mock.submit().content
    assert same.book(KEY) == mock.book(KEY)
