"""Schemas as they hold for what is sent: who asks need not say what only answers tell (OpenAPI, readOnly)."""

from typing import Any

import msgspec

from mockserver.contract.document.document import Document


def as_sent(document: Document, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, and whatever stands below it, with no property required that is for answers alone."""
    return _sent(document, schema) if b'"readOnly":true' in msgspec.json.encode(schema) else schema


def _sent(document: Document, node: Any) -> Any:
    if isinstance(node, list):
        return [_sent(document, one) for one in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _sent(document, one) for key, one in node.items()}
    properties, required = node.get("properties"), node.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        copy["required"] = [name for name in required if not _is_told(document, properties.get(name, {}))]
    return copy


def _is_told(document: Document, schema: Any) -> bool:
    return document.flat(schema).get("readOnly") is True
