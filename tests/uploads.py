"""Uploads as tests make them: content of every type that is taken, and the three ways to bring it in."""

import base64
from typing import Any

import httpx

from mockserver.data import data
from tests.documents import check
from tests.house import KEY, Mock

FILES = "/api/v1/files"
HOUR_S = 3_600
KEPT_S = 72 * HOUR_S
SAMPLES = {
    "image/jpeg": ("image.jpg", ".jpg"),
    "image/png": ("image.png", ".png"),
    "image/gif": ("image.gif", ".gif"),
    "image/webp": ("image.webp", ".webp"),
    "video/mp4": ("video.mp4", ".mp4"),
    "audio/mpeg": ("audio.mp3", ".mp3"),
    "audio/wav": ("audio.wav", ".wav"),
}


def sample(mime_type: str = "image/png") -> bytes:
    return (data("fixtures", "media") / SAMPLES[mime_type][0]).read_bytes()


def base64_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def by_base64(mock: Mock, content: bytes, key: str = KEY, **fields: Any) -> httpx.Response:
    return mock.post(f"{FILES}/upload/base64", {"base64_data": base64_of(content), **fields}, key=key)


def by_form(mock: Mock, content: bytes, name: str = "my.bin", key: str = KEY, **fields: str) -> httpx.Response:
    return mock.post(f"{FILES}/upload/stream", files={"file": (name, content)}, data=fields, key=key)


def by_url(mock: Mock, url: str, key: str = KEY, **fields: Any) -> httpx.Response:
    return mock.post(f"{FILES}/upload/url", {"file_url": url, **fields}, key=key)


def uploaded(response: httpx.Response, operation_id: str = "uploadFileBase64") -> dict[str, Any]:
    """The file that an upload was answered with, having checked the answer against the document."""
    assert response.status_code == 200, response.text
    body = check(response, operation_id, "files")
    assert (body["success"], body["code"]) == (True, 200)
    return dict(body["data"])


def put(mock: Mock, mime_type: str = "image/png", key: str = KEY, **fields: Any) -> dict[str, Any]:
    """Upload the sample of a type."""
    return uploaded(by_base64(mock, sample(mime_type), key, **fields))


def quota(mock: Mock, key: str = KEY) -> dict[str, Any]:
    return dict(check(mock.get(f"{FILES}/quota", key=key), "getFilesQuota", "files")["data"])


def listed(mock: Mock, key: str = KEY, **params: Any) -> dict[str, Any]:
    return dict(check(mock.get(f"{FILES}/list", params=params, key=key), "listFiles", "files")["data"])


def delete(mock: Mock, file_id: str, key: str = KEY) -> httpx.Response:
    return mock.request("DELETE", f"{FILES}/{file_id}", key=key)


def refused(response: httpx.Response, status: int, operation_id: str = "uploadFileBase64") -> str:
    """What an error says, having checked its status and its shape."""
    assert response.status_code == status, response.text
    body = check(response, operation_id, "files")
    assert body.keys() == {"success", "code", "msg"}
    assert (body["success"], body["code"]) == (False, status)
    return str(body["msg"])
