"""Validators of a document's schemas, some of which are none."""

from typing import Any

import jsonschema_rs

UNUSABLE = (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError)
"""What a schema that can't be used raises."""


def validator(schema: Any, *, formats: bool = False) -> jsonschema_rs.Draft202012Validator | None:
    """None for a schema that can't be used, where that is told elsewhere."""
    try:
        return jsonschema_rs.Draft202012Validator(schema, validate_formats=formats, offline=True)
    except UNUSABLE:
        return None
