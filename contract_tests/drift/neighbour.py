"""What an archive holds of the same API that other documents describe: uploads, and tasks of other models."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from contract_tests.contract.contract import built_in
from contract_tests.contract.document import contract_document
from contract_tests.drift.drift import find_operation, parsed
from contract_tests.exchange import Exchange

_FILES = "files.yaml"


def neighbours(exchanges: list[Exchange], document: Mapping[str, Any]) -> Iterator[str]:
    """For each exchange whose it is; empty for the document's own. A task of another model is its as long as it is
    asked for. What was refused is nobody's: a server may refuse any model."""
    tasks: dict[str, str] = {}
    for one in exchanges:
        path = urlsplit(one.url).path
        model = _other_model(one)
        if model:
            tasks[_id(one)] = model
        yield _of_files(one.method, path, document) or model or tasks.get(path.rpartition("/")[2], "")


def _of_files(method: str, path: str, document: Mapping[str, Any]) -> str:
    is_known = find_operation(document, method, path) is not None
    return "" if is_known or find_operation(contract_document(_FILES), method, path) is None else "the files API"


def _other_model(one: Exchange) -> str:
    """The model that a submission names and got, where it is not the document's."""
    asked = parsed(one.request_body)
    model = asked.get("model") if isinstance(asked, dict) else None
    is_other = isinstance(model, str) and model != built_in().model and one.status == 200 and one.method == "POST"
    return f"the model {model}" if is_other else ""


def _id(one: Exchange) -> str:
    """Where an answer has none, what no step of a path can be."""
    told = parsed(one.body)
    return str(told.get("id", "/")) if isinstance(told, dict) else "/"
