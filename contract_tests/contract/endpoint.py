"""One operation of the document: what is asked of it, and how it is recognised."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from contract_tests.contract.document import FORMATS

_PARAMETER = re.compile(r"\{([^{}/]+)\}")
_SAMPLES = {"integer": 1, "number": 1, "boolean": True}
_KINDS = ("path", "query", "header")


@dataclass(frozen=True)
class Endpoint:
    """`path` is a template. `parameters` are those of the document, references followed; `named_by` is the one of the
    query string that says which task is meant, where the path does not."""

    role: str
    method: str
    path: str
    raw: dict[str, Any]
    parameters: tuple[dict[str, Any], ...] = ()
    named_by: str | None = None

    def fits(self, method: str, path: str) -> bool:
        return method.upper() == self.method and _pattern(self.path).fullmatch(path.partition("?")[0]) is not None

    def ends(self, url: str) -> bool:
        """Whether a URL leads here, whatever stands before the paths of the API."""
        path = url.partition("?")[0]
        return path.endswith(self.path) or bool(re.search(f"{_pattern(self.path).pattern}$", path))

    @cached_property
    def sent(self) -> str:
        """Where a request goes that is about no thing in particular."""
        return self._to(self.path)

    @cached_property
    def headers(self) -> dict[str, str]:
        """What each request needs beside its key."""
        return self._samples("header")

    def of(self, value: str) -> str:
        """Where a request about one thing goes; before it come the parameters that say where in the API it is."""
        begin, _, end = self.path.rpartition("}")
        if not begin:
            return self._to(self.path, value)
        return self._to(f"{begin.rpartition('{')[0]}{value}{end}")

    def value_in(self, path: str, query: str = "") -> str | None:
        """What stands for the one thing in the path of a request of this operation, or in its query string."""
        found = _pattern(self.path).fullmatch(path)
        if found is None or self.named_by is None:
            return found[found.lastindex] if found is not None and found.lastindex else None
        return next(iter(parse_qs(query).get(self.named_by, ())), None)

    @property
    def is_documented(self) -> bool:
        return bool(self.raw.get("x-evolink-evidence") == "documented")

    def _to(self, path: str, value: str | None = None) -> str:
        known = self._samples("path")
        filled = _PARAMETER.sub(lambda one: quote(known.get(one[1], one[1]), safe=""), path)
        asked = self._samples("query")
        if value is not None and self.named_by is not None:
            asked[self.named_by] = value
        return f"{filled}?{urlencode(asked, safe='%')}" if asked else filled

    def _samples(self, kind: str) -> dict[str, str]:
        needed = (one for one in self.parameters if one.get("in") == kind and one.get("required"))
        return {one["name"]: _text(_sample(one)) for one in needed}


def parameters_of(parameters: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Those that are sent as they are, of two of a name the last: an operation's own win over those of its path."""
    return tuple({(one.get("in"), one.get("name")): one for one in parameters if one.get("in") in _KINDS}.values())


def _sample(parameter: dict[str, Any]) -> Any:
    """A value that the document says this parameter may have, as far as it says it."""
    schema = parameter.get("schema", {})
    named = (one.get("value") for one in parameter.get("examples", {}).values() if isinstance(one, dict))
    said = [*(parameter[key] for key in ("example",) if key in parameter), *named]
    said += [schema[key] for key in ("const", "example", "default") if key in schema]
    said += [*schema.get("examples", ()), *schema.get("enum", ())]
    usual = FORMATS.get(schema.get("format", ""), _SAMPLES.get(str(schema.get("type")), "x"))
    return said[0] if said else schema.get("minimum", usual)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("([^/]+)".join(re.escape(part) for part in _PARAMETER.split(path)[::2]))
