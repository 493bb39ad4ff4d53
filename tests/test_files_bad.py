"""Uploads that go no further: each a documented error in the files API's own shape, and nothing has changed."""

import gzip
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mockserver.simulation.clock import Mode
from mockserver.testing import MockServer
from mockserver.web.options import Bounds, Options
from tests.conftest import MakeMock
from tests.documents import check
from tests.house import KEY, Mock
from tests.uploads import FILES, base64_of, by_base64, by_form, by_url, listed, quota, refused, sample, uploaded

STREAM = f"{FILES}/upload/stream"
FORM = {"content-type": "multipart/form-data; boundary=X"}
PNG = ("me.png", sample())


def part(name: str, value: str, file_name: str | None = None) -> bytes:
    of_file = "" if file_name is None else f'; filename="{file_name}"'
    return f'--X\r\nContent-Disposition: form-data; name="{name}"{of_file}\r\n\r\n{value}\r\n'.encode()


@pytest.fixture(scope="module")
def shared() -> Iterator[Mock]:
    mock = Mock(Options(clock=Mode.MANUAL))
    mock.get(f"{FILES}/quota")
    yield mock
    mock.close()


@pytest.fixture(autouse=True)
def nothing_changes(shared: Mock) -> Iterator[None]:
    before = shared.state()
    yield
    assert shared.state() == before


@pytest.mark.parametrize(
    "content",
    [
        b"just a text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7 ",
        b"PK\x03\x04 zip",
        b"BM" + b"\x00" * 60,
        b"\x00" * 100,
        gzip.compress(b"image", mtime=0),
    ],
)
def test_content_of_no_type_that_is_taken(shared: Mock, content: bytes) -> None:
    for response, operation_id, field in (
        (by_form(shared, content, "x.png"), "uploadFileStream", "file"),
        (by_base64(shared, content, file_name="x.png"), "uploadFileBase64", "base64_data"),
    ):
        message = refused(response, 400, operation_id)
        assert message.startswith(f"{field}: received content of ")
        assert "allowed: image/jpeg, image/png, image/gif, image/webp, " in message


@pytest.mark.parametrize(
    ("base64_data", "told"),
    [
        ("aGVsbG8", "no base64"),
        ("iVBORw0KGgo...", "no base64"),
        ("data:image/png;base64,iVBORw0KGgo...", "no base64"),
        ("_-_-", "no base64"),
        ("QUJD=QUJD", "no base64"),
        ("\u00e9\u00e9\u00e9\u00e9", "no base64"),
        ("data:image/png,abc", "allowed: a data URL with ;base64,"),
        ("data:image/png;base64,", "an empty file"),
        (" \n ", "an empty file"),
        ("", "0 characters"),
        (7, "integer 7"),
        (None, "null"),
        (["QUJD"], "array"),
    ],
)
def test_malformed_base64(shared: Mock, base64_data: Any, told: str) -> None:
    message = refused(shared.post(f"{FILES}/upload/base64", {"base64_data": base64_data}), 400)
    assert message.startswith("base64_data: received ")
    assert told in message


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "can't be read"),
        (b"", "can't be read"),
        (b"\xff", "can't be read"),
        (b"[" * 100_000, "can't be read"),
        (b"[]", "array"),
        (b"{}", "base64_data: received nothing"),
    ],
)
def test_a_body_that_is_not_the_json_asked_for(shared: Mock, content: bytes, told: str) -> None:
    headers = {"content-type": "application/json"}
    assert told in refused(shared.post(f"{FILES}/upload/base64", content=content, headers=headers), 400)


@pytest.mark.parametrize(
    ("request_of", "told"),
    [
        ({"files": {"file": ("x.png", b"")}}, "file: received an empty file"),
        ({"files": [("file", PNG), ("file", PNG)]}, "file: received 2 files; allowed: exactly one"),
        ({"files": [("file", PNG), ("other", PNG)]}, "file: received 2 files; allowed: exactly one"),
        ({"files": {"image": PNG}}, "file: received nothing"),
        ({"files": {"image": PNG}, "data": {"file": "x"}}, "file: received a file in another field"),
        ({"content": part("file", "x") + b"--X--", "headers": FORM}, "file: received a field that is no file"),
        ({"content": part("a", "x") + b"--X--", "headers": FORM}, "file: received nothing"),
        ({"content": b"--X--\r\n", "headers": FORM}, "file: received nothing"),
        ({"content": b"", "headers": FORM}, "can't be read: it ends"),
        ({"content": b"junk", "headers": FORM}, "can't be read"),
        ({"content": part("file", "x", "x.png"), "headers": FORM}, "can't be read: it ends"),
        ({"content": b"--X\r\n\r\nx\r\n--X--", "headers": FORM}, "can't be read"),
        ({"content": part("n", "x") * 30 + b"--X--", "headers": FORM}, "more than 20 parts"),
        ({"content": b"--X\r\n" + b"A: b\r\n" * 99 + b"\r\n\r\n--X--", "headers": FORM}, "can't be read"),
        ({"content": b"--X\r\nA: " + b"b" * 9_999 + b"\r\n\r\n--X--", "headers": FORM}, "can't be read"),
    ],
)
def test_a_form_that_is_not_the_one_asked_for(shared: Mock, request_of: dict[str, Any], told: str) -> None:
    assert told in refused(shared.post(STREAM, **request_of), 400, "uploadFileStream")


@pytest.mark.parametrize("operation", ["base64", "url", "stream"])
@pytest.mark.parametrize(
    "content_type", ["text/plain", "", "multipart/mixed; boundary=X", "multipart/form-data", "image/png"]
)
def test_another_content_type(shared: Mock, operation: str, content_type: str) -> None:
    response = shared.post(f"{FILES}/upload/{operation}", content=b"{}", headers={"content-type": content_type})
    assert "Content-Type: received " in refused(response, 415, f"uploadFile{operation.title()}")


@pytest.mark.parametrize("field", ["file_name", "upload_path"])
@pytest.mark.parametrize("value", ["", "x" * 201, "a\x00b", "a\nb", "\\etc", "../a", "/a", 7, None])
def test_names_and_paths_that_lead_out(shared: Mock, field: str, value: Any) -> None:
    response = by_base64(shared, sample(), **{field: value})
    assert refused(response, 400).startswith(f"{field}: received ")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.com/a.txt", 'a file that ends in ".txt"; allowed: image/jpeg'),
        ("https://example.com/a.tiff", "a file that ends in"),
        ("ftp://example.com/a.png", "allowed: a string that matches"),
        ("data:image/png;base64,QUJD", "allowed: a string that matches"),
        ("a.png", "allowed: a string that matches"),
        ("", "allowed: a string that matches"),
        ("https://", "allowed: a string that matches"),
        ("https:///a.png", "allowed: a string that matches"),
        ("https://example.com/" + "a" * 4_100, "at most 4096 characters"),
        ("https://example.com/mock:bytes=0/a.png", "a file of 0 bytes"),
        ("https://example.com/mock:bytes=104857601/a.mp4", "a file of 104857601 bytes; allowed: 1 to 104857600"),
        ("https://example.com/mock:bytes=many/a.mp4", "a number"),
    ],
)
def test_a_url_that_leads_to_nothing_that_is_taken(shared: Mock, url: str, told: str) -> None:
    assert told in refused(by_url(shared, url), 400, "uploadFileUrl")


@pytest.mark.parametrize(
    "query", ["page=0", "page=x", "page=-1", "page=1.5", "pageSize=0", "pageSize=101", "page=9e9"]
)
def test_a_page_that_there_can_not_be(shared: Mock, query: str) -> None:
    name, _, _ = query.partition("=")
    message = refused(shared.get(f"{FILES}/list?{query}"), 400, "listFiles")
    assert message.startswith(f"{name}: received ")


@pytest.mark.parametrize(
    ("method", "path", "operation_id"),
    [
        ("POST", "upload/base64", "uploadFileBase64"),
        ("POST", "upload/stream", "uploadFileStream"),
        ("POST", "upload/url", "uploadFileUrl"),
        ("GET", "quota", "getFilesQuota"),
        ("GET", "list", "listFiles"),
        ("DELETE", "file_x", "deleteFile"),
    ],
)
def test_nobody_gets_in_without_a_key(shared: Mock, method: str, path: str, operation_id: str) -> None:
    refused(shared.request(method, f"{FILES}/{path}", key=None), 401, operation_id)


def test_an_expired_key_gets_nowhere(mock: Mock) -> None:
    mock.account(state="expired")
    refused(by_base64(mock, sample()), 401)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "upload/base64", 405), ("GET", "file_x", 405), ("POST", "quota", 405), ("GET", "a/b/c", 404)],
)
def test_what_nothing_answers_is_told_in_the_same_shape(shared: Mock, method: str, path: str, status: int) -> None:
    response = shared.request(method, f"{FILES}/{path}")
    assert response.status_code == status
    assert {key: response.json()[key] for key in ("success", "code")} == {"success": False, "code": status}


def test_a_body_over_the_bound_is_refused_unread(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(upload_bytes=100_000))
    message = refused(by_form(mock, sample() + b"\x00" * 100_000), 413, "uploadFileStream")
    assert message == "The request body is longer than 100000 bytes"
    refused(by_base64(mock, sample() + b"\x00" * 75_000), 413)
    uploaded(by_base64(mock, sample() + b"\x00" * 65_000))
    too_long = mock.post(f"{FILES}/quota", content=b" " * 1_100_000)
    assert (too_long.status_code, too_long.json()["code"]) == (413, 413)
    assert quota(mock)["used_files"] == 1


def test_an_upload_over_the_bound_of_json_goes_through_a_socket() -> None:
    content = sample() + b"\x00" * 3_000_000
    with MockServer() as mock, httpx.Client(base_url=mock.url, headers={"authorization": f"Bearer {KEY}"}) as client:
        file = client.post(STREAM, files={"file": ("big.png", content)}).json()["data"]
        assert client.get(file["file_url"]).content == content
        body = {"base64_data": base64_of(content)}
        assert client.post(f"{FILES}/upload/base64", json=body).json()["data"]["file_size"] == len(content)
        response = client.post(STREAM, files={"file": ("big.png", sample() + b"\x00" * 21_000_000)})
        check(response, "uploadFileStream", "files")
        assert response.status_code == 413
        kept = mock.get("/requests")["requests"]
        assert max(len(msgspec.json.encode(one)) for one in kept) < 200_000


def test_a_server_without_room_for_another_key_says_so(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(tenants=1))
    uploaded(by_base64(mock, sample()))
    refused(by_base64(mock, sample(), key="sk-another-key-0002"), 503)


_HEADS = [
    b"",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"RIFF\x00\x00\x00\x00WEBP",
    b"\x00\x00\x00\x18ftypisom",
]
_ANY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@_ANY
@given(head=st.sampled_from(_HEADS), tail=st.binary(max_size=200), name=st.text(max_size=40))
def test_whatever_is_uploaded_is_kept_as_it_is_or_refused(mock: Mock, head: bytes, tail: bytes, name: str) -> None:
    mock.post("/_mock/reset")
    response = by_base64(mock, head + tail, **({"file_name": name} if name else {}))
    if response.status_code != 200:
        refused(response, 400)
        assert quota(mock)["used_files"] == 0
        return
    file = uploaded(response)
    assert file["file_size"] == len(head + tail)
    assert mock.get(file["file_url"]).content == head + tail
    assert listed(mock)["files"] == [file]


@_ANY
@given(body=st.binary(max_size=300), start=st.sampled_from([b"", b"--X\r\n", part("file", "x", "a.png")]))
def test_no_form_breaks_the_server(shared: Mock, body: bytes, start: bytes) -> None:
    refused(shared.post(STREAM, content=start + body, headers=FORM), 400, "uploadFileStream")
