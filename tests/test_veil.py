"""Keys in odd places: whatever equals or carries one that was seen is masked, in echo and journal alike."""

import itertools
import sys
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.web import veil as veil_module
from mockserver.web.options import Bounds
from mockserver.web.veil import Veil
from tests.conftest import MakeMock
from tests.house import CREATE, KEY, MINIMAL, OTHER_KEY, Mock

ODD = 'odd"key\\with/all+of=it'
"""What JSON and URLs each write in their own way."""
JSON_TYPE = {"content-type": "application/json"}


def plain(secret: str) -> str:
    return quote(secret, safe="")


def model(value: Any) -> dict[str, Any]:
    return {"json": {**MINIMAL, "model": value}}


PLACES: dict[str, Callable[[str], tuple[str, str, dict[str, Any]]]] = {
    "api-key": lambda secret: ("POST", CREATE, {"headers": {"api-key": secret}, "json": MINIMAL}),
    "x-auth-token": lambda secret: ("GET", "/v1/credits", {"headers": {"x-auth-token": f"Token {secret}"}}),
    "any header": lambda secret: ("GET", "/v1/credits", {"headers": {"x-any": f"a={secret}; q=1"}}),
    "idempotency key": lambda secret: (
        "POST",
        CREATE,
        {"headers": {"idempotency-key": f"/{secret}"}, "json": MINIMAL},
    ),
    "encoding": lambda secret: ("POST", CREATE, {"headers": {"content-encoding": secret}, "json": MINIMAL}),
    "content type": lambda secret: ("POST", CREATE, {"headers": {"content-type": secret}, "content": b"{}"}),
    "query": lambda secret: ("GET", f"/v1/tasks?status=Bearer%20{plain(secret)}", {}),
    "name in the query": lambda secret: ("GET", f"/v1/credits?{plain(secret)}=1", {}),
    "path": lambda secret: ("GET", f"/v1/tasks/{plain(secret)}", {}),
    "unknown path": lambda secret: ("GET", f"/{plain(secret)}/x", {}),
    "media": lambda secret: ("GET", f"/media/{plain(secret)}/0.mp4?k={plain(secret)}", {}),
    "body": lambda secret: ("POST", CREATE, model(["carrying", f"a{secret}b"])),
    "name in the body": lambda secret: ("POST", CREATE, model({secret: 1})),
    "long body": lambda secret: ("POST", CREATE, model("x" * 70 + secret)),
    "accepted body": lambda secret: ("POST", CREATE, {"json": {**MINIMAL, "prompt": f"see {secret}"}}),
    "no JSON": lambda secret: ("POST", CREATE, {"content": f'{{"a": {secret}', "headers": JSON_TYPE}),
    "batch": lambda secret: ("POST", "/v1/tasks/batch", {"json": {"task_ids": secret}}),
    "upload": lambda secret: ("POST", "/api/v1/files/upload/base64", {"json": {"base64_data": f"data:{secret}"}}),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_key_in_an_odd_place_is_told_nowhere(mock: Mock, place: str) -> None:
    for key, secret in ((KEY, KEY), (OTHER_KEY, KEY), (ODD, ODD)):
        mock.get("/v1/credits", key=secret)
        method, path, arguments = PLACES[place](secret)
        response = mock.request(method, path, key=key, **arguments)
        if response.status_code >= 400:
            assert_untold(response.text, secret)
            assert int(response.headers["content-length"]) == len(response.content)
        assert_untold(mock.get("/_mock/requests", key=None).text, secret)
        assert_untold(mock.get("/_mock/requests?summary=true", key=None).text, secret)


def assert_untold(text: str, secret: str) -> None:
    """Neither the secret nor its beginning, however it is written."""
    for form in (secret, quote(secret), quote(secret, safe=""), secret.replace("\\", "\\\\").replace('"', '\\"')):
        assert form[:10] not in text


def test_a_key_is_hidden_in_what_came_before_it_was_seen(mock: Mock) -> None:
    mock.submit(prompt=f"remember {KEY}", key=OTHER_KEY)
    mock.get("/v1/credits", key=KEY)
    assert KEY not in mock.get("/_mock/requests").text


def test_a_key_that_nobody_used_yet_looks_like_one(mock: Mock) -> None:
    unused = "sk-live-abcdefghijklmnop"
    response = mock.submit(model=f"x {unused}")
    assert unused not in response.text + mock.get("/_mock/requests").text


def test_keys_that_there_are_and_the_control_token_are_known_from_the_start(make_mock: MakeMock) -> None:
    mock = make_mock(only_keys=("first-of-two-keys",), control_token="token-of-control")
    for secret in ("first-of-two-keys", "token-of-control"):
        assert secret not in mock.get(f"/{secret}", key="nobody-in-particular").text
    shown = mock.get("/_mock/requests", key="token-of-control")
    assert shown.status_code == 200
    assert "of-two-keys" not in shown.text


def test_verify_still_finds_what_carries_a_key(mock: Mock) -> None:
    mock.submit(prompt=f"see {KEY}", callback_url=f"https://hooks.example.com/{KEY}")
    expected = {"body": {"prompt": f"see {KEY}", "callback_url": f"https://hooks.example.com/{KEY}"}}
    told = mock.post("/_mock/requests/verify", expected).json()
    assert told == {"verified": True, "matched": 1}
    missed = mock.post("/_mock/requests/verify", {"body": {"prompt": f"hear {KEY}"}})
    assert missed.json()["matched"] == 0
    assert KEY not in missed.text


def test_the_control_api_echoes_no_key(mock: Mock) -> None:
    mock.get("/v1/credits")
    for path in (f"/_mock/{KEY}", f"/_mock/tasks?state={KEY}", f"/_mock/tasks?{KEY}=1"):
        assert KEY not in mock.get(path, key=None).text
    assert KEY not in mock.get("/_mock/health", key=None, headers={"origin": f"http://{KEY}.example"}).text


def test_a_body_that_was_cut_within_a_key(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(journal_body_bytes=100))
    mock.post(CREATE, content=b"x" * 88 + KEY.encode(), headers=JSON_TYPE)
    assert KEY[:8] not in mock.get("/_mock/requests").text


def test_short_keys_and_plain_words_stay(mock: Mock) -> None:
    mock.get("/v1/credits", key="snow")
    mock.submit(prompt="Let it snow", key="snow")
    assert mock.get("/_mock/requests").json()["requests"][-1]["body"]["prompt"] == "Let it snow"


def test_what_is_remembered_is_bounded() -> None:
    veil = Veil(["always-this-one"])
    for number in range(3_000):
        veil.note(f"Bearer number-{number:08}".encode())
    assert veil.over("always-this-one number-00002999") == "…_one …2999"
    assert veil.over("number-00000000") == "number-00000000"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text('abc-%/+"\\é', min_size=8, max_size=20), max_size=3), st.text(), st.text())
def test_no_text_carries_a_key_afterwards(keys: list[str], before: str, after: str) -> None:
    veil = Veil(keys)
    for key in keys:
        for text in (key, before + key + after, quote(before + key, safe="")):
            assert key not in veil.over(text)
    assert veil.over_all({"a": [1, None, before]}, before.encode()) == {"a": [1, None, veil.over(before)]}


def test_keys_come_while_lines_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one who prints reads in a thread of its own."""
    veil, is_over = Veil(), threading.Event()

    def come() -> None:
        for number in itertools.count():
            veil.note(f"Bearer {number:08}-somebody".encode())
            if is_over.is_set():
                return

    interval = sys.getswitchinterval()
    monkeypatch.setattr(veil_module, "_SEEN_LIMIT", 50)
    coming = threading.Thread(target=come)
    sys.setswitchinterval(1e-6)
    try:
        coming.start()
        assert {veil.over("a text that holds none") for _ in range(3_000)} == {"a text that holds none"}
    finally:
        is_over.set()
        coming.join()
        sys.setswitchinterval(interval)
