"""A wrong `model` is answered with one sentence that names the path, the names of this path, and the way out."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeMock
from tests.house import CREATE, MODEL, Mock
from tests.invented import document, of_models, operation, request, task_answer, usage, written
from tests.model_messages import ABSENT, HEADER, SNAPSHOT, Case, answer, cases, lines, mounted

IMAGES, SOUNDS = "/v1/images/generations", "/v1/sounds"
FOLDER = Path(os.environ.get("EVOLINK_PUBLISHED") or "no-such-folder")
SNAPPED = [FOLDER / name for name in SNAPSHOT.read_text().partition("\n")[0].removeprefix(HEADER).split()]


def serves(path: str, *names: str, how: str = "what") -> str:
    return f"{', '.join(names)} ({how} POST {path} serves)"


@pytest.fixture
def several(make_mock: MakeMock, tmp_path: Path) -> Mock:
    """Four models at a path, one at another, beside the built-in one."""
    written(
        tmp_path, a=of_models(IMAGES, "oil", "ink"), b=of_models(IMAGES, "chalk", "coal"), c=of_models(SOUNDS, "hum")
    )
    return make_mock(specs=(tmp_path,))


FOUR = "chalk, coal, ink (3 of the 4 models that POST /v1/images/generations serves)"


@pytest.mark.parametrize(
    ("path", "model", "told"),
    [
        (IMAGES, ABSENT, f"received nothing; allowed: {FOUR}"),
        (IMAGES, None, f"received null; allowed: {FOUR}"),
        (IMAGES, 5, f"received integer 5; allowed: {FOUR}"),
        (IMAGES, ["oil"], f'received array ["oil"]; allowed: {FOUR}'),
        (SOUNDS, "oil", f'received "oil"; allowed: oil at POST {IMAGES}; here, {serves(SOUNDS, "hum")}'),
        (CREATE, "hum", f'received "hum"; allowed: hum at POST {SOUNDS}; here, {serves(CREATE, MODEL)}'),
        (
            IMAGES,
            "chlak",
            'received "chlak"; allowed: chalk (the nearest of the 4 models that POST /v1/images/generations serves); '
            "--spec FILE_OR_DIR mounts the document of another model",
        ),
        (
            CREATE,
            "oyl",
            f'received "oyl"; allowed: {serves(CREATE, MODEL)}; '
            "--spec FILE_OR_DIR mounts the document of another model",
        ),
    ],
)
def test_a_wrong_model_is_told_the_path_and_its_names(several: Mock, path: str, model: Any, told: str) -> None:
    assert answer(several, Case(path, model)) == (400, "invalid_request", f"model: {told}")


def test_a_model_is_judged_before_the_rest_of_the_body(several: Mock) -> None:
    message = several.post(CREATE, {"model": 5, "prompt": 5}).json()["error"]["message"]
    assert message.startswith("model: received integer 5")


def test_who_shares_a_path_answers_with_its_commonest_code(make_mock: MakeMock, tmp_path: Path) -> None:
    """Which document comes first decides nothing."""
    odd = {"value": {"error": {"code": "odd", "message": "No", "type": "invalid_request_error"}}}
    answers = {"400": {"description": "No", "content": {"application/json": {"examples": {"odd": odd}}}}}
    first = of_models(IMAGES, "oil")
    first["paths"][IMAGES]["post"]["responses"].update(answers)
    written(tmp_path, a=first, b=of_models(IMAGES, "chalk"), c=of_models(IMAGES, "coal"))
    mock = make_mock(specs=(tmp_path,))
    assert answer(mock, Case(IMAGES, ABSENT))[1] == "invalid_request"
    assert mock.post(IMAGES, {"model": "oil", "prompt": 5}).json()["error"]["code"] == "odd"


def test_a_model_that_two_paths_serve_is_served_at_both_by_their_own_terms(
    make_mock: MakeMock, tmp_path: Path
) -> None:
    priced = document((SOUNDS, operation(request("oil", "hum"), task_answer(usage=usage("per_call", 9)))))
    mock = make_mock(specs=(written(tmp_path, a=of_models(IMAGES, "oil"), b=priced),))
    for path, reserved in ((IMAGES, 1), (SOUNDS, 10), (IMAGES, 11)):
        assert mock.post(path, {"model": "oil"}).status_code == 200
        assert mock.book()["user"]["reserved"] == reserved * 10_000


def test_a_document_may_do_without_a_model(make_mock: MakeMock, tmp_path: Path) -> None:
    """Its one model is then meant, and shown."""
    whole = document((SOUNDS, operation(request("hum", required=()), task_answer())))
    mock = make_mock(specs=(written(tmp_path, a=whole),))
    assert mock.post(SOUNDS, {"prompt": "A bee"}).json()["model"] == "hum"
    assert mock.post(SOUNDS, {"model": None}).status_code == 400


@pytest.mark.parametrize("body", [[], "hum", 5, None])
def test_a_body_that_is_no_object_is_told_so(make_mock: MakeMock, tmp_path: Path, body: Any) -> None:
    whole = of_models(SOUNDS, "hum")
    del whole["paths"][SOUNDS]["post"]["requestBody"]["content"]["application/json"]["schema"]["type"]
    mock = make_mock(specs=(written(tmp_path, a=whole),))
    response = mock.post(SOUNDS, content=json.dumps(body), headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]["message"].endswith("allowed: object")


# --- the provider's own


@pytest.fixture(scope="module")
def published() -> Iterator[Mock]:
    if not all(file.is_file() for file in SNAPPED):
        pytest.skip("EVOLINK_PUBLISHED names no folder with the documents of the snapshot")
    mock = mounted(tuple(SNAPPED))
    yield mock
    mock.close()


def test_the_texts_are_those_that_somebody_has_read(published: Mock) -> None:
    assert "\n".join(lines(published)) == SNAPSHOT.read_text().partition("\n")[2].rstrip("\n")


def test_every_text_names_the_path_and_nobody_elses_names(published: Mock) -> None:
    everywhere = published.app.registry.models
    for case in cases(published):
        status, _, message = answer(published, case)
        names = re.findall(r"[\w.-]+(?=[, ])", message.partition("allowed: ")[2].rpartition("here, ")[2])
        named = {name for name in names if name in everywhere}
        assert (status, f"POST {case.path}" in message, bool(named)) == (400, True, True), message
        assert all(published.app.registry.by_model.serving(one, ("POST", case.path)) for one in named), message
