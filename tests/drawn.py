"""Values drawn from a schema: most of them valid, some damaged, as requests in the wild are."""

from typing import Any

from hypothesis import strategies as st

from mockserver.contract.document.document import Document

URLS = st.sampled_from(
    [
        "https://example.com/a.mp4",
        "https://example.com/b.png?x=1",
        "http://127.0.0.1/c.jpg",
        "https://example.com/mock:duration_seconds=7/d.mov",
        "not a url",
        "",
    ]
)
JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20)
)
TEXTS = st.one_of(st.text(max_size=40), st.sampled_from(["mock:seconds=1", "mock:fail=service_error", "mock:no=1"]))


def requests(document: Document, schema: Any) -> st.SearchStrategy[Any]:
    """Requests of a schema; in one of four a field is damaged or missing."""
    whole = values(document, schema)
    return st.one_of(whole, whole, whole, whole.flatmap(damaged))


def values(document: Document, schema: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    schema = document.resolved(schema)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "oneOf" in schema or "anyOf" in schema:
        return st.one_of(*(values(document, one, depth + 1) for one in schema.get("oneOf") or schema["anyOf"]))
    kind = schema.get("type", "object" if "properties" in schema else "string")
    if kind == "object":
        return objects(document, schema, depth)
    if kind == "array":
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", least + 3), least + 3)
        return st.lists(values(document, schema.get("items", {}), depth + 1), min_size=least, max_size=most)
    return scalars(kind, schema)


def scalars(kind: str, schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "boolean":
        return st.booleans()
    if kind == "integer":
        return st.integers(schema.get("minimum", -1000), schema.get("maximum", 1_000_000))
    if kind == "number":
        return st.floats(schema.get("minimum", -1000), schema.get("maximum", 1000), allow_nan=False)
    if schema.get("format") == "uri":
        return URLS
    texts = [st.just(schema["example"])] if isinstance(schema.get("example"), str) else []
    return st.one_of(*texts, TEXTS)


def objects(document: Document, schema: dict[str, Any], depth: int) -> st.SearchStrategy[Any]:
    properties = {name: values(document, one, depth + 1) for name, one in schema.get("properties", {}).items()}
    required = [name for name in schema.get("required", ()) if name in properties]
    if depth > 4:
        return st.fixed_dictionaries({name: properties[name] for name in required})
    optional = {name: one for name, one in properties.items() if name not in required}
    return st.fixed_dictionaries({name: properties[name] for name in required}, optional=optional)


def damaged(body: Any) -> st.SearchStrategy[Any]:
    """One field gone or replaced by something else."""
    if not isinstance(body, dict) or not body:
        return JUNK
    name = st.sampled_from(sorted(body))
    gone = name.map(lambda key: {other: value for other, value in body.items() if other != key})
    return st.one_of(gone, st.tuples(name, JUNK).map(lambda pair: {**body, pair[0]: pair[1]}))
