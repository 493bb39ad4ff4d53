"""The documents as pages: everything that `explain` knows stands there, harmless whatever a document says."""

import json
import re
import shlex
from html import unescape
from pathlib import Path

import httpx
import pytest

from mockserver.web.docs.curl import EXAMPLE_KEY, curl
from tests.conftest import MakeMock
from tests.documents import message
from tests.house import MODEL, Mock
from tests.mounted import INVENTED

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7*7 }}</style><script>alert(1)</script>"


def page(mock: Mock, **asked: str) -> str:
    """Its text; no page may ask for anything from anywhere or run anything."""
    answer = mock.get("/_mock/docs", params=asked)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"<script|<img|<link|<iframe| on\w+=\"|javascript:|@import|url\(", answer.text)
    assert not re.findall(r'href="/', answer.text), "behind a path of a proxy that leads elsewhere"
    return answer.text


def test_the_front_leads_to_every_operation(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED,))
    links = re.findall(r'href="\?([^"]+)"', page(mock))
    assert len(links) == len(mock.app.registry.operations)
    for link in links:
        page(mock, **dict(httpx.QueryParams(unescape(link))))


def test_the_front_says_what_is_not_served(make_mock: MakeMock, tmp_path: Path) -> None:
    document = json.loads((INVENTED / "video.json").read_text())
    document["paths"]["/v1/other"] = {"put": {"responses": {"200": {"description": "No task"}}}}
    (tmp_path / "other.json").write_text(json.dumps(document))
    text = page(make_mock(specs=(tmp_path,)))
    assert "<code>PUT /v1/other</code>" in text
    assert "Not served" in text


def test_an_operation_has_all_that_is_known_of_it(mock: Mock) -> None:
    text = unescape(page(mock, operation="createVideoGeneration"))
    for told in (
        MODEL,
        "Start a video edit",
        "<code>prompt</code> <strong>required</strong>",
        "string, at most 5000 characters",
        "1 to 4 items",
        ".mp4, .mov",
        "7/9 credits a second",
        "a request that says no more than it has to: 7 credits",
        "<td>402</td><td><code>insufficient_quota</code></td>",
        'class="mark documented"',
        'class="mark assumed"',
    ):
        assert told in text, told


def test_of_a_mounted_document_it_is_told_what_was_inferred(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED,))
    operation = mock.app.registry.of_model("flicker")
    assert operation is not None
    text = page(mock, document=operation.document, operation=operation.id)
    assert "<h2>Inferred</h2>" in text


@pytest.mark.parametrize("operation", ["createVideoGeneration", "getCredits"])
def test_the_line_to_try_works(mock: Mock, operation: str) -> None:
    [line] = re.findall(r"<code>(curl .*?)</code>", page(mock, operation=operation))
    words = shlex.split(unescape(line))
    assert words[1].startswith("http://127.0.0.1:8787/v1/")
    body = words[words.index("-d") + 1] if "-d" in words else None
    headers = {"authorization": f"Bearer {EXAMPLE_KEY}", "content-type": "application/json"}
    answer = mock.request("POST" if body else "GET", words[1], key=None, headers=headers, content=body)
    assert answer.status_code == 200, answer.text


def test_every_operation_has_a_line(make_mock: MakeMock) -> None:
    mock = make_mock(specs=(INVENTED,))
    for one in mock.app.registry.operations:
        assert shlex.split(curl(one, "http://127.0.0.1:8787", {"a": "it's"}))[0] == "curl"


def test_a_hostile_document_is_text(make_mock: MakeMock, tmp_path: Path) -> None:
    written = (INVENTED / "video.json").read_text()
    document = json.loads(written)
    post = document["paths"]["/v1/videos/generations"]["post"]
    fields = post["requestBody"]["content"]["application/json"]["schema"]["properties"]
    fields["prompt"]["description"] = f"It must be short. {HOSTILE}"
    post |= {"summary": HOSTILE, "description": HOSTILE, "operationId": HOSTILE}
    schema = json.dumps(document).replace("flicker", json.dumps(HOSTILE)[1:-1])
    (tmp_path / "hostile.json").write_text(schema)
    mock = make_mock(specs=(tmp_path / "hostile.json",))
    assert "7*7" in page(mock)
    text = page(mock, operation=HOSTILE)
    assert "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<li><code>prompt</code>: It must be short." in text


def test_an_unknown_operation_is_told(mock: Mock) -> None:
    assert message(mock.get("/_mock/docs", params={"operation": "x"})).startswith(
        'operation: received "x"; allowed: '
    )
    told = message(mock.get("/_mock/docs", params={"document": "files.yaml", "operation": "createVideoGeneration"}))
    assert "uploadFileBase64" in told
