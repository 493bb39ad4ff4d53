"""The files API: three ways in, links that work for 72 h of the clock, quota, list and delete."""

from datetime import datetime
from pathlib import Path

import pytest

from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.house import KEY, OTHER_KEY, Mock
from tests.uploads import (
    FILES,
    KEPT_S,
    SAMPLES,
    base64_of,
    by_base64,
    by_form,
    by_url,
    delete,
    listed,
    put,
    quota,
    refused,
    sample,
    uploaded,
)

each_type = pytest.mark.parametrize("mime_type", SAMPLES)


@each_type
def test_content_tells_the_type_whatever_the_name_says(mock: Mock, mime_type: str) -> None:
    file = uploaded(by_form(mock, sample(mime_type), "holiday.txt"), "uploadFileStream")
    assert (file["mime_type"], file["file_size"]) == (mime_type, len(sample(mime_type)))
    assert file["original_name"] == "holiday.txt"
    assert file["file_url"].endswith(SAMPLES[mime_type][1])


@each_type
def test_a_link_leads_to_the_very_bytes(mock: Mock, mime_type: str) -> None:
    file = put(mock, mime_type)
    for link, disposition in (("file_url", "inline"), ("download_url", "attachment")):
        response = mock.get(file[link], key=None)
        assert (response.status_code, response.content) == (200, sample(mime_type))
        assert response.headers["content-type"].startswith(mime_type)
        assert response.headers["content-disposition"].startswith(disposition)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert mock.request("HEAD", file[link], key=None).headers["content-length"] == str(file["file_size"])


@pytest.mark.parametrize("prefix", ["", "data:image/png;base64,", "DATA:;base64,", "data:text/plain;base64,"])
def test_base64_may_come_as_a_data_url_and_in_lines(mock: Mock, prefix: str) -> None:
    encoded = base64_of(sample())
    lines = "\r\n".join(encoded[start : start + 76] for start in range(0, len(encoded), 76))
    file = uploaded(mock.post(f"{FILES}/upload/base64", {"base64_data": prefix + lines}))
    assert file["mime_type"] == "image/png"
    assert mock.get(file["file_url"]).content == sample()


def test_a_file_is_put_where_and_called_as_asked(mock: Mock) -> None:
    file = put(mock, upload_path="avatars/2025", file_name="me.png")
    assert (file["upload_path"], file["file_name"], file["original_name"]) == ("avatars/2025", "me.png", "me.png")
    assert file["file_url"].startswith("http://127.0.0.1:8787/media/files/")
    assert file["file_url"].endswith("/me.png")
    assert file["download_url"] == f"http://127.0.0.1:8787/api/v1/files/download/{file['file_id']}"


def test_a_form_may_speak_in_camel_case(mock: Mock) -> None:
    file = uploaded(by_form(mock, sample(), uploadPath="photos", fileName="p.png"), "uploadFileStream")
    assert (file["upload_path"], file["file_name"]) == ("photos", "p.png")
    both = uploaded(by_form(mock, sample(), fileName="camel.png", file_name="snake.png"), "uploadFileStream")
    assert both["file_name"] == "snake.png"


@pytest.mark.parametrize("before", ["", "\r\n", "This is a form.\r\n", "--\r\n\r\n--Y\r\n"])
def test_what_stands_before_and_behind_a_form_is_passed_over(mock: Mock, before: str) -> None:
    head = '--X\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n'
    form = f"{before}{head}".encode() + sample() + b"\r\n--X--\r\nbehind"
    headers = {"content-type": "multipart/form-data; boundary=X"}
    answer = mock.post(f"{FILES}/upload/stream", content=form, headers=headers)
    assert uploaded(answer, "uploadFileStream")["file_size"] == len(sample())


def test_without_a_name_each_file_gets_its_own_in_the_folder_of_its_type(mock: Mock) -> None:
    first, second, video = put(mock), put(mock), put(mock, "video/mp4")
    assert first["file_name"] != second["file_name"]
    assert first["file_name"] == first["original_name"] == first["file_id"].removeprefix("file_") + ".png"
    assert (first["upload_path"], video["upload_path"]) == ("images", "videos")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("a.png", "a.png"),
        ("a.PNG", "a.PNG"),
        ("a", "a.png"),
        ("a.jpg", "a.png"),
        ("v1.2", "v1.2.png"),
        ("..", "...png"),
        ("\u00fc \u2603 %2F?#&.png", "\u00fc \u2603 %2F?#&.png"),
    ],
)
def test_a_name_ends_as_its_content_asks_for(mock: Mock, asked: str, given: str) -> None:
    file = put(mock, file_name=asked)
    assert file["file_name"] == given
    assert mock.get(file["file_url"]).content == sample()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/me.png", "me.png"),
        ("C:\\photos\\me.png", "me.png"),
        ("x" * 900, "x" * 200),
    ],
)
def test_an_original_name_is_shown_without_its_folders(mock: Mock, sent: str, kept: str) -> None:
    assert uploaded(by_form(mock, sample(), sent), "uploadFileStream")["original_name"] == kept


def test_an_original_name_has_no_control_characters(mock: Mock) -> None:
    file = uploaded(by_url(mock, "https://example.com/a%07%0Ab.png"), "uploadFileUrl")
    assert file["original_name"] == "ab.png"


def test_times_are_those_of_the_clock(mock: Mock) -> None:
    mock.advance(100)
    file = put(mock)
    there, gone = datetime.fromisoformat(file["upload_time"]), datetime.fromisoformat(file["expires_at"])
    assert there.timestamp() == 1_757_169_843
    assert (gone - there).total_seconds() == KEPT_S


def test_a_file_is_gone_after_72_hours(mock: Mock) -> None:
    file = put(mock)
    mock.advance(KEPT_S - 0.001)
    assert mock.get(file["file_url"]).status_code == mock.get(file["download_url"]).status_code == 200
    assert (quota(mock)["used_files"], listed(mock)["total"]) == (1, 1)
    mock.advance(0.001)
    for link in ("file_url", "download_url"):
        assert refused(mock.get(file[link], key=None), 404, "deleteFile") == "There is no such file"
    assert (quota(mock)["used_files"], listed(mock)["total"]) == (0, 0)
    refused(delete(mock, file["file_id"]), 404, "deleteFile")


def test_a_clock_has_nothing_to_wait_for_because_of_a_file(mock: Mock) -> None:
    put(mock)
    before = mock.get("/_mock/clock").json()
    mock.post("/_mock/clock/advance", {"until_idle": True})
    assert mock.get("/_mock/clock").json() == before


def test_a_deleted_file_is_gone_at_once(mock: Mock) -> None:
    file, other = put(mock), put(mock)
    assert delete(mock, file["file_id"]).json() == {"success": True, "code": 200, "msg": "The file is deleted"}
    assert mock.get(file["file_url"]).status_code == 404
    assert mock.get(other["file_url"]).status_code == 200  # the same bytes, another file
    assert [one["file_id"] for one in listed(mock)["files"]] == [other["file_id"]]
    assert refused(delete(mock, file["file_id"]), 404, "deleteFile") == "There is no such file"


@pytest.mark.parametrize(
    "change", [("file_", "file_9"), (".png", ".jpg"), (".png", ""), ("/media/files/", "/media/")]
)
def test_any_other_link_is_unknown(mock: Mock, change: tuple[str, str]) -> None:
    assert mock.get(put(mock)["file_url"].replace(*change)).status_code == 404


def test_the_list_is_newest_first_and_in_pages(mock: Mock) -> None:
    ids = [put(mock)["file_id"] for _ in range(5)]
    page = listed(mock, page=2, pageSize=2)
    assert [one["file_id"] for one in page["files"]] == [ids[2], ids[1]]
    assert (page["total"], page["page"], page["page_size"]) == (5, 2, 2)
    assert listed(mock, page=4, pageSize=2)["files"] == []
    assert (listed(mock)["page"], listed(mock)["page_size"]) == (1, 20)


def test_a_listed_file_is_told_as_it_was_when_it_came(mock: Mock) -> None:
    file = put(mock, file_name="me.png")
    assert listed(mock)["files"] == [file]


def test_tenants_see_nothing_of_each_other(mock: Mock) -> None:
    file = put(mock)
    assert listed(mock, key=OTHER_KEY)["files"] == []
    assert quota(mock, OTHER_KEY)["used_files"] == 0
    refused(delete(mock, file["file_id"], OTHER_KEY), 404, "deleteFile")
    assert put(mock, key=OTHER_KEY)["file_id"] != file["file_id"]
    mock.post("/_mock/reset", {"key": KEY})
    assert mock.get(file["file_url"]).status_code == 404
    assert (quota(mock)["used_files"], quota(mock, OTHER_KEY)["used_files"]) == (0, 1)


def test_the_quota_is_the_documented_one(mock: Mock) -> None:
    put(mock)
    assert quota(mock) == {
        "user_group": "default",
        "used_files": 1,
        "max_files": 2000,
        "remain_files": 1999,
        "is_custom": False,
        "quota_reason": "",
    }


def test_an_account_may_have_a_quota_of_its_own(mock: Mock) -> None:
    mock.account(max_files=1, user_group="vip")
    file = put(mock)
    told = quota(mock)
    assert (told["max_files"], told["remain_files"], told["is_custom"], told["user_group"]) == (1, 0, True, "vip")
    assert told["quota_reason"]
    assert "(1)" in refused(by_base64(mock, sample()), 403)
    assert [one["file_id"] for one in listed(mock)["files"]] == [file["file_id"]]
    delete(mock, file["file_id"])
    file = put(mock)
    refused(by_url(mock, "https://example.com/a.png"), 403, "uploadFileUrl")
    mock.advance(KEPT_S)  # what has expired makes room
    put(mock)
    mock.account(max_files=None)
    assert quota(mock)["remain_files"] == 1999


@pytest.mark.parametrize(
    ("url", "mime_type"),
    [
        ("https://example.com/a.jpeg", "image/jpeg"),
        ("http://example.com/A.MOV?x=1#y", "video/quicktime"),
        ("https://example.com/a.mp3", "audio/mpeg"),
        ("https://example.com/no-ending", "image/jpeg"),
    ],
)
def test_a_remote_file_is_of_the_type_that_its_url_ends_in(mock: Mock, url: str, mime_type: str) -> None:
    file = uploaded(by_url(mock, url), "uploadFileUrl")
    assert file["mime_type"] == mime_type
    response = mock.get(file["file_url"])
    assert response.headers["content-type"] == mime_type
    assert len(response.content) == file["file_size"] > 0


def test_what_lies_behind_a_url_can_be_told(mock: Mock) -> None:
    told = uploaded(by_url(mock, "https://example.com/mock:bytes=77/me%20too.png"), "uploadFileUrl")
    assert (told["file_size"], told["original_name"]) == (77, "me too.png")
    mock.scenario(name="table", media={"https://example.com/b.png": {"bytes": 88}})
    assert uploaded(by_url(mock, "https://example.com/b.png"), "uploadFileUrl")["file_size"] == 88


def test_trigger_words_of_a_url_are_obeyed(mock: Mock) -> None:
    response = by_url(mock, "https://example.com/mock:answer=503/a.png")
    refused(response, 503, "uploadFileUrl")
    assert response.headers["retry-after"] == "1"
    assert "trigger word" in refused(by_url(mock, "https://example.com/mock:nonsense=1/a.png"), 400, "uploadFileUrl")
    with pytest.raises(ConnectionResetError):
        by_url(mock, "https://example.com/mock:fault=closed_before_answer/a.png")
    assert quota(mock)["used_files"] == 0


@pytest.mark.parametrize(("fault", "used"), [("closed_before_answer", 0), ("closed_after_accept", 1)])
def test_scenarios_reach_uploads_too(mock: Mock, fault: str, used: int) -> None:
    mock.scenario({"when": {"operation": "uploadFileBase64"}, "times": 1, "then": {"answer": {"status": 500}}})
    refused(by_base64(mock, sample()), 500)
    mock.scenario({"when": {"operation": "uploadFileBase64"}, "times": 1, "then": {"fault": fault}})
    with pytest.raises(ConnectionResetError):
        by_base64(mock, sample())
    assert quota(mock)["used_files"] == used


def test_bytes_that_were_dropped_are_stood_for_by_a_sample(make_mock: MakeMock) -> None:
    content = sample() + b"\x00" * 100
    mock = make_mock(bounds=Bounds(files_kept_bytes=len(content) + 10))
    first = uploaded(by_base64(mock, content))
    assert mock.get(first["file_url"]).content == content
    put(mock, "image/gif")
    response = mock.get(first["file_url"])
    assert (response.status_code, response.content) == (200, sample())
    assert response.headers["content-type"] == "image/png"


def test_a_server_started_again_knows_its_files(make_mock: MakeMock, tmp_path: Path) -> None:
    log = f"sqlite:{tmp_path / 'log'}"
    mock = make_mock(log=log)
    file = put(mock, file_name="me.png")
    mock.run(mock.app.stop())
    again = make_mock(log=log)
    assert listed(again)["files"] == [file]
    assert again.get(file["file_url"]).content == sample()  # the sample: the bytes went with the process
    assert put(again)["file_id"] != file["file_id"]


def test_a_reset_forgets_files_and_bytes(mock: Mock) -> None:
    file = put(mock)
    mock.post("/_mock/reset")
    assert mock.get(file["file_url"]).status_code == 404
    assert quota(mock)["used_files"] == 0
    assert put(mock)["file_id"] == file["file_id"]  # the same seed, the same ids
