"""Uploads as the inputs of a generation: their links are taken, their sizes count, and a dead one fails the task."""

import pytest

from mockserver.testing import MockServer
from tests.conftest import MakeMock
from tests.house import OTHER_KEY, Mock
from tests.uploads import KEPT_S, by_base64, by_form, by_url, delete, put, sample, uploaded


def status_of(mock: Mock, **inputs: list[str]) -> str:
    """How a task with these inputs ends: its status, or the code of its failure."""
    task_id = mock.task_id(**inputs)
    mock.advance(6)
    task = mock.task(task_id)
    return str(task["error"]["code"] if "error" in task else task["status"])


@pytest.mark.parametrize("link", ["file_url", "download_url"])
def test_uploads_are_taken_as_inputs(mock: Mock, link: str) -> None:
    video, image, picture = (
        put(mock, "video/mp4"),
        put(mock, "image/png"),
        put(mock, "image/jpeg", file_name="x.jpeg"),
    )
    assert status_of(mock, video_urls=[video[link]], image_urls=[image[link], picture[link]]) == "completed"


def test_a_type_that_the_model_does_not_take_is_refused(mock: Mock) -> None:
    gif = put(mock, "image/gif")
    response = mock.submit(image_urls=[gif["file_url"]])
    assert response.status_code == 400
    assert '".gif"' in response.json()["error"]["message"]
    assert mock.submit(video_urls=[put(mock)["file_url"]]).status_code == 400


def test_the_size_of_an_upload_counts(mock: Mock) -> None:
    limit = 10 * 1024 * 1024
    fits = uploaded(by_form(mock, sample() + b"\x00" * (limit - len(sample()))), "uploadFileStream")
    over = uploaded(by_form(mock, sample() + b"\x00" * (limit - len(sample()) + 1)), "uploadFileStream")
    assert mock.submit(image_urls=[fits["file_url"]]).status_code == 200
    response = mock.submit(image_urls=[over["file_url"]])
    assert response.status_code == 400
    assert f"a file of {limit + 1} bytes" in response.json()["error"]["message"]


def test_the_length_that_a_url_told_is_billed(mock: Mock) -> None:
    video = uploaded(by_url(mock, "https://example.com/mock:duration_seconds=18/a.mp4"), "uploadFileUrl")
    task = mock.submit(video_urls=[video["file_url"]]).json()
    assert (task["task_info"]["video_duration"], task["usage"]["credits_reserved"]) == (18, 14)


def test_an_expired_upload_fails_the_task_and_costs_nothing(mock: Mock) -> None:
    image = put(mock)
    mock.advance(KEPT_S - 1)
    assert status_of(mock, image_urls=[image["file_url"]]) == "completed"  # it was there when it was needed
    charged = mock.book()["user"]["charged"]
    assert status_of(mock, image_urls=[image["file_url"]]) == "resource_not_found"
    assert mock.book()["user"]["charged"] == charged


@pytest.mark.parametrize("field", ["image_urls", "video_urls"])
def test_a_deleted_upload_fails_the_task(mock: Mock, field: str) -> None:
    file = put(mock, "video/mp4" if field == "video_urls" else "image/png")
    delete(mock, file["file_id"])
    assert status_of(mock, **{field: [file["file_url"]]}) == "resource_not_found"


def test_a_link_that_never_was_fails_the_task_and_other_urls_do_not(mock: Mock) -> None:
    url = put(mock)["file_url"]
    assert status_of(mock, image_urls=[url.replace("file_", "file_9")]) == "resource_not_found"
    assert status_of(mock, image_urls=[url.replace("127.0.0.1:8787", "example.com")]) == "completed"
    assert status_of(mock, image_urls=["https://example.com/file_x.png"]) == "completed"


def test_a_link_is_open_to_everybody_who_knows_it(mock: Mock) -> None:
    assert status_of(mock, image_urls=[put(mock, key=OTHER_KEY)["file_url"]]) == "completed"


def test_other_trigger_words_still_count(mock: Mock) -> None:
    file = put(mock)
    delete(mock, file["file_id"])
    task_id = mock.task_id(image_urls=[file["file_url"]], prompt="mock:seconds=20")
    mock.advance(10)
    assert mock.task(task_id)["status"] == "processing"
    mock.advance(10)
    assert mock.task(task_id)["error"]["code"] == "resource_not_found"


@pytest.mark.parametrize("public_url", ["https://mock.example/base", "https://mock.example/base/"])
def test_links_lead_to_the_public_url(make_mock: MakeMock, public_url: str) -> None:
    mock = make_mock(public_url=public_url)
    file = put(mock)
    assert file["file_url"].startswith("https://mock.example/base/media/files/")
    delete(mock, file["file_id"])
    assert status_of(mock, image_urls=[file["file_url"]]) == "resource_not_found"


def test_uploads_work_on_a_socket() -> None:
    import httpx

    with MockServer() as mock, httpx.Client(base_url=mock.url, headers={"authorization": "Bearer sk-1"}) as client:
        file = client.post("/api/v1/files/upload/stream", files={"file": ("v.mp4", sample("video/mp4"))}).json()[
            "data"
        ]
        assert file["file_url"].startswith(mock.url)
        assert httpx.get(file["download_url"]).content == sample("video/mp4")


def test_a_replay_makes_the_same_files(mock: Mock, tmp_path_factory: pytest.TempPathFactory) -> None:
    from mockserver.simulation import snapshot
    from mockserver.web.replay import Replay

    first = put(mock, file_name="me.png")
    by_base64(mock, sample(), key=OTHER_KEY)
    delete(mock, put(mock)["file_id"])
    task_id = mock.task_id(image_urls=[first["file_url"]])
    mock.advance(KEPT_S)
    mock.task_id(image_urls=[first["file_url"]])
    mock.advance(6)
    put(mock)
    log = mock.get("/_mock/log").content
    assert b"iVBOR" not in log
    file = tmp_path_factory.mktemp("replay") / "run.jsonl"
    file.write_bytes(log)
    again, other = Replay.of(file).worlds
    assert [*snapshot.dump(again), *snapshot.dump(other)] == mock.state()
    assert task_id in again.tasks
    restored = snapshot.Restorer()
    for line in snapshot.dump(again):
        restored.take(line)
    assert restored.world.files == again.files
    assert (len(again.files), len(other.files)) == (1, 1)
