"""Which operation answers what."""

import copy

import pytest

from mockserver.contract.document.document import Document, DocumentError, load
from mockserver.contract.registry import Registry
from mockserver.data import data

BUILT_IN = load(data("openapi", "evolink.yaml"))


def without(path: str) -> Document:
    raw = copy.deepcopy(BUILT_IN.raw)
    del raw["paths"][path]
    return Document(BUILT_IN.file, raw)


def for_models(*models: str) -> Document:
    """A document of somebody else's, for these models."""
    raw = copy.deepcopy(BUILT_IN.raw)
    raw["paths"] = {"/v1/videos/generations": raw["paths"]["/v1/videos/generations"]}
    raw["components"]["schemas"]["VideoRequest"]["properties"]["model"]["enum"] = list(models)
    return Document(f"{len(models)}.yaml", raw)


def test_a_document_without_a_needed_operation_is_refused() -> None:
    with pytest.raises(DocumentError, match="no operation has the role get_task"):
        Registry(without("/v1/tasks/{task_id}"))


def test_a_path_finds_its_operations_and_values() -> None:
    route = Registry(BUILT_IN).route("GET", "/v1/tasks/some-id")
    assert route is not None
    assert [one.id for one in route.operations] == ["getTask"]
    assert route.path_values == {"task_id": "some-id"}


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/tasks/x"), ("GET", "/v1/tasks/x/y"), ("GET", "/v2/credits")]
)
def test_what_is_not_there_is_not_found(method: str, path: str) -> None:
    assert Registry(BUILT_IN).route(method, path) is None


def test_a_model_goes_to_the_document_that_names_fewer() -> None:
    registry = Registry(BUILT_IN, mounted=[for_models("a", "b", "c"), for_models("b")])
    served = {model: registry.of_model(model) for model in "abc"}
    assert {model: one.document for model, one in served.items() if one} == {
        "a": "3.yaml",
        "b": "1.yaml",
        "c": "3.yaml",
    }


def test_the_built_in_document_keeps_its_model() -> None:
    model = Registry(BUILT_IN).models[0]
    operation = Registry(BUILT_IN, mounted=[for_models(model)]).of_model(model)
    assert operation is not None
    assert operation.document == BUILT_IN.file


def test_long_paths_are_not_kept() -> None:
    registry = Registry(BUILT_IN)
    for tail in ("a", "a" * 5_000):
        route = registry.route("GET", f"/v1/tasks/{tail}")
        assert route is not None
        assert route.path_values == {"task_id": tail}
    assert registry._fitting.cache_info().currsize == 1
