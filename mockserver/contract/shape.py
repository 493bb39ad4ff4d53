"""The body of an answer, compiled from its schema once and filled in by a plain `%` from then on.

Keys come in the schema's order. Where a value comes from is known by the property's name (SOURCES); what no
source knows is what the schema itself fixes: a const, a sole enum value, an example, a default.
"""

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from mockserver.contract.behaviour import Profile
from mockserver.contract.document.document import PREFIX, Document, needed
from mockserver.contract.document.made_up import made_up

encode = msgspec.json.Encoder().encode


class Source(NamedTuple):
    """An attribute of the view, the variants of the body that have it (empty: all), and what is made of its value."""

    attribute: str
    variants: frozenset[str] = frozenset()
    convert: Callable[[Any], Any] | None = None


_DEEPEST = 12
"""How deep a body goes: one that contains itself has to end somewhere."""
_KEY = re.compile(r'"([^"]+)":')
OPEN, COMPLETED, FAILED = "open", "completed", "failed"
VARIANTS = (OPEN, COMPLETED, FAILED)
_DONE = frozenset({COMPLETED})
_LOST = frozenset({FAILED})

TASK_SOURCES: dict[str, Source] = {
    "created": Source("created"),
    "id": Source("id"),
    "model": Source("model"),
    "object": Source("object"),
    "progress": Source("progress"),
    "results": Source("results", _DONE),
    "status": Source("status"),
    "type": Source("type"),
    "error.code": Source("error_code", _LOST),
    "error.message": Source("error_message", _LOST),
    "error.type": Source("error_type", _LOST),
    "task_info.can_cancel": Source("can_cancel"),
    "task_info.estimated_time": Source("estimated_time"),
    "task_info.video_duration": Source("video_duration"),
    "usage.billing_rule": Source("billing_rule"),
    "usage.credits_reserved": Source("credits_reserved"),
    "usage.user_group": Source("user_group"),
    "usage.cost": Source("cost", _DONE),
    "usage.credits_used": Source("credits_used", _DONE),
    "duration": Source("duration", _DONE),
    "result_data": Source("result_data", _DONE),
    "billing.charge_status": Source("charge_status"),
    "billing.refund_status": Source("refund_status"),
    "billing.reserved_credits": Source("credits_reserved"),
    "billing.charged_credits": Source("charged_credits"),
    "billing.refunded_credits": Source("refunded_credits"),
    "billing.refunded_at": Source("refunded_at", _LOST),
}
CREDITS_SOURCES: dict[str, Source] = {
    "data.token.remaining_credits": Source("token_remaining"),
    "data.token.used_credits": Source("token_used"),
    "data.token.unlimited_credits": Source("token_unlimited"),
    "data.user.remaining_credits": Source("user_remaining"),
    "data.user.used_credits": Source("user_used"),
}
LIST_SOURCES: dict[str, Source] = {
    "data": Source("data"),
    "total": Source("total"),
    "page": Source("page"),
    "page_size": Source("page_size"),
}
LISTED_TASK_SOURCES: dict[str, Source] = {
    "id": Source("id"),
    "model": Source("model"),
    "type": Source("type"),
    "status": Source("status"),
    "progress": Source("progress"),
    "created_at": Source("created_at"),
    "duration": Source("duration"),
    "has_results": Source("has_results"),
    "result_count": Source("result_count"),
    "has_error": Source("has_error"),
    "credits_used": Source("credits_used"),
}
LISTED_MODEL_SOURCES: dict[str, Source] = {"id": Source("id")}

FILE_SOURCES: dict[str, Source] = {
    "file_id": Source("id"),
    "file_name": Source("name"),
    "original_name": Source("original_name"),
    "file_size": Source("size"),
    "mime_type": Source("mime_type"),
    "upload_path": Source("upload_path"),
    "file_url": Source("file_url"),
    "download_url": Source("download_url"),
    "upload_time": Source("upload_time"),
    "expires_at": Source("expires_at"),
}
UPLOAD_SOURCES = {f"data.{name}": source for name, source in FILE_SOURCES.items()}
FILE_LIST_SOURCES: dict[str, Source] = {
    "data.total": Source("total"),
    "data.page": Source("page"),
    "data.page_size": Source("page_size"),
    "data.files": Source("files"),
}
QUOTA_SOURCES: dict[str, Source] = {
    "data.user_group": Source("user_group"),
    "data.used_files": Source("used"),
    "data.max_files": Source("most"),
    "data.remain_files": Source("left"),
    "data.is_custom": Source("is_custom"),
    "data.quota_reason": Source("reason"),
}


class Template:
    """Bytes with a %b for each slot, and the sources that fill them."""

    def __init__(self, pattern: bytes, sources: tuple[Source, ...]) -> None:
        self.pattern, self._sources = pattern, sources
        self._values = _getter(tuple(one.attribute for one in sources))
        self._converts = any(one.convert for one in sources)

    def render(self, view: Any) -> bytes:
        values = self._values(view)
        if self._converts:
            values = [_made(source, value) for source, value in zip(self._sources, values, strict=True)]
        return self.pattern % tuple(map(encode, values))

    def bound(self, view: Any, fixed: frozenset[str]) -> "Template":
        """The same with these slots filled for good: what never changes need not be encoded again and again."""
        filled = tuple(
            _literal(_made(one, getattr(view, one.attribute))) if one.attribute in fixed else b"%b"
            for one in self._sources
        )
        left = tuple(one for one in self._sources if one.attribute not in fixed)
        return Template(self.pattern.replace(b"%%", b"%%%%") % filled, left)


class Shape:
    """The body of one answer: a template for each variant."""

    def __init__(
        self,
        document: Document,
        schema: Any,
        sources: dict[str, Source],
        profile: Profile,
        place: str,
        *,
        complete: bool = False,
    ) -> None:
        """`complete`: what the schema requires and nobody knows is made up, as null where it may be."""
        self._complete = complete
        self._document, self._sources, self._profile, self._place = document, sources, profile, place
        self._schema = schema
        self.templates = {variant: self._template(schema, variant) for variant in VARIANTS}

    def render(self, view: Any, variant: str = OPEN) -> bytes:
        return self.templates[variant].render(view)

    def described(self) -> str:
        """Its keys, those of completed and failed tasks included."""
        keys = (_KEY.findall(self.templates[variant].pattern.decode()) for variant in VARIANTS)
        return ", ".join(dict.fromkeys(key for found in keys for key in found))

    def schema_at(self, path: str) -> dict[str, Any]:
        """The schema of the property at this dotted path; empty where there is none."""
        schema: Any = self._document.flat(self._schema, self._place)
        for name in path.split("."):
            schema = self._document.flat(schema.get("properties", {}).get(name, {}), self._place)
        return dict(schema)

    def of_items(self, path: str, sources: dict[str, Source]) -> "Shape":
        """The shape of each item of the array at this dotted path."""
        return Shape(self._document, self.schema_at(path).get("items", {}), sources, self._profile, self._place)

    def _template(self, schema: Any, variant: str) -> Template:
        slots: list[Source] = []
        pattern = self._object(schema, "", variant, slots)
        return Template(pattern, tuple(slots))

    def _object(self, schema: Any, path: str, variant: str, slots: list[Source]) -> bytes:
        members = []
        if path.count(".") >= _DEEPEST:
            return b"{}"
        whole = self._document.flat(schema, self._place)
        required = needed(whole) if self._complete else ()
        for name, child in whole.get("properties", {}).items():
            if self._document.flat(child, self._place).get("writeOnly") is True:
                continue
            value = self._value(child, f"{path}.{name}".lstrip("."), variant, slots)
            if not value and name in required:
                value = _literal(made_up(self._document, child))
            if value:
                members.append(_literal(name) + b":" + value)
        return b"{" + b",".join(members) + b"}"

    def _value(self, schema: Any, path: str, variant: str, slots: list[Source]) -> bytes:
        """The pattern of one property; empty where this variant or profile has none."""
        schema = self._document.flat(schema, self._place)
        if schema.get(f"{PREFIX}profile", self._profile) != self._profile:
            return b""
        source = self._sources.get(path)
        if source is not None and source.variants and variant not in source.variants:
            return b""
        if source is not None and not _sole(schema):
            slots.append(source)
            return b"%b"
        if "properties" in schema:
            if self._is_of_others(path, variant):
                return b""
            inner = self._object(schema, path, variant, slots)
            return inner if inner != b"{}" else b""
        return _fixed(schema)

    def _is_of_others(self, path: str, variant: str) -> bool:
        """Whether all that is known of an object is of other variants: no failure where nothing has failed."""
        inside = [one.variants for at, one in self._sources.items() if at.startswith(f"{path}.")]
        return bool(inside) and all(variants and variant not in variants for variants in inside)


def _made(source: Source, value: Any) -> Any:
    return value if source.convert is None else source.convert(value)


def _sole(schema: dict[str, Any]) -> list[Any]:
    """The one value that a schema allows, in a list; an empty one where it allows more."""
    if "const" in schema:
        return [schema["const"]]
    return schema["enum"] if len(schema.get("enum", ())) == 1 else []


def _fixed(schema: dict[str, Any]) -> bytes:
    for value in _sole(schema):
        return _literal(value)
    for key in ("example", "default"):
        if key in schema:
            return _literal(schema[key])
    return b""


def _literal(value: Any) -> bytes:
    return encode(value).replace(b"%", b"%%")


def _getter(slots: tuple[str, ...]) -> Callable[[Any], Iterable[Any]]:
    if len(slots) > 1:
        return attrgetter(*slots)
    return lambda view: [getattr(view, slot) for slot in slots]
