"""Recordings of other tools: what was recorded is judged, and nothing that the tool did to it is taken for drift."""

import base64
import contextlib
import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import vcr  # type: ignore[import-untyped]
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.contract.document import contract_document
from contract_tests.drift.archive import archive_of, data_of
from contract_tests.drift.command import drift
from contract_tests.drift.source import RecordingError, load
from contract_tests.exchange import Exchange
from mockserver.testing import MockServer
from tests import reports
from tests.recorded import KEYS, Talk, whole_story

Exchanges = list[Exchange]


@pytest.fixture(scope="module")
def talked() -> Iterator[Exchanges]:
    with MockServer() as mock:
        talk = Talk(mock)
        whole_story(talk)
        yield talk.exchanges


def shown(headers: dict[str, str]) -> dict[str, str]:
    """As tools keep them that take out keys."""
    return {name: value for name, value in headers.items() if name != "authorization"}


def har(exchanges: Exchanges) -> bytes:
    def fields(headers: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in {":authority": "x", **shown(headers)}.items()]

    entries = [
        {
            "startedDateTime": f"2026-11-23T05:20:{number:02}.000Z",
            "request": {
                "method": one.method,
                "url": one.url,
                "headers": fields(one.request_headers),
                "postData": {"mimeType": "application/json", "text": one.request_body},
            },
            "response": {
                "status": one.status,
                "headers": fields(one.headers),
                "content": {"text": base64.b64encode(one.body.encode()).decode(), "encoding": "base64"},
            },
        }
        for number, one in enumerate(exchanges)
    ]
    return b"\xef\xbb\xbf" + json.dumps({"log": {"version": "1.2", "entries": entries[::-1]}}).encode()


def ruby(exchanges: Exchanges) -> bytes:
    def body(text: str) -> dict[str, str]:
        return {"encoding": "UTF-8", "string": text}

    def lists(headers: dict[str, str]) -> dict[str, list[str]]:
        return {name.title(): [value] for name, value in shown(headers).items()}

    return yaml.safe_dump(
        {
            "http_interactions": [
                {
                    "request": {
                        "method": one.method.lower(),
                        "uri": one.url,
                        "body": body(one.request_body),
                        "headers": lists(one.request_headers),
                    },
                    "response": {
                        "status": {"code": one.status, "message": "OK"},
                        "headers": lists(one.headers),
                        "body": body(one.body),
                        "http_version": None,
                    },
                    "recorded_at": "Tue, 24 Nov 2026 04:58:44 GMT",
                }
                for one in exchanges
            ],
            "recorded_with": "VCR 6.3.1",
        }
    ).encode()


def php(exchanges: Exchanges) -> bytes:
    told = [
        {
            "request": {
                "method": one.method,
                "url": one.url,
                "headers": shown(one.request_headers),
                "body": one.request_body,
            },
            "response": {
                "status": {"http_version": "1.1", "code": f"{one.status}", "message": "OK"},
                "headers": one.headers,
                "body": one.body,
            },
        }
        for one in exchanges
    ]
    return json.dumps(told).encode()


def packed(exchanges: Exchanges) -> bytes:
    """vcrpy, as it keeps compressed answers and no keys."""
    told = [
        {
            "request": {"method": one.method, "uri": one.url, "body": one.request_body or None, "headers": JSON},
            "response": {
                "status": {"code": one.status, "message": None},
                "headers": {"Content-Encoding": ["gzip"]},
                "body": {"string": gzip.compress(one.body.encode())},
            },
        }
        for one in exchanges
    ]
    return yaml.safe_dump({"interactions": told, "version": 1}).encode()


Write = Callable[[Exchanges], bytes]
JSON = {"Content-Type": ["application/json"]}
FORMS = pytest.mark.parametrize(
    ("name", "write"), [("t.har", har), ("t.json", har), ("t.yml", ruby), ("t.json", php), ("t.yaml", packed)]
)


def run(source: Path) -> Result:
    return CliRunner().invoke(drift, [str(source)])


@FORMS
def test_what_the_fake_said_is_no_drift(talked: Exchanges, tmp_path: Path, name: str, write: Write) -> None:
    (tmp_path / name).write_bytes(write(talked))
    for source in (tmp_path, tmp_path / name):
        done = run(source)
        assert done.output.endswith("No drift\n"), done.output
        assert f"{len(talked)} recordings" in done.output
    assert done.exit_code == 0


def test_the_type_of_what_was_posted_tells_where_the_headers_are_gone(talked: Exchanges, tmp_path: Path) -> None:
    bare = [replace(one, request_headers={}) for one in talked]
    (tmp_path / "t.har").write_bytes(har(bare))
    assert "unsupported_media_type" not in run(tmp_path).output


def test_a_text_where_a_number_is_due_is_shown_as_one(talked: Exchanges, tmp_path: Path) -> None:
    [task] = [one for one in talked if one.method == "GET" and '"progress":' in one.body][:1]
    body = json.dumps(json.loads(task.body) | {"progress": "100"})
    (tmp_path / "t.har").write_bytes(har([replace(task, body=body)]))
    assert re.search(r'received +"100"\n', run(tmp_path).output)


@FORMS
def test_what_drifted_is_named(talked: Exchanges, tmp_path: Path, name: str, write: Write) -> None:
    url = talked[0].url.replace("/v1/videos/generations", "/v1/credits")
    drifted = Exchange("GET", url, {}, "", 200, {}, '{"object":"credits","mood":"glad"}')
    (tmp_path / name).write_bytes(write([*talked, drifted]))
    done = run(tmp_path / name)
    assert done.exit_code == 1
    assert "the document has no such field: getCredits, 200, mood" in done.output
    assert f"seen in     {name}#{len(talked) + 1}" in done.output


def test_a_cassette_of_vcrpy_itself(tmp_path: Path) -> None:
    with MockServer() as mock, vcr.VCR(filter_headers=["authorization"]).use_cassette(tmp_path / "one.yaml"):
        talk = Talk(mock)
        task = talk.submit()
        talk.send("GET", f"/v1/tasks/{task}")
        talk.send("GET", f"/v1/tasks/{task}", key=None)
        talk.send("GET", "/v1/credits")
    done = run(tmp_path)
    assert done.output.endswith("No drift\n"), done.output
    accounts = [one.request.account for one in load(tmp_path, contract_document()).recordings.values()]
    assert accounts == [1, 1, 0, 1]


def test_other_hosts_are_left_out_and_named(talked: Exchanges, tmp_path: Path) -> None:
    others = [Exchange("GET", "https://example.com/v1/models?page=1", {}, "", 200, {}, "[]")] * 3
    (tmp_path / "t.har").write_bytes(har([*talked, *others]))
    done = run(tmp_path)
    assert done.output.endswith("No drift\n"), done.output
    assert "left out: what was exchanged with example.com (3), which" in done.output
    elsewhere = [Exchange("GET", f"https://{name}.example/", {}, "", 200, {}, "") for name in "abcde"]
    (tmp_path / "t.har").write_bytes(har(elsewhere))
    done = run(tmp_path)
    assert done.exit_code == 3
    assert "only of a.example (1), b.example (1), c.example (1) and 2 more" in done.stderr.replace("\n", "")


def test_what_other_documents_describe_is_left_out_and_named(talked: Exchanges, tmp_path: Path) -> None:
    api = talked[0].url.partition("/v1/")[0]
    task = '{"id": "task-unified-1-abcdefgh", "model": "gpt-image-2", "mood": "glad"}'
    beside = [
        Exchange("GET", f"{api}/api/v1/files/quota", {}, "", 200, {}, '{"success": true}'),
        Exchange("POST", f"{api}/v1/images/generations", {}, '{"model": "gpt-image-2"}', 200, {}, task),
        Exchange("POST", f"{api}/v1/videos/generations", {}, '{"model": "gpt-image-2"}', 200, {}, task),
        Exchange("GET", f"{api}/v1/tasks/task-unified-1-abcdefgh", {}, "", 200, {}, task),
    ]
    (tmp_path / "t.har").write_bytes(har([*talked, *beside]))
    done = run(tmp_path)
    assert done.output.endswith("No drift\n"), done.output
    assert "left out: what was exchanged with the model gpt-image-2 (3), the files API (1), which" in done.output


def test_no_secret_comes_out_of_an_archive(talked: Exchanges, tmp_path: Path) -> None:
    told = json.loads(php(talked))
    for one, exchange in zip(told, talked, strict=True):
        one["request"]["headers"] = exchange.request_headers
    (tmp_path / "t.json").write_text(json.dumps(told))
    recordings = load(tmp_path, contract_document()).recordings.values()
    assert not [secret for secret in (*KEYS, "s3cr3t-of-the-hook") if any(secret in f"{one}" for one in recordings)]
    assert {one.request.account for one in recordings} == {0, 1, 2}


def test_when_it_was_recorded(talked: Exchanges, tmp_path: Path) -> None:
    for name, write, day in (("a.har", har, "2026-11-23"), ("b.yml", ruby, "2026-11-24")):
        (tmp_path / name).write_bytes(write(talked))
        archive = archive_of(data_of(tmp_path / name), tmp_path / name)
        assert archive is not None
        assert f"{archive.began.date()}" == day


BAD = {
    "no url": {
        "interactions": [{"request": {"method": "GET", "uri": "http://[x"}, "response": {"status": {"code": 1}}}]
    },
    "no status": {"interactions": [{"request": {"method": "GET"}, "response": {}}]},
    "no base64": {
        "log": {
            "entries": [
                {
                    "request": {"method": "GET", "url": "http://a/"},
                    "response": {"status": 200, "content": {"text": "x", "encoding": "base64"}},
                }
            ]
        }
    },
    "no list": {"log": {"entries": 5}},
}


@pytest.mark.parametrize("told", BAD.values(), ids=BAD)
def test_a_file_that_is_none_is_refused(tmp_path: Path, told: Any) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(told))
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "bad.json: " in done.stderr.replace("\n", "")


@pytest.mark.parametrize("text", ["overlay: 1.0.0", "&a [*a, *a]", "{", "a: !!python/object:x {}", "\x00"])
def test_yaml_that_is_no_cassette_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    done = run(tmp_path)
    assert done.exit_code == 2, done.output
    assert "bad.yaml: " in done.stderr.replace("\n", "")


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
names = st.sampled_from(
    ["request", "response", "method", "uri", "url", "status", "code", "headers", "body", "string", "base64_string"]
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner), max_leaves=12
)


@reports.DRAWN
@given(st.sampled_from(["interactions", "http_interactions", "entries"]), st.lists(values, max_size=3))
def test_whatever_a_file_holds_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, key: str, told: Any
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.json"
    path.write_text(json.dumps({"log": {key: told}} if key == "entries" else {key: told}))
    with contextlib.suppress(RecordingError):
        load(path, contract_document())


@pytest.mark.parametrize("places", [slice(None), slice(0, 1), slice(1, 3)], ids=["all", "the first", "some"])
def test_a_body_that_was_not_kept_is_no_empty_one(talked: Exchanges, tmp_path: Path, places: slice) -> None:
    """Browsers save archives without the bodies, or lose some; what they do tell is the size."""
    told = json.loads(har(talked).removeprefix(b"\xef\xbb\xbf"))
    without = told["log"]["entries"][::-1][places]
    for entry in without:
        entry["response"]["content"] = {"size": 229, "mimeType": "application/json"}
    (tmp_path / "t.har").write_text(json.dumps(told))
    done = run(tmp_path)
    shown = (done.output + done.stderr).replace("\n", "")
    assert done.exit_code == (3 if len(without) == len(talked) else 0), done.output
    assert f"{len(without)} answers" in shown
    assert "did not keep" in shown
