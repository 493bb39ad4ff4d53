"""Overlays: rules for a document that stays as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract.behaviour import Profile
from mockserver.contract.document.document import DocumentError
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.overlay import load_overlay
from mockserver.contract.reading.specs import load_any
from mockserver.data import data
from mockserver.web.app import registry_of
from mockserver.web.options import Options
from tests.conftest import MakeMock
from tests.house import Mock

RULES = {
    "required_when": {"field": "style", "when": [{"field": "mode", "equals": "custom"}]},
    "at_least_one_of": {"fields": ["prompt", "lyrics"]},
    "mutually_exclusive": {"fields": ["image_url", "video_url"]},
    "total_count": {"fields": ["images", "videos"], "maximum": 3},
    "total_seconds": {"field": "shots[].duration", "equals_field": "duration"},
    "min_length": {"field": "prompt", "characters": 3, "when": [{"field": "mode", "equals": "custom"}]},
}
FINE: dict[str, Any] = {"model": "m", "prompt": "a long prompt"}
BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "required_when": ({"mode": "custom"}, "style: received nothing; allowed: a value where mode is custom"),
    "at_least_one_of": ({"prompt": ""}, "prompt, lyrics: received none of them; allowed: at least one of them"),
    "mutually_exclusive": (
        {"image_url": "https://e.com/a.png", "video_url": "https://e.com/b.mp4"},
        "image_url, video_url: received all of them; allowed: one of them at most",
    ),
    "total_count": (
        {"images": ["a", "b"], "videos": ["c", "d"]},
        "images, videos: received 4 items; allowed: at most 3 together",
    ),
    "total_seconds": (
        {"duration": 5, "shots": [{"duration": "2"}, {"duration": 4}]},
        "shots[].duration: received 6 s in all; allowed: the 5 s of duration",
    ),
    "min_length": (
        {"mode": "custom", "prompt": "ab", "style": "x"},
        "prompt: received 2 characters; allowed: at least 3 where mode is custom",
    ),
}


def document(folder: Path) -> Path:
    """A small document of a model `m` that says nothing of rules."""
    answer = {"properties": {"id": {"type": "string"}, "status": {"type": "string", "enum": ["pending"]}}}
    request = {"type": "object", "required": ["model"], "properties": {"model": {"enum": ["m"]}}}
    operation = {
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
    }
    path = folder / "m.json"
    path.write_text(json.dumps({"openapi": "3.1.0", "paths": {"/v1/images/generations": {"post": operation}}}))
    return path


def overlaid(make_mock: MakeMock, folder: Path, *rules: dict[str, Any]) -> Mock:
    spec = document(folder)
    text = json.dumps({"overlay": 1, "models": {"m": {"x-evolink-rules": list(rules)}}})
    spec.with_suffix(".overlay.yaml").write_text(text)
    return make_mock(specs=(folder,))


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_of_an_overlay_is_enforced(make_mock: MakeMock, tmp_path: Path, kind: str) -> None:
    mock = overlaid(make_mock, tmp_path, {"rule": kind, "evidence": "documented", **RULES[kind]})
    assert mock.post("/v1/images/generations", FINE).status_code == 200
    fields, words = BROKEN[kind]
    response = mock.post("/v1/images/generations", {**FINE, **fields})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == words


def test_without_its_overlay_the_document_says_nothing_of_it(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = make_mock(specs=(document(tmp_path),))
    for fields, _ in BROKEN.values():
        assert mock.post("/v1/images/generations", {**FINE, **fields}).status_code == 200


def test_a_misspelt_rule_is_told_with_file_and_place(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = overlaid(make_mock, tmp_path, {"rule": "requird_when", "field": "style", "evidence": "documented"})
    told = mock.app.registry.faults[0]
    assert told[:2] == ("m.overlay.yaml", "#/models/m/x-evolink-rules")
    assert "requird_when" in told.message


PRICES: dict[str, tuple[dict[str, Any], str]] = {
    "no profile": ({"billing_rule": "per_call"}, "received billing_rule; allowed: a price by its profile"),
    "misspelt": (
        {"documented": {"evidence": "assumed", "billing_rule": "per_call", "credit": "1"}},
        "documented.credit: received a key that is not known here",
    ),
    "no number": (
        {"documented": {"evidence": "assumed", "billing_rule": "per_call", "credits": "three"}},
        "documented: received 'three'; allowed: a number such as",
    ),
    "bounds": (
        {
            "documented": {
                "evidence": "assumed",
                "billing_rule": "per_second",
                "credits_per_second": "1",
                "minimum_seconds": 9,
                "maximum_seconds": 3,
            }
        },
        "minimum_seconds is more than maximum_seconds (at documented)",
    ),
}


@pytest.mark.parametrize("price", PRICES)
def test_a_price_that_means_nothing_is_told_where_it_was_written(tmp_path: Path, price: str) -> None:
    written, words = PRICES[price]
    [told] = faults_of(tmp_path, {"x-evolink-price": written})
    assert told[:2] == ("m.overlay.yaml", "#/models/m/x-evolink-price")
    assert told.message.startswith(words)


def faults_of(folder: Path, keys: dict[str, Any], **model: Any) -> list[Fault]:
    """What is wrong with an overlay of these keys for a document with this `model`."""
    path = document(folder)
    whole = json.loads(path.read_text())
    media = whole["paths"]["/v1/images/generations"]["post"]["requestBody"]["content"]["application/json"]
    camera = {"type": "object", "properties": {"move": {"enum": ["pan"]}, "speed": {"type": "number"}}}
    media["schema"]["properties"] |= {
        "quality": {"enum": ["low", "high"]},
        "camera": camera,
        **({"model": model} if model else {}),
    }
    path.write_text(json.dumps(whole))
    path.with_suffix(".overlay.yaml").write_text(json.dumps({"overlay": 1, "models": {"m": keys}}))
    return registry_of(Options(specs=(folder,))).faults


def times(**factor: Any) -> dict[str, Any]:
    price = {
        "evidence": "assumed",
        "billing_rule": "per_call",
        "credits": "1",
        "factors": [{"factor": "2", **factor}],
    }
    return {"x-evolink-price": {"documented": price}}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (times(field="qualty", equals="high"), "received the field qualty, which no request has; allowed: quality"),
        (
            times(field="camera.sped", equals=2),
            "received the field camera.sped, which no request has; allowed: camera.speed, camera.move",
        ),
        (
            times(field="camera.move", equals="pann"),
            'camera.move: received "pann", which it never is; allowed: "pan"',
        ),
        (times(field="quality", equals="hgh"), 'quality: received "hgh", which it never is; allowed: "low", "high"'),
        (
            {"x-evolink-length": {"evidence": "assumed", "seconds_field": "qual", "default_seconds": 5}},
            "received the field qual, which no request has; allowed: quality",
        ),
        (
            {"x-evolink-rules": [{"rule": "at_least_one_of", "fields": ["model", "qualt"], "evidence": "assumed"}]},
            "received the field qualt, which no request has; allowed: quality",
        ),
    ],
)
def test_a_name_that_no_request_has_is_told(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    [told] = faults_of(tmp_path, keys)
    assert (told.file, told.message) == ("m.overlay.yaml", words)


def test_a_name_that_requests_have_is_no_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path, times(field="quality", equals="high")) == []


def test_an_overlay_finds_a_model_that_is_a_constant(tmp_path: Path) -> None:
    assert faults_of(tmp_path, times(field="quality", equals="high"), const="m") == []
    told = registry_of(Options(specs=(tmp_path,))).of_model("m")
    assert told is not None
    assert told.task_behaviour.prices[Profile.DOCUMENTED].factors


def test_an_overlay_beside_nothing_is_told(tmp_path: Path) -> None:
    document(tmp_path)
    (tmp_path / "n.overlay.yaml").write_text("overlay: 1\nmodels: {m: {}}")
    [told] = registry_of(Options(specs=(tmp_path,))).faults
    assert told == ("n.overlay.yaml", "", "no document of this name is beside this overlay")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "overlay: 2\nmodels: {}",
        "overlay: 1\nmodels: {m: {x-evolink-rulez: []}}",
        "{",
        "overlay: 1\nmodels: {m: }",
    ],
)
def test_a_file_that_is_no_overlay_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.overlay.yaml"
    path.write_text(text)
    with pytest.raises(DocumentError, match=r"x\.overlay\.yaml"):
        load_overlay(path)


def test_an_overlay_says_what_it_looks_like(make_mock: MakeMock, tmp_path: Path) -> None:
    """`on` is a text, as it is in the document."""
    text = (
        "overlay: 1\nmodels: {m: {x-evolink-rules: [{rule: required_when, field: style, evidence: assumed, "
        "when: [{field: sound, equals: on}]}]}}"
    )
    document(tmp_path).with_suffix(".overlay.yaml").write_text(text)
    mock = make_mock(specs=(tmp_path,))
    assert mock.post("/v1/images/generations", {**FINE, "sound": "off"}).status_code == 200
    assert mock.post("/v1/images/generations", {**FINE, "sound": "on"}).status_code == 400


def test_the_overlays_of_the_kit_are_readable() -> None:
    found = [load_overlay(path) for path in data("openapi", "overlays").glob("*.yaml")]
    assert found
    assert load_any(data("openapi", "evolink.yaml"))
