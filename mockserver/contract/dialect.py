"""How another provider's tasks speak (x-evolink-task): where id, status, result, error stand, and in which words."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from msgspec import Struct, field

from mockserver.contract.document.document import PREFIX, Document, needed, types
from mockserver.contract.document.evidence import Told
from mockserver.contract.document.made_up import made_up
from mockserver.contract.shape import COMPLETED, FAILED, Source

MARK = f"{PREFIX}task"
"""Beside a creating operation, it says that this is one, however its tasks speak."""
STATES = {
    "waiting": "pending",
    "working": "processing",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
}
"""What an overlay calls a state, and what it is called in the world."""
_WORDS = {
    "waiting": (
        "pending",
        "queued",
        "waiting",
        "submitted",
        "created",
        "scheduled",
        "accepted",
        "starting",
        "in_queue",
    ),
    "working": ("processing", "running", "in_progress", "working", "started", "generating"),
    "completed": ("completed", "succeeded", "success", "complete", "done", "finished", "ready"),
    "failed": ("failed", "failure", "error", "errored"),
    "cancelled": ("cancelled", "canceled", "aborted"),
}
"""The words that providers have for them, in any case and with any hyphen."""
_IDS = ("id", "task_id", "job_id", "request_id", "uuid")
_STATUSES = ("status", "state", "task_status", "job_status")
_RESULTS = (
    "results",
    "result",
    "output",
    "outputs",
    "urls",
    "url",
    "images",
    "videos",
    "video",
    "image",
    "audio",
    "files",
)
_SECONDS = {"created": "created", "created_at": "created", "createdAt": "created"}


class Failure(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a failed task says why."""

    code: str | None = None
    message: str | None = None


class Dialect(Told, frozen=True, kw_only=True):
    """All of it may be left out and is then inferred from the document. Places are dotted paths into an answer.

    `result` may go over an array (`output.files[].url`). `words` has the document's word for each state. `query`,
    `cancel` and `list` are operations of the same document, as METHOD and path. `callback` is the request field that
    says where to report the end. `model` names the model where requests do not.
    """

    model: str | None = None
    id: str | None = None
    status: str | None = None
    result: str | None = None
    error: Failure = Failure()
    words: dict[str, str | int] = field(default_factory=dict)
    query: str | None = None
    cancel: str | None = None
    list: str | None = None
    callback: str | None = None

    def __post_init__(self) -> None:
        unknown = self.words.keys() - STATES.keys()
        if unknown:
            raise ValueError(f"words: received {', '.join(sorted(unknown))}; allowed: {', '.join(STATES)}")


class Speech:
    """A dialect applied to a document: what fills an answer of it, in its words.

    Raises DocumentError (of `place`) where a needed word or place is neither said nor to be found.
    """

    def __init__(self, document: Document, dialect: Dialect, answers: list[Any], place: str) -> None:
        self._document, self.dialect, self._place = document, dialect, f"{place}/{MARK}"
        self._refuse_what_nobody_has(answers)
        statuses = [one for answer in answers for _, one in self._found(answer, dialect.status, _STATUSES)]
        self.words = self._spoken(next((one for one in statuses if one.get("enum")), {}))

    def sources(self, schema: Any) -> dict[str, Source]:
        """Where the values of an answer of this document come from, by path."""
        told: dict[str, Source] = {"model": Source("model")}
        for path, _ in self._found(schema, self.dialect.id, _IDS):
            told[path] = Source("id")
        for path, _ in self._found(schema, self.dialect.status, _STATUSES):
            told[path] = Source("status", convert=partial(_word, self.words))
        for path, found in self._walk(schema):
            if path in _SECONDS and "integer" in types(found):
                told[path] = Source("created")
            elif path == "progress" and "integer" in types(found):
                told[path] = Source("progress")
            elif path == "progress" and "number" in types(found):
                told[path] = Source("progress", convert=_hundredth if found.get("maximum") == 1 else None)
        return told | self._of_result(schema) | self._of_error(schema)

    def places(self, schema: Any) -> dict[str, str]:
        """Where an answer of this document has what: dotted paths, of a result over its array (`files[].url`)."""
        known = dict(self._walk(schema))
        found = {source.attribute: path for path, source in self.sources(schema).items() if path in known}
        if "results" in found:
            array, inner = self._result(schema) or (found["results"], None)
            found["results"] = array if inner is None else f"{array}[].{inner}".rstrip(".")
        return found

    def says_id(self, schema: Any) -> bool:
        return next(self._found(schema, self.dialect.id, _IDS), None) is not None

    def is_id(self, name: str) -> bool:
        """Whether a parameter of this name says which task is meant."""
        return _snake(name) in _IDS or name == (self.dialect.id or "").rpartition(".")[2]

    def _refuse_what_nobody_has(self, answers: list[Any]) -> None:
        """A place that the dialect names has to be in one of the answers."""
        known = {path for answer in answers for path, _ in self._walk(answer)}
        error = self.dialect.error
        named = {"id": self.dialect.id, "status": self.dialect.status, "result": self.dialect.result}
        for key, path in {**named, "error.code": error.code, "error.message": error.message}.items():
            if path is not None and path.partition("[]")[0] not in known:
                told = f"{key}: received {path}; allowed: {', '.join(sorted(known))}"
                raise self._document.error(self._place, told)

    # --- one after the other

    def _of_result(self, schema: Any) -> dict[str, Source]:
        place = self._result(schema)
        if place is None:
            return {}
        array, inner = place
        if inner is None:
            return {array: Source("results", frozenset({COMPLETED}), _first)}
        item = self._item(dict(self._walk(schema))[array])
        convert = partial(_items, _example(self._document, item), inner) if inner else None
        return {array: Source("results", frozenset({COMPLETED}), convert)}

    def _result(self, schema: Any) -> tuple[str, str | None] | None:
        """The place of the result, and where each item of it has its link; None in place of that for one link."""
        named = self.dialect.result or next((path for path, _ in self._results(schema)), None)
        array, over, inner = (named or "").partition("[]")
        found = dict(self._walk(schema)).get(array)
        if found is None:
            return None
        if not over and "array" not in types(found):
            return array, None
        return array, inner.lstrip(".") or self._link_in(self._item(found))

    def _item(self, array: dict[str, Any]) -> dict[str, Any]:
        return self._document.flat(array.get("items", {}), self._place)

    def _results(self, schema: Any) -> Iterator[tuple[str, Any]]:
        """The places that most likely hold the result: a link, or an array of links or of objects with one."""
        for path, found in self._walk(schema):
            if path.rpartition(".")[2] in _RESULTS and not found.get("properties"):
                yield path, found
        for path, found in self._walk(schema):
            if path.partition(".")[0] in _RESULTS and found.get("format") == "uri":
                yield path, found

    def _link_in(self, item: dict[str, Any]) -> str:
        return next((path for path, one in self._walk(item) if path.rpartition(".")[2] in ("url", "uri", "href")), "")

    def _of_error(self, schema: Any) -> dict[str, Source]:
        told, places, lost = self.dialect.error, dict(self._walk(schema)), frozenset({FAILED})
        code = told.code or next((one for one in ("error.code", "error_code") if one in places), None)
        message = told.message or next(
            (one for one in ("error.message", "error_message", "error") if one in places), None
        )
        found: dict[str, Source] = {}
        if code in places and code is not None:
            found[code] = Source("error_code", lost, partial(_one_of, places[code].get("enum", [])))
        if message in places and message is not None and not places[message].get("properties"):
            found[message] = Source("error_message", lost)
        return found

    def _spoken(self, status: dict[str, Any]) -> dict[str, str | int]:
        """The document's word for each state of the world, as it says or as its status allows."""
        allowed = [one for one in status.get("enum", ()) if isinstance(one, str | int)]
        odd = [one for one in self.dialect.words.values() if allowed and one not in allowed]
        if odd:
            raise self._document.error(
                self._place, f"words: received {odd[0]}; allowed: {', '.join(map(str, allowed))}"
            )
        told: dict[str, str | int] = {}
        for state, known in _WORDS.items():
            usual = (one for one in allowed if isinstance(one, str) and _plain(one) in known)
            word = self.dialect.words.get(state, next(usual, None))
            if word is not None:
                told[STATES[state]] = word
        missing = [state for state in ("waiting", "completed", "failed") if STATES[state] not in told]
        if missing:
            said = f"of {', '.join(map(str, allowed))}" if allowed else "without an enum"
            raise self._document.error(self._place, f"words: no word for {', '.join(missing)} in a status {said}")
        told.setdefault("processing", told["pending"])
        return told

    def _found(self, schema: Any, named: str | None, usual: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The place that a dialect names, if this answer has it; else the first usual one, the outermost first."""
        places = dict(self._walk(schema))
        if named in places and named is not None:
            yield named, places[named]
            return
        inward = sorted(places, key=lambda path: path.count("."))
        fitting = (path for name in usual for path in inward if _snake(path.rpartition(".")[2]) == name)
        yield from ((path, places[path]) for path in list(fitting)[:1])

    def _walk(self, schema: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
        """(path, schema) of every property, the outer before what it holds."""
        whole = self._document.flat(schema, self._place)
        for name, child in whole.get("properties", {}).items() if depth < 6 else ():
            found = self._document.flat(child, self._place)
            inner = f"{path}.{name}".lstrip(".")
            yield inner, found
            yield from self._walk(found, inner, depth + 1)


def _snake(name: str) -> str:
    """taskId as task_id."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


def _plain(word: str) -> str:
    return re.sub(r"[\s-]+", "_", word.strip().lower())


def _word(words: dict[str, str | int], status: str) -> str | int:
    return words.get(status, status)


def _hundredth(percent: int) -> float:
    return percent / 100


def _first(urls: list[str]) -> str:
    return urls[0]


def _one_of(allowed: list[Any], code: Any) -> Any:
    return code if not allowed or code in allowed else allowed[0]


def _items(example: dict[str, Any], inner: str, urls: list[str]) -> list[Any]:
    """An object for each link, with the link at its place."""
    return [_put(example, inner.split("."), url) for url in urls]


def _put(example: dict[str, Any], steps: list[str], value: Any) -> dict[str, Any]:
    name, *rest = steps
    inner = example.get(name)
    return {**example, name: _put(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _example(document: Document, schema: dict[str, Any]) -> dict[str, Any]:
    """What a schema says that its properties may be, as far as it says it or requires them."""
    found: dict[str, Any] = {}
    for name, child in schema.get("properties", {}).items():
        one = document.flat(child)
        said = [one[key] for key in ("const", "example", "default") if key in one] + list(one.get("enum", ()))
        if said or name in needed(schema):
            found[name] = said[0] if said else made_up(document, one)
    return found
