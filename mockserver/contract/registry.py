"""Every operation that is served, found by method, path and model."""

import posixpath
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct, structs

from mockserver.contract.answer import NEEDED_OF_FILES, ErrorTable, general_table
from mockserver.contract.behaviour import Failure, GeneralRefusal, Profile, RequestId, Role, read
from mockserver.contract.dialect import MARK
from mockserver.contract.document.document import PREFIX, Document, DocumentError
from mockserver.contract.document.fault import Fault
from mockserver.contract.document.model_names import models_of
from mockserver.contract.document.template import regex, same_path
from mockserver.contract.document.unserved import Unserved, UnservedError
from mockserver.contract.faults import faults, of_error, of_ids
from mockserver.contract.inference import Base
from mockserver.contract.models import Models
from mockserver.contract.named import of_named_fields, of_twins
from mockserver.contract.naming import Naming
from mockserver.contract.operation import Operation, Place, find_operation, mount_operation, read_operation
from mockserver.contract.provider import mount_provider
from mockserver.contract.request.uploads import Uploads
from mockserver.contract.shape import Shape

_FITTING_LIMIT, _LONGEST_KEPT = 1_000, 200


class Route(NamedTuple):
    """What answers a method and path: the operations that share it, and the values in the path."""

    operations: tuple[Operation, ...]
    path_values: dict[str, str]


class Covered(NamedTuple):
    """An operation of a mounted document that a built-in document serves already."""

    file: str
    method: str
    path: str
    by: str


class _Files(NamedTuple):
    """The files API: where its paths begin, its answers that belong to no operation, what becomes of an upload."""

    prefix: str
    general: ErrorTable
    uploads: Uploads


class _Pattern(Struct, frozen=True):
    regex: re.Pattern[str]
    methods: dict[str, tuple[Operation, ...]]


class Registry:
    """The operations of the built-in document and of those mounted beside it; `by_model` finds the one of a model,
    `documents` holds what was read by name, the built-in one first."""

    def __init__(
        self,
        document: Document,
        profile: Profile = Profile.DOCUMENTED,
        mounted: Sequence[Document] = (),
        files: Document | None = None,
        left_out: Sequence[Fault] = (),
    ) -> None:
        self._file = document.file
        self.documents: dict[str, Document] = {}
        for one in (document, *([files] if files else []), *mounted):
            self.documents[one.file if one.file not in self.documents else f"{one.file} ({len(self.documents)})"] = (
                one
            )
        self.profile = profile
        self.operations = [
            read_operation(document, method, path, profile)
            for method, path, raw in document.operations()
            if raw.get(f"{PREFIX}profile", profile) == profile
        ]
        self.faults: list[Fault] = list(left_out)
        self.unserved: list[Unserved] = []
        self._details: dict[str, Shape] = {}
        self.covered: list[Covered] = []
        self.failures: dict[str, Failure] = read(document, document.raw, "failures", dict[str, Failure], "#")
        refusals = read(document, document.raw, "refusals", dict[str, GeneralRefusal], "#")
        self.general: ErrorTable = general_table(document, refusals)
        self._request_id: RequestId = read(document, document.raw, "request-id", RequestId, "#")
        self._files = None if files is None else self._with_files(files)
        built_in = tuple(self.operations)
        for one in mounted:
            self._mount(one)
        elsewhere = {
            raw["operationId"]: Role(raw[f"{PREFIX}role"])
            for _, _, raw in document.operations()
            if raw.get(f"{PREFIX}profile", profile) != profile
        }
        self.naming = Naming(self.operations, built_in, elsewhere)
        self._patterns = _patterns(self.operations)
        self._fitting = lru_cache(maxsize=_FITTING_LIMIT)(self._fit)
        self._plain = _plain_routes(self.operations)
        self._literal = _methods_by_path(self._plain)
        self.by_model = Models(self.operations, self.unserved)
        self.faults += of_twins(self.operations, self.by_model, document.file)
        self._task_shape = self.of_role(Role.GET_TASK).shape

    def _with_files(self, document: Document) -> "_Files":
        """Add the files API, which has its own document and its own way to tell errors."""
        added = [read_operation(document, *one[:2], self.profile) for one in document.operations()]
        self.operations += added
        refusals = read(document, document.raw, "refusals", dict[str, GeneralRefusal], "#")
        return _Files(
            posixpath.commonpath([one.path for one in added]),
            general_table(document, refusals, NEEDED_OF_FILES),
            read(document, document.raw, "uploads", Uploads, "#"),
        )

    def _mount(self, document: Document) -> None:
        """Add what can be served of a document, and report what is wrong with it."""
        create = self.of_role(Role.CREATE_TASK)
        base = Base(create.task_behaviour, create.errors, create.parameters)
        built_in = {
            (one.method, same_path(one.path)): one for one in self.operations if one.role is not Role.CREATE_TASK
        }
        self.faults += faults(document)
        served = self._mount_providers(document, base)
        for method, path, raw in document.operations():
            covering = built_in.get((method, same_path(path)))
            if (method, same_path(path)) in served:
                continue
            if covering is not None:
                self.covered.append(Covered(document.file, method, path, covering.document))
                continue
            try:
                mounted = mount_operation(document, method, path, self.profile, base)
            except DocumentError as error:
                self._leave(document, method, path, raw, error)
                continue
            self.operations.append(mounted)
            self.faults += of_named_fields(document, mounted)
            self._doubt_ids(document, mounted)

    def _mount_providers(self, document: Document, base: Base) -> set[Place]:
        """Add the operations of other providers' tasks, and say which of a document's those are."""
        served: set[Place] = set()
        base = structs.replace(base, errors=ErrorTable([*base.errors, self.general["unsupported_media_type"]]))
        for method, path, raw in document.operations():
            if MARK not in raw:
                continue
            served.add((method, same_path(path)))
            try:
                added = mount_provider(document, method, path, self.profile, base, self._reading())
            except DocumentError as error:
                self._leave(document, method, path, raw, error)
                continue
            self.operations += [
                one for one in added if one.role is Role.CREATE_TASK or one.place not in self._taken()
            ]
            self.faults += of_named_fields(document, added[0])
            self._doubt_ids(document, added[0])
            served |= {(one.method, same_path(one.path)) for one in added}
            details = next((one.shape for one in added if one.role is Role.GET_TASK), None)
            if details is not None:
                self._details |= dict.fromkeys(added[0].models, details)
        return served

    def _doubt_ids(self, document: Document, operation: Operation) -> None:
        """Note what the document has against the ids that its tasks will have."""
        place, raw = find_operation(document, operation.method, operation.path)
        answer = document.ok_schema(raw, place)
        at = operation.speech.places(answer).get("id", "id") if operation.speech else "id"
        self.faults += of_ids(document, f"{place}/responses/{operation.status}", operation.shape.schema_at(at))

    def _taken(self) -> set[Place]:
        return {one.place for one in self.operations}

    def _reading(self) -> ErrorTable:
        """The errors of whatever follows a task of another provider."""
        invalid = self.of_role(Role.CREATE_TASK).errors["invalid_request"]
        return ErrorTable([*self.of_role(Role.GET_TASK).errors, self.general["task_ended"], invalid])

    def _leave(self, document: Document, method: str, path: str, raw: dict[str, Any], error: DocumentError) -> None:
        """Note what is not served, the models that it names, and the fault if that is why."""
        at = error.place if error.file == document.file else f"{error.file}{error.place}"
        reason = error.reason if isinstance(error, UnservedError) else f"{at}: {error.message}".lstrip(": ")
        if not isinstance(error, UnservedError):
            self.faults.append(of_error(error))
        try:
            request = document.flat(document.request_schema(raw) or {})
            models = models_of(document, request)
        except DocumentError:
            models = ()
        self.unserved.append(Unserved(document.file, method, path, reason, models))

    def task_shape(self, model: str) -> Shape:
        """The body of a query of such a task, and so of its callback."""
        return self._details.get(model, self._task_shape)

    def document_of(self, operation: Operation) -> Document:
        """The document that describes an operation; where two of one name do, the last: it was mounted."""
        named = (one for one in reversed(self.documents.values()) if one.file == operation.document)
        return next(one for one in named if operation.method.lower() in one.raw["paths"].get(operation.path, {}))

    @property
    def models(self) -> list[str]:
        return list(self.by_model)

    @property
    def request_id_header(self) -> str | None:
        """The header that names each request in its answer; None where this profile has none."""
        return self._request_id.header if self._request_id.profile == self.profile else None

    @property
    def uploads(self) -> Uploads:
        """What becomes of an upload; only a registry with the files API knows."""
        if self._files is None:
            raise AssertionError("this registry has no files API")
        return self._files.uploads

    def general_of(self, path: str) -> ErrorTable:
        """The answers that belong to no operation, as the API at this path tells them."""
        if self._files is not None and path.startswith(self._files.prefix):
            return self._files.general
        return self.general

    def of_role(self, role: Role) -> Operation:
        found = next((one for one in self.operations if one.role is role), None)
        if found is None:
            raise DocumentError(self._file, "#/paths", f"no operation has the role {role}")
        return found

    def of_model(self, model: str) -> Operation | None:
        return self.by_model.serving(model)

    def route(self, method: str, path: str) -> Route | None:
        """The operations of this method and path; None where the path is unknown or lacks the method."""
        plain = self._plain.get((method, path))
        if plain is not None:
            return plain
        if path in self._literal:  # it goes before any template that it fits (OpenAPI, Paths Object)
            return None
        known = self._fitting if len(path) <= _LONGEST_KEPT else self._fit
        return known(method, path)

    def _fit(self, method: str, path: str) -> Route | None:
        """By the templates. Who polls asks for the same path again and again."""
        for pattern in self._patterns:
            match = pattern.regex.fullmatch(path)
            if match is not None and method in pattern.methods:
                return Route(pattern.methods[method], match.groupdict())
        return None

    def not_served(self, method: str, path: str) -> Unserved | None:
        """The operation of a mounted document that this request is of, where nothing answers for it."""
        return next((one for one in self.unserved if one.answers(method, path)), None)

    def methods(self, path: str) -> list[str]:
        """The methods that this path has; none where it is unknown."""
        if path in self._literal:
            return sorted(self._literal[path])
        return sorted({method for one in self._patterns if one.regex.fullmatch(path) for method in one.methods})

    def error_codes(self) -> list[tuple[int, str]]:
        """(status, code) of every error that some operation documents."""
        return sorted({pair for one in self.operations for pair in one.errors.codes()})

    def has_error(self, status: int, code: str | None) -> bool:
        """Whether anything that is served can answer so, the fetch of a result included."""
        tables = (self.general, *(one.errors for one in self.operations))
        return any(table.find(status, code) for table in tables)


def _plain_routes(operations: list[Operation]) -> dict[tuple[str, str], Route]:
    """The routes of paths without parameters, which need no search."""
    plain: dict[tuple[str, str], Route] = {}
    for one in operations:
        if "{" not in one.path:
            known = plain.get((one.method, one.path), Route((), {}))
            plain[one.method, one.path] = Route((*known.operations, one), {})
    return plain


def _methods_by_path(routes: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for method, path in routes:
        found.setdefault(path, set()).add(method)
    return found


def _patterns(operations: list[Operation]) -> list[_Pattern]:
    """What finds the paths that have parameters."""
    paths: dict[str, dict[str, tuple[Operation, ...]]] = {}
    for one in operations:
        if "{" in one.path:
            methods = paths.setdefault(one.path, {})
            methods[one.method] = (*methods.get(one.method, ()), one)
    return [_Pattern(regex(path), methods) for path, methods in paths.items()]
