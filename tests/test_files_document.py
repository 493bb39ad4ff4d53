"""The document of the files API: valid OpenAPI, marks on everything, true to the published documents."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from mockserver.contract.document.document import Document, DocumentError, load
from mockserver.contract.reading.specs import load_any
from mockserver.contract.registry import Registry
from mockserver.data import data
from tests.conftest import MakeMock
from tests.documents import document, operations
from tests.house import Mock
from tests.test_document import MARKS
from tests.uploads import FILES, by_base64, by_form, by_url, quota, sample

FOLDER = Path(os.environ.get("EVOLINK_PUBLISHED") or "no-such-folder")
PUBLISHED = [
    path for path in sorted(FOLDER.glob("*.json")) if path.stem in ("quota",) or path.stem.startswith("upload-")
]
RAW = document("files")
each_published = pytest.mark.parametrize("path", PUBLISHED or [None], ids=lambda path: path.stem if path else "none")
published = pytest.mark.skipif(not PUBLISHED, reason="EVOLINK_PUBLISHED names no folder of documents")


def marked(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of everything that has to say how surely it is known."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from marked(item, f"{place}/{index}")
    if not isinstance(node, dict):
        return
    parent = place.split("/")[-2] if "/" in place else ""
    of_kind = parent in ("properties", "responses", "examples") or "operationId" in node
    if (of_kind and "$ref" not in node and (parent != "examples" or "x-evolink-refusal" in node)) or "in" in node:
        yield place, node
    for key, value in node.items():
        if key not in ("example", "value", "body", "securitySchemes") and not key.startswith("x-"):
            yield from marked(value, f"{place}/{key}")


PLACES = dict(marked(RAW))


def test_the_document_is_valid_openapi() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(RAW).iter_errors()] == []


def test_places_are_found() -> None:
    assert len(PLACES) >= 50


@pytest.mark.parametrize("place", PLACES)
def test_everything_says_how_it_is_known(place: str) -> None:
    assert PLACES[place].get("x-evolink-evidence") in MARKS


@pytest.mark.parametrize("name", RAW["x-evolink-refusals"])
def test_a_refusal_outside_operations_is_an_error_of_this_api(name: str) -> None:
    refusal = RAW["x-evolink-refusals"][name]
    assert refusal["evidence"] in MARKS
    assert refusal["body"].keys() == {"success", "code", "msg"}
    assert refusal["body"]["code"] == refusal["status"]


def test_every_example_keeps_its_schema() -> None:
    for place, media in media_of(RAW):
        whole = {**media["schema"], "components": RAW["components"]}
        validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        for name, example in media.get("examples", {}).items():
            errors = [error.message for error in validator.iter_errors(example["value"])]
            assert errors == [], f"{place} {name}"


def media_of(node: Any, place: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "schema" in node and "content" in place:
            yield place, node
        for key, value in node.items():
            yield from media_of(value, f"{place}/{key}")


def test_each_operation_has_a_role_of_its_own() -> None:
    roles = {one.raw["operationId"]: one.raw["x-evolink-role"] for one in operations("files")}
    assert roles == {
        "uploadFileBase64": "upload_base64",
        "uploadFileStream": "upload_stream",
        "uploadFileUrl": "upload_url",
        "getFilesQuota": "get_files_quota",
        "listFiles": "list_files",
        "deleteFile": "delete_file",
    }


def registry_with(**changes: Any) -> Registry:
    """A registry whose files document has these changes in x-evolink-uploads."""
    uploads = {**RAW["x-evolink-uploads"], **changes}
    files = Document("files.yaml", {**RAW, "x-evolink-uploads": uploads})
    return Registry(load(data("openapi", "evolink.yaml")), files=files)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kept": {"seconds": 1}}, "evidence"),
        ({"kept": {"evidence": "rumoured", "seconds": 1}}, "rumoured"),
        ({"quota": {"evidence": "assumed", "files": "many"}}, "files"),
        ({"untold": {"evidence": "assumed", "type": "text/plain"}}, "text/plain"),
        ({"colour": {"evidence": "assumed"}}, "colour"),
    ],
)
def test_what_means_nothing_is_refused_at_load(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DocumentError, match=told):
        registry_with(**changes)


@pytest.mark.parametrize("name", ["evolink.yaml", "files.yaml"])
def test_a_document_without_its_answers_is_refused_at_load(name: str) -> None:
    lacking = Document(name, {**load(data("openapi", name)).raw, "x-evolink-refusals": {}})
    documents = {
        one: lacking if one == name else load(data("openapi", one)) for one in ("evolink.yaml", "files.yaml")
    }
    with pytest.raises(DocumentError, match="no error for"):
        Registry(documents["evolink.yaml"], files=documents["files.yaml"])


def test_the_document_drives(make_mock: MakeMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quota, time and types are the document's: change it, and the server changes."""
    from mockserver.web import app

    types = {"image/gif": {"evidence": "documented", "endings": [".gif"], "sample": "image.gif"}}
    changed = registry_with(
        kept={"evidence": "assumed", "seconds": 10},
        quota={"evidence": "assumed", "files": 1},
        types=types,
        untold={"evidence": "assumed", "type": "image/gif"},
    )
    monkeypatch.setattr(app, "registry_of", lambda _: changed)
    mock = make_mock()
    assert by_base64(mock, sample("image/png")).status_code == 400
    assert by_base64(mock, sample("image/gif")).status_code == 200
    assert by_base64(mock, sample("image/gif")).status_code == 403
    mock.advance(10)
    assert quota(mock)["used_files"] == 0


@published
@each_published
def test_published_documents_are_served_by_the_built_in_one(make_mock: MakeMock, path: Path) -> None:
    mock = make_mock(specs=(path,))
    assert mock.app.registry.faults == []
    assert [(one.file, one.by) for one in mock.app.registry.covered] == [(path.name, "files.yaml")]


@published
@each_published
def test_answers_keep_the_published_schemas(mock: Mock, path: Path) -> None:
    by_base64(mock, sample())
    responses = {
        "upload-base64": lambda: by_base64(mock, sample(), upload_path="a", file_name="b.png"),
        "upload-stream": lambda: by_form(mock, sample()),
        "upload-url": lambda: by_url(mock, "https://example.com/image.jpg"),
        "quota": lambda: mock.get(f"{FILES}/quota"),
    }
    written = load_any(path)
    [(_, _, operation)] = written.operations()
    schema = {**written.ok_schema(operation), "components": written.raw["components"]}
    response = responses[path.stem]()
    assert response.status_code == 200
    jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(response.json())
    assert response.json().keys() == written.ok_schema(operation)["properties"].keys()
    data_schema = written.resolved(written.ok_schema(operation)["properties"]["data"])
    assert response.json()["data"].keys() == data_schema["properties"].keys()


@published
@each_published
def test_the_document_takes_what_the_published_one_takes(path: Path) -> None:
    written = load_any(path)
    [(method, route, operation)] = written.operations()
    own = next(one for one in operations("files") if (one.method, one.path) == (method, route))
    theirs = written.resolved(written.request_schema(operation) or {})
    ours_document = Document("files.yaml", RAW)
    ours = ours_document.resolved(ours_document.request_schema(own.raw) or {})
    assert theirs.get("required") == ours.get("required")
    assert theirs.get("properties", {}).keys() <= ours.get("properties", {}).keys()
    assert own.raw["operationId"] == operation["operationId"]
