"""Small documents of somebody else's, made up for a test."""

import json
from pathlib import Path
from typing import Any

STATUSES = ["pending", "processing", "completed", "failed"]
TEXT = {"type": "string"}


def task_answer(**more: Any) -> dict[str, Any]:
    """The schema of an accepted task, with these properties beside or over the usual ones."""
    usual = {"id": TEXT, "model": TEXT, "status": {"type": "string", "enum": STATUSES}}
    return {"type": "object", "properties": {**usual, **more}}


def usage(billing_rule: str, credits_reserved: float) -> dict[str, Any]:
    """The schema of `usage`, with the price in its examples as the provider writes it."""
    return {
        "type": "object",
        "properties": {
            "billing_rule": {"type": "string", "example": billing_rule},
            "credits_reserved": {"type": "number", "example": credits_reserved},
        },
    }


def operation(request: dict[str, Any], answer: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A POST that takes this body and answers 200 with that one."""
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": answer}}}},
        **more,
    }


def request(*models: str, required: tuple[str, ...] = ("model",), **fields: Any) -> dict[str, Any]:
    """The schema of a request for these models with these fields."""
    model = {"type": "string", "enum": list(models)}
    return {"type": "object", "required": list(required), "properties": {"model": model, "prompt": TEXT, **fields}}


def document(*operations: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """A whole document: (path, POST operation) each."""
    paths = {path: {"post": one} for path, one in operations}
    return {"openapi": "3.1.0", "info": {"title": "Invented", "version": "1"}, "paths": paths, **more}


def of_models(path: str, *models: str, **fields: Any) -> dict[str, Any]:
    """A document that serves these models at this path."""
    return document((path, operation(request(*models, **fields), task_answer())))


def written(folder: Path, **documents: dict[str, Any]) -> Path:
    """The folder, with each document in a file of its name."""
    for name, one in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
    return folder
