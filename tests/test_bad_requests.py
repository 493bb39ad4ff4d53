"""Bad input: a clear refusal in the API's shape, and nothing changed, whatever comes in."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mockserver.simulation.scenario import Fault
from mockserver.web.api.script import EFFECT_WORDS, MEDIA_WORDS
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.documents import check_schema, schema
from tests.house import CREATE, KEY, MINIMAL, MODEL, Mock

JSON_TYPE = {"content-type": "application/json"}
PUBLIC = "https://hooks.example.com/done"


def raw(body: bytes) -> bytes:
    """The minimal request with this after its last field."""
    return json.dumps(MINIMAL).encode()[:-1] + b", " + body + b"}"


def post(mock: Mock, body: bytes, **headers: str) -> httpx.Response:
    return mock.post(CREATE, content=body, headers={**JSON_TYPE, **headers})


def state(mock: Mock) -> tuple[Any, Any]:
    """What bad input must not change."""
    return mock.get("/_mock/ledger").json(), mock.get("/_mock/tasks").json()


def refused(response: httpx.Response, status: int) -> str:
    """The message of an error in the API's shape."""
    assert response.status_code == status, response.text
    body = response.json()
    check_schema(body, schema("evolink", "Error"))
    assert set(body["error"]) >= {"code", "message", "type"}
    assert response.headers["content-type"] == "application/json"
    return str(body["error"]["message"])


@pytest.fixture
def unchanged(mock: Mock) -> Iterator[Mock]:
    """A mock with a task, where the test may change nothing."""
    mock.task_id()
    before = state(mock)
    yield mock
    assert state(mock) == before


# --- bodies that are no request


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"{'model': 'single quotes'}",
        json.dumps(MINIMAL).encode() + b"x",
        json.dumps(MINIMAL).encode()[:-1],
        raw(b'"x": NaN'),
        raw(b'"x": Infinity'),
        raw(b'"x": -Infinity'),
        raw(b'"x": 1e400'),
        raw(b'"x": ' + b"9" * 5000),
        raw(b'"x": 01'),
        raw(b'"x": "\xff"'),
        raw(b'"x": "\xed\xa0\x80"'),
        raw(b'"x": "\\ud800"'),
        raw(b'"x": "\\udc00\\ud800"'),
        raw(b'"x": "\x00"'),
        raw(b'"x": "\n"'),
        b"\x00",
        b"\xef\xbb\xbf" + json.dumps(MINIMAL).encode(),
        json.dumps(MINIMAL).encode("utf-16"),
        b"[" * 100_000,
        b'{"x":' * 100_000,
        raw(b'"x": ' + b"[" * 100_000 + b"]" * 100_000),
    ],
    ids=range(24),
)
def test_what_is_no_json_is_told_so(unchanged: Mock, body: bytes) -> None:
    message = refused(post(unchanged, body), 400)
    assert message.startswith("The request body is not valid JSON: ")
    assert len(message) < 300
    assert unchanged.get("/_mock/requests").status_code == 200


def test_what_is_no_utf_8_is_told_by_its_place_in_the_body(unchanged: Mock) -> None:
    assert "in position 26: invalid" in refused(post(unchanged, b'{"model": "x", "prompt": "\xe9 "}'), 400)


@pytest.mark.parametrize(
    ("body", "received"),
    [(b"[]", "array []"), (b"null", "null"), (b"1", "integer 1"), (b'"text"', 'string "text"'), (b"true", "boolean")],
)
def test_a_body_that_is_no_object(unchanged: Mock, body: bytes, received: str) -> None:
    message = refused(post(unchanged, body), 400)
    assert message.startswith(f"body: received {received}")
    assert message.endswith("allowed: object")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json", ""])
def test_a_content_type_that_is_not_json(unchanged: Mock, kind: str) -> None:
    response = unchanged.post(CREATE, content=json.dumps(MINIMAL), headers={"content-type": kind})
    assert refused(response, 415) == (
        f"Content-Type: received {json.dumps(kind) if kind else 'nothing'}; allowed: application/json"
    )


def test_no_content_type_at_all(unchanged: Mock) -> None:
    assert "received nothing" in refused(unchanged.post(CREATE, content=json.dumps(MINIMAL)), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"])
def test_a_content_type_may_have_parameters(mock: Mock, kind: str) -> None:
    assert post(mock, json.dumps(MINIMAL).encode(), **{"content-type": kind}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_the_bound(make_mock: MakeMock, chunked: bool) -> None:
    mock = make_mock(bounds=Bounds(body_bytes=2000))
    before = state(mock)
    body = raw(b'"x": "' + b"x" * 2000 + b'"')

    async def chunks() -> Any:
        for start in range(0, len(body), 100):
            yield body[start : start + 100]

    response = mock.post(CREATE, content=chunks() if chunked else body, headers=JSON_TYPE)
    assert "longer than 2000 bytes" in refused(response, 413)
    assert response.headers["connection"] == "close"
    assert state(mock) == before


def test_a_body_just_within_the_bound(make_mock: MakeMock) -> None:
    body = json.dumps(MINIMAL).encode()
    assert post(make_mock(bounds=Bounds(body_bytes=len(body))), body).status_code == 200
    assert post(make_mock(bounds=Bounds(body_bytes=len(body) - 1)), body).status_code == 413


# --- paths and methods


@pytest.mark.parametrize(
    "path",
    ["//", "/v1", "/v1/videos/generation", "/v1/videos/generations/", "/v1/tasks/", "/v1/tasks/a/b", "//v1/credits"],
)
def test_an_unknown_path_404(unchanged: Mock, path: str) -> None:
    assert refused(unchanged.get(f"http://127.0.0.1:8787{path}"), 404) == f"Nothing answers GET {path}"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", CREATE, "POST"),
        ("PUT", CREATE, "POST"),
        ("DELETE", CREATE, "POST"),
        ("OPTIONS", CREATE, "POST"),
        ("BREW", CREATE, "POST"),
        ("POST", "/v1/credits", "GET"),
        ("DELETE", "/v1/tasks/task-unified-1-a", "GET"),
    ],
)
def test_a_wrong_method_405_names_the_right_one(unchanged: Mock, method: str, path: str, allowed: str) -> None:
    response = unchanged.request(method, path)
    assert refused(response, 405) == f"Method: received {method}; allowed: {allowed}"
    assert response.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/_mock/nothing", 404),
        ("GET", "/_mock/no/such", 404),
        ("POST", "/_mock/health", 405),
        ("GET", "/media/x", 404),
    ],
)
def test_beside_the_api_errors_have_its_shape_too(unchanged: Mock, method: str, path: str, status: int) -> None:
    response = unchanged.request(method, path)
    refused(response, status)
    assert response.headers.get("allow") == ("GET, HEAD" if status == 405 else None)


# --- fields


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": None}, f"model: received nothing; allowed: {MODEL} (what POST {CREATE} serves)"),
        ({"prompt": None}, "prompt: received nothing; allowed: a value (the field is required)"),
        ({"video_urls": None}, "video_urls: received nothing; allowed: a value (the field is required)"),
        ({"model": "kling-o9"}, f'model: received "kling-o9"; allowed: {MODEL} (what POST {CREATE} serves); --spec '),
        ({"model": 5}, f"model: received integer 5; allowed: {MODEL} (what POST {CREATE} serves)"),
        ({"prompt": ["a"]}, 'prompt: received array ["a"]; allowed: string'),
        ({"prompt": {"a": 1}}, 'prompt: received object {"a":1}; allowed: string'),
        ({"prompt": 10**30}, f"prompt: received integer {10**30}; allowed: string"),
        ({"prompt": 1.5}, "prompt: received number 1.5; allowed: string"),
        ({"prompt": "x" * 5001}, "prompt: received 5001 characters; allowed: at most 5000 characters"),
        ({"prompt": "🎬" * 5001}, "prompt: received 5001 characters; allowed: at most 5000 characters"),
        ({"video_urls": []}, "video_urls: received 0 items; allowed: at least 1 items"),
        (
            {"video_urls": ["https://example.com/a.mp4", "https://example.com/b.mp4"]},
            "video_urls: received 2 items; allowed: at most 1 items",
        ),
        (
            {"video_urls": "https://example.com/a.mp4"},
            'video_urls: received string "https://example.com/a.mp4"; allowed: array',
        ),
        ({"video_urls": [5]}, "video_urls[0]: received integer 5; allowed: string"),
        ({"video_urls": ["street.mp4"]}, 'video_urls[0]: received "street.mp4"; allowed: a string of format uri'),
        (
            {"video_urls": ["https://example.com/a\u0000.mp4"]},
            'video_urls[0]: received "https://example.com/a\\u0000.mp4"; allowed: a string of format uri',
        ),
        (
            {"video_urls": ["https://example.com/a.avi"]},
            'video_urls[0]: received a file that ends in ".avi"; allowed: .mp4, .mov',
        ),
        (
            {"video_urls": ["ftp://example.com/a.mp4"]},
            'video_urls[0]: received the scheme "ftp"; allowed: http, https',
        ),
        ({"video_urls": ["https://"]}, 'video_urls[0]: received "https://"; allowed: a URL that names a host'),
        ({"video_urls": ["https://:1/a"]}, 'video_urls[0]: received "https://:1/a"; allowed: a URL that names'),
        ({"image_urls": []}, "image_urls: received 0 items; allowed: at least 1 items"),
        (
            {"image_urls": ["https://example.com/a.png"] * 5},
            "image_urls: received 5 items; allowed: at most 4 items",
        ),
        (
            {"image_urls": ["https://example.com/a.png", "https://example.com/b.gif"]},
            'image_urls[1]: received a file that ends in ".gif"; allowed: .jpg, .jpeg, .png, .webp',
        ),
        (
            {"image_urls": ["data:image/png;base64,AAAA"]},
            'image_urls[0]: received the scheme "data"; allowed: http, https',
        ),
        ({"keep_original_sound": "yes"}, 'keep_original_sound: received string "yes"; allowed: boolean'),
        ({"keep_original_sound": 1}, "keep_original_sound: received integer 1; allowed: boolean"),
        ({"callback_url": 5}, "callback_url: received integer 5; allowed: string"),
        ({"callback_url": ""}, 'callback_url: received ""; allowed: a string of format uri'),
        ({"callback_url": "hooks.example.com"}, 'callback_url: received "hooks.example.com"; allowed: a string of'),
        (
            {"callback_url": f"{PUBLIC}/{'x' * (2049 - len(PUBLIC) - 1)}"},
            "callback_url: received 2049 characters; allowed: at most 2048 characters",
        ),
    ],
)
def test_a_wrong_field_is_told_from_both_sides(unchanged: Mock, fields: dict[str, Any], message: str) -> None:
    assert refused(unchanged.submit(**fields), 400).startswith(message)


@pytest.mark.parametrize(
    "field", ["prompt", "video_urls", "image_urls", "keep_original_sound", "callback_url", "model"]
)
def test_null_is_no_value(unchanged: Mock, field: str) -> None:
    message = refused(unchanged.post(CREATE, {**MINIMAL, field: None}), 400)
    assert message.startswith(f"{field}: received null; allowed: ")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/done",
        "ftp://hooks.example.com/done",
        "https://127.0.0.1/done",
        "https://127.1/done",
        "https://2130706433/done",
        "https://0x7f000001/done",
        "https://0x7f.1/done",
        "https://017700000001/done",
        "https://10.1.2.3/done",
        "https://172.16.0.1/done",
        "https://172.31.255.255/done",
        "https://192.168.1.1/done",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/done",
        "https://0.0.0.0/done",
        "https://224.0.0.1/done",
        "https://255.255.255.255/done",
        "https://[::1]/done",
        "https://[::]/done",
        "https://[::ffff:10.0.0.1]/done",
        "https://[64:ff9b::a00:1]/done",
        "https://[2002:a00:1::]/done",
        "https://[fe80::1]/done",
        "https://[fc00::1]/done",
        "https://localhost/done",
        "https://LOCALHOST./done",
        "https://api.localhost/done",
        "https://printer.local/done",
        "https://metadata.google.internal/",
        "https://user:password@hooks.example.com/done",
        "https://hooks.example.com:0/done",
        "https://hooks.example.com%00.evil.example/done",
    ],
)
def test_a_callback_url_that_is_not_public_https(unchanged: Mock, url: str) -> None:
    message = refused(unchanged.submit(callback_url=url), 400)
    assert message.startswith("callback_url: received ")
    assert "allowed: a public https URL (" in message or "format uri" in message


@pytest.mark.parametrize(
    "key", ["short", "x" * 15, "x" * 97, "with space in the key", "ümläute-are-not-in", "slash/in-the-key-here", ""]
)
def test_an_idempotency_key_of_the_wrong_form(unchanged: Mock, key: str) -> None:
    response = unchanged.request(
        "POST",
        CREATE,
        json=MINIMAL,
        headers={"idempotency-key": key.encode("latin-1")},  # type: ignore[dict-item]
    )
    assert "16 to 96 letters" in refused(response, 400)


@pytest.mark.parametrize("key", ["x" * 16, "x" * 96, "A-z.0_9-A-z.0_9-"])
def test_an_idempotency_key_at_its_bounds(mock: Mock, key: str) -> None:
    assert mock.submit(headers={"idempotency-key": key}).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "x" * 5000},
        {"prompt": "🎬" * 5000},
        {"prompt": ""},
        {"prompt": "a\u0000b"},
        {"image_urls": ["https://example.com/a.webp"] * 4},
        {"video_urls": ["https://example.com/A.MOV?x=1.avi#y.gif"]},
        {"video_urls": ["http://example.com/no-ending"]},
        {"callback_url": f"{PUBLIC}/{'x' * (2048 - len(PUBLIC) - 1)}"},
        {"callback_url": "https://8.8.8.8/done"},
        {"keep_original_sound": False},
        {"a_field_that_nobody_knows": {"huge": 10**30, "nested": [[[[[]]]]]}},
    ],
)
def test_what_the_document_lets_through_is_accepted(mock: Mock, fields: dict[str, Any]) -> None:
    assert mock.submit(**fields).status_code == 200


def test_of_a_key_that_comes_twice_the_last_counts(mock: Mock) -> None:
    """JSON leaves it open (RFC 8259, section 4); most parsers do the same."""
    assert post(mock, raw(b'"prompt": 5')).status_code == 400
    assert post(mock, b'{"prompt": 5, ' + json.dumps(MINIMAL).encode()[1:]).status_code == 200


def test_nested_input_is_accepted_or_refused_but_never_breaks(mock: Mock) -> None:
    for depth in range(50, 1_200, 50):
        body = raw(b'"x": ' + b"[" * depth + b"]" * depth)
        assert post(mock, body).status_code in {200, 400}
        assert post(mock, body, **{"idempotency-key": f"nested-as-deep-as-{depth}"}).status_code in {200, 400}
        assert mock.get("/_mock/requests").status_code == 200


def test_a_long_value_is_not_echoed_in_full(unchanged: Mock) -> None:
    assert len(refused(unchanged.submit(model="x" * 100_000), 400)) < 300


def test_the_key_is_in_no_message(unchanged: Mock) -> None:
    response = post(unchanged, b"[]", authorization=f"Bearer {KEY}")
    assert KEY not in response.text


# --- anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
URLS = st.sampled_from(
    ["https://example.com/a.mp4", "https://[::1", "http://[v1.a]/x.mp4", "https://example.com/mock:fail=x", "a:b"]
) | st.from_regex(r"https?://[^ ]{0,20}(/[^ ]{0,10})?", fullmatch=True)
GOOD_URLS = st.just(["https://example.com/a.mp4"])
NEARLY = st.fixed_dictionaries(
    {
        "model": st.just(MODEL) | st.just(MODEL) | JSON,
        "prompt": st.text() | st.text() | JSON,
        "video_urls": GOOD_URLS | GOOD_URLS | st.lists(URLS, max_size=2) | JSON,
    },
    optional={
        "image_urls": st.lists(URLS, max_size=5) | JSON,
        "keep_original_sound": st.booleans() | JSON,
        "callback_url": URLS | JSON,
        "more": JSON,
    },
)
WORDS = st.builds(
    "mock:{}={}".format,
    st.sampled_from([*EFFECT_WORDS, *MEDIA_WORDS, "unknown"]),
    st.sampled_from(["0", "1", "2", "2.0", "0.5", "-1", "429", "500", "418", "1e3", "999999999999", "stalled_not"])
    | st.sampled_from([*Fault, "content_policy_violation", "rate_limit_exceeded", "nonsense", "_"])
    | st.from_regex(r"[A-Za-z0-9_.-]{1,6}", fullmatch=True),
)
ANYTHING = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def never_breaks(mock: Mock, body: bytes, key: bytes | None = None) -> None:
    """A request is answered below 500, and changes the books only where it is answered 200."""
    before = state(mock)
    headers = {} if key is None else {"idempotency-key": key}
    response = mock.post(CREATE, content=body, headers={**JSON_TYPE, **headers})
    assert response.status_code < 500, response.text
    assert "error" in response.json() or response.status_code == 200
    assert (state(mock) == before) == (response.status_code != 200)


@ANYTHING
@given(body=st.binary())
def test_any_bytes_are_answered(mock: Mock, body: bytes) -> None:
    never_breaks(mock, body)


@ANYTHING
@given(body=JSON)
def test_any_json_is_answered(mock: Mock, body: Any) -> None:
    never_breaks(mock, json.dumps(body).encode())


@ANYTHING
@given(body=NEARLY)
def test_any_request_that_is_nearly_right_is_answered(mock: Mock, body: Any) -> None:
    never_breaks(mock, json.dumps(body).encode())


@ANYTHING
@given(in_prompt=st.lists(WORDS, max_size=3), in_url=st.lists(WORDS, max_size=2))
def test_any_trigger_words_are_answered(mock: Mock, in_prompt: list[str], in_url: list[str]) -> None:
    assume(not any("fault" in word and word.rpartition("=")[2] in set(Fault) for word in (*in_prompt, *in_url)))
    url = f"https://example.com/a.mp4?{'&'.join(in_url)}"
    body = {**MINIMAL, "prompt": " ".join(in_prompt), "video_urls": [url]}
    response = post(mock, json.dumps(body).encode())
    asked = "answer=" in " ".join((*in_prompt, *in_url))
    assert response.status_code < 500 or asked, response.text
    assert mock.post("/_mock/clock/advance", {"until_idle": True}).status_code == 200
    assert mock.book()["user"]["reserved"] == 0
