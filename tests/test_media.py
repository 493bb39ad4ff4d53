"""Result links: small real files, for as long as the document says."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mockserver.data import data
from tests import uploads
from tests.conftest import MakeMock
from tests.documents import check_schema, schema
from tests.house import Mock

DAY_S = 86_400


def link(mock: Mock) -> str:
    """The path of the one result of a completed task."""
    task_id = mock.task_id()
    mock.advance(5)
    [url] = mock.task(task_id)["results"]
    assert url.startswith("http://127.0.0.1:8787/media/")
    return urlsplit(url).path


@pytest.fixture
def sample() -> bytes:
    return Path(data("fixtures", "media", "video.mp4")).read_bytes()


def test_a_result_is_a_small_real_video(mock: Mock, sample: bytes) -> None:
    response = mock.get(link(mock), key=None)
    assert (response.status_code, response.headers["content-type"]) == (200, "video/mp4")
    assert response.content == sample
    assert response.headers["content-length"] == str(len(sample))
    assert sample[4:8] == b"ftyp"


@pytest.mark.parametrize(
    ("asked", "first", "last"), [("bytes=0-99", 0, 99), ("bytes=100-", 100, None), ("bytes=-10", -10, None)]
)
def test_a_range_is_answered_206(mock: Mock, sample: bytes, asked: str, first: int, last: int | None) -> None:
    response = mock.get(link(mock), headers={"range": asked})
    assert response.status_code == 206
    assert response.content == sample[first : None if last is None else last + 1]
    assert response.headers["content-range"].endswith(f"/{len(sample)}")


def test_a_range_beyond_the_end_is_answered_416(mock: Mock, sample: bytes) -> None:
    response = mock.get(link(mock), headers={"range": f"bytes={len(sample)}-"})
    assert (response.status_code, response.headers["content-range"]) == (416, f"bytes */{len(sample)}")
    check_schema(response.json(), schema("evolink", "Error"))


@pytest.mark.parametrize(
    "asked",
    ["items=0-1", "bytes=5-2", "bytes=a-b", "bytes=", "bytes=-", "bytes=+0-1", "bytes=" + ",".join(["0-"] * 9)],
)
def test_a_range_that_says_nothing_is_passed_over(mock: Mock, sample: bytes, asked: str) -> None:
    response = mock.get(link(mock), headers={"range": asked})
    assert (response.status_code, response.content) == (200, sample)


def test_of_ranges_those_are_sent_that_are_there(mock: Mock, sample: bytes) -> None:
    path = link(mock)
    assert mock.get(path, headers={"range": "bytes=0-1,9999999-"}).content == sample[:2]
    several = mock.get(path, headers={"range": "bytes=0-1, -3"})
    kind, _, boundary = several.headers["content-type"].partition("; boundary=")
    assert (several.status_code, kind) == (206, "multipart/byteranges")
    parts = [part.partition(b"\r\n\r\n") for part in several.content.split(f"--{boundary}".encode())[1:-1]]
    assert [content for _, _, content in parts] == [sample[:2] + b"\r\n", sample[-3:] + b"\r\n"]
    assert f"content-range: bytes 0-1/{len(sample)}".encode() in parts[0][0]


def test_only_a_get_has_a_range(mock: Mock, sample: bytes) -> None:
    response = mock.request("HEAD", link(mock), headers={"range": "bytes=0-1"})
    assert (response.status_code, response.headers["content-length"]) == (200, str(len(sample)))


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": "TAG"}, 304),
        ({"if-none-match": '"other", W/TAG'}, 304),
        ({"if-none-match": "TAG", "range": "bytes=0-1"}, 304),
        ({"if-none-match": '"other"'}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-match": "W/TAG"}, 412),
        ({"if-match": 'TAG, "other"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-range": "TAG", "range": "bytes=0-1"}, 206),
        ({"if-range": "W/TAG", "range": "bytes=0-1"}, 200),
        ({"if-range": "Mon, 01 Jan 1990 00:00:00 GMT", "range": "bytes=0-1"}, 200),
        ({"if-modified-since": "Mon, 01 Jan 2035 00:00:00 GMT"}, 200),
    ],
)
def test_a_condition_is_kept(mock: Mock, condition: dict[str, str], status: int) -> None:
    """RFC 9110, 13.1: by what a file is, for nobody tells when it changed."""
    path = link(mock)
    whole = mock.get(path)
    assert "last-modified" not in whole.headers
    headers = {name: value.replace("TAG", whole.headers["etag"]) for name, value in condition.items()}
    response = mock.get(path, headers=headers)
    assert response.status_code == status
    if status == 304:
        assert (response.content, response.headers["etag"]) == (b"", whole.headers["etag"])
    if status == 412:
        check_schema(response.json(), schema("evolink", "Error"))


def test_an_upload_is_sent_in_parts_too(mock: Mock) -> None:
    url = uploads.by_base64(mock, uploads.sample()).json()["data"]["file_url"]
    part = mock.get(urlsplit(url).path, headers={"range": "bytes=1-3"})
    assert (part.status_code, part.content) == (206, uploads.sample()[1:4])
    beyond = mock.get(urlsplit(url).path, headers={"range": "bytes=99999999-"})
    assert (beyond.status_code, beyond.json()["success"]) == (416, False)


def test_head_tells_without_sending(mock: Mock, sample: bytes) -> None:
    response = mock.request("HEAD", link(mock))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(sample))
    assert response.headers["accept-ranges"] == "bytes"


def test_a_link_dies_24_h_after_the_end_of_its_task(mock: Mock) -> None:
    path = link(mock)
    mock.advance(DAY_S - 0.001)
    assert mock.get(path).status_code == 200
    mock.advance(0.001)
    response = mock.get(path)
    assert response.status_code == 410
    check_schema(response.json(), schema("evolink", "Error"))
    assert response.json()["error"] == {
        "code": "resource_not_found",
        "message": "This result link has expired",
        "type": "invalid_request_error",
    }
    assert mock.request("HEAD", path).status_code == 410


def test_there_is_no_file_before_completion(mock: Mock) -> None:
    task_id = mock.task_id()
    for _ in range(5):
        assert mock.get(f"/media/{task_id}/0.mp4").status_code == 404
        mock.advance(0.999)
    mock.advance(0.005)
    assert mock.get(f"/media/{task_id}/0.mp4").status_code == 200


@pytest.mark.parametrize("steer", ["fail", "cancel"])
def test_there_is_no_file_of_a_task_that_came_to_nothing(mock: Mock, steer: str) -> None:
    task_id = mock.task_id()
    mock.post(f"/_mock/tasks/{task_id}/{steer}")
    assert mock.get(f"/media/{task_id}/0.mp4").status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        ("/0.mp4", "/1.mp4"),
        ("/0.mp4", "/0.png"),
        ("/0.mp4", "/0"),
        ("/0.mp4", "/-1.mp4"),
        ("/0.mp4", "/x.mp4"),
        ("/0.mp4", "/0.mp4/more"),
        ("/0.mp4", "/99999999999999999999.mp4"),
        ("/0.mp4", "/0.../../make.sh"),
        ("task-unified-", "task-unified-9"),
        ("/media/", "/media/../media/x"),
    ],
)
def test_any_other_link_is_unknown(mock: Mock, change: tuple[str, str]) -> None:
    response = mock.get(link(mock).replace(*change))
    assert response.status_code == 404
    check_schema(response.json(), schema("evolink", "Error"))
    assert set(response.json()["error"]) == {"code", "message", "type"}


@pytest.mark.parametrize("public_url", ["https://mock.example/base", "https://mock.example/base/"])
def test_links_lead_to_the_public_url(make_mock: MakeMock, public_url: str) -> None:
    mock = make_mock(public_url=public_url)
    task_id = mock.task_id()
    mock.advance(5)
    assert mock.task(task_id)["results"] == [f"https://mock.example/base/media/{task_id}/0.mp4"]
