"""The contract of a model of mounted documents: one document, in which its own operations have their roles.

What the built-in document says of this API as a whole (queries, credits, callbacks, idempotency) holds for each of
its models. Of another provider nothing holds that its own document does not say.
"""

from collections.abc import Iterable
from copy import deepcopy
from pathlib import Path
from typing import Any

from contract_tests.contract.contract import KEY_HEADER, NAMED_BY, Contract, built_in
from contract_tests.contract.document import contract_document, flat, json_media, json_schema, resolved
from contract_tests.contract.speech import Speech
from mockserver.testing import SpecError, Spoken, Terms, terms

_MOUNTED = "x-mounted"
"""Where the mounted document stands among the components, with all that it refers to."""
_OF_THE_API = ("x-evolink-idempotency", "x-evolink-rate-limit", "x-evolink-results")
_EVIDENCE = "x-evolink-evidence"
Raw = dict[str, Any]


def contract_of(specs: Iterable[str | Path], model: str | None = None) -> Contract:
    """What these files and folders say of a model; without any, the built-in contract. Raises SpecError."""
    paths, own = tuple(map(Path, specs)), built_in().model
    if not paths and model not in (None, own):
        raise SpecError(f"--model: received {model}; allowed: {own}, or --spec with the document of another")
    if not paths:
        return built_in()
    told = terms(paths, model)
    found = _of_this_api(told, paths) if told.spoken is None else _of_another(told, told.spoken, paths)
    if not found.requests.examples:
        raise SpecError(f"--spec: {told.file} has no valid example of {told.model}, nor does its schema make one")
    return found


def _of_this_api(told: Terms, specs: tuple[Path, ...]) -> Contract:
    """The built-in document with the operation of this model in place of its own."""
    document, raw = deepcopy(contract_document()), _rebased(told.raw)
    document["components"][_MOUNTED] = raw
    usual = document["paths"][built_in().create.path].pop("post")
    own = _completed(document, raw["paths"][told.path][told.method.lower()], usual, told.callback)
    document["paths"].setdefault(told.path, {})[told.method.lower()] = own
    _name_model(document, own, told.model)
    _admit_statuses(document, own)
    return Contract(document, told.model, told.file, callback=told.callback, specs=specs)


def _of_another(told: Terms, spoken: Spoken, specs: tuple[Path, ...]) -> Contract:
    """The document of another provider: its operations, and no others."""
    raw = _rebased(told.raw)
    if "get_task" not in spoken.following:
        raise SpecError(f"--spec: {told.file} has no operation that tells how a task stands")
    places = {**spoken.following, "create_task": (told.method, told.path)}
    paths: dict[str, Raw] = {}
    document = {
        "openapi": "3.1.0",
        "info": told.raw.get("info", {"title": told.file, "version": "1"}),
        "paths": paths,
        "components": {_MOUNTED: raw},
    }
    for role, (method, path) in places.items():
        operation = {**raw["paths"][path][method.lower()], "x-evolink-role": role, _EVIDENCE: "documented"}
        answers = operation["responses"].items()
        operation["responses"] = {one: resolved(document, it) | {_EVIDENCE: "documented"} for one, it in answers}
        if role in spoken.named_by:
            operation[NAMED_BY] = spoken.named_by[role]
        paths.setdefault(path, {})[method.lower()] = operation
        if isinstance(shared := raw["paths"][path].get("parameters"), list):
            paths[path]["parameters"] = shared
    _name_model(document, paths[told.path][told.method.lower()], told.model)
    speech = Speech(spoken.submitted, spoken.queried, spoken.words)
    return Contract(document, told.model, told.file, speech, told.callback, specs)


def _rebased(node: Any) -> Any:
    """A copy whose references lead to where the document stands among the components."""
    if isinstance(node, list):
        return [_rebased(one) for one in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _rebased(value) for key, value in node.items()}
    if isinstance(reference := node.get("$ref"), str) and reference.startswith("#/"):
        copy["$ref"] = f"#/components/{_MOUNTED}/{reference[2:]}"
    return copy


def _completed(document: Raw, own: Raw, usual: Raw, callback: str | None) -> Raw:
    """An operation of this API with what holds for all that create a task."""
    whole = {**own, "x-evolink-role": "create_task", _EVIDENCE: "documented"}
    whole.pop("security", None)
    for key in _OF_THE_API:
        whole.setdefault(key, usual[key])
    given = [one for one in own.get("parameters", ()) if resolved(document, one).get("name") != KEY_HEADER]
    whole["parameters"] = [*given, *usual["parameters"]]
    if callback is not None:
        whole["callbacks"] = usual["callbacks"]
    whole["responses"] = dict(_responses(document, own["responses"], usual["responses"]))
    return whole


def _responses(document: Raw, own: Raw, usual: Raw) -> Iterable[tuple[str, Raw]]:
    """Those of the model's page, which win; what only clients know of, and what others have, beside them."""
    for status in [*own, *(one for one in usual if one not in own)]:
        if status not in own:
            yield status, usual[status]
            continue
        answer = deepcopy(resolved(document, own[status])) | {_EVIDENCE: "documented"}
        if "links" in usual.get(status, {}):
            answer.setdefault("links", usual[status]["links"])
        if status not in ("200", "400"):
            _admit_examples(document, answer, usual.get(status, {}))
        yield status, answer


def _admit_examples(document: Raw, answer: Raw, usual: Raw) -> None:
    """An error that only clients know of is one of this API's, whatever the model."""
    media = json_media(document, answer)
    vendors = {
        name: one
        for name, one in json_media(document, usual).get("examples", {}).items()
        if one.get(_EVIDENCE) != "documented"
    }
    if vendors and (media.get("examples") or "example" in media):
        examples = media.setdefault("examples", {})
        if "example" in media:
            examples["documented"] = {"value": media.pop("example")}
        examples |= vendors


def _name_model(document: Raw, own: Raw, model: str) -> None:
    """The model that is judged is the only one, also where the document names several, or none but in an example."""
    schema = resolved(document, json_schema(document, own.get("requestBody")) or {})
    if "model" in schema.get("properties", {}):
        said = resolved(document, schema["properties"]["model"])
        kept = {key: one for key, one in said.items() if key not in ("anyOf", "oneOf", "const")}
        schema["properties"]["model"] = {**kept, "type": "string", "enum": [model]}


def _admit_statuses(document: Raw, own: Raw) -> None:
    """A query tells every status that the page of the model lists, `cancelled` among them where it has it."""
    status = document["components"]["schemas"]["Task"]["properties"]["status"]
    answer = flat(document, json_schema(document, own["responses"].get("200", {})))
    listed = flat(document, answer.get("properties", {}).get("status", {})).get("enum", ())
    status["enum"] = [*status["enum"], *(one for one in listed if one not in status["enum"])]
