"""Result links: small real files, for as long as the document says."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mockserver.data import data
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
    assert mock.get(link(mock), headers={"range": f"bytes={len(sample)}-"}).status_code == 416


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


def test_links_lead_to_the_public_url(make_mock: MakeMock) -> None:
    mock = make_mock(public_url="https://mock.example/base")
    task_id = mock.task_id()
    mock.advance(5)
    assert mock.task(task_id)["results"] == [f"https://mock.example/base/media/{task_id}/0.mp4"]
