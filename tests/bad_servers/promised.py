"""Bad servers that break what only the document of another model promises."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mockserver.web.app import Application
from tests.bad_servers.house import Bad, Hook, MakeHook, Pass, Wire, bodies, requests

_HERE = Path(__file__).parent
POSTER = (_HERE / "specs" / "poster.yaml",)
VOICE = (_HERE.parent / "providers" / "voice.json",)
_SUBMITTED = "/v1/images/generations"
_KNOWN = ("model", "prompt", "size", "style", "strength", "n", "callback_url")


def as_if(change: Callable[[dict[str, Any]], dict[str, Any]]) -> MakeHook:
    """A submission is taken as if it said something else."""

    def changed(wire: Wire) -> None:
        if wire.path == _SUBMITTED and wire.body:
            asked = json.loads(wire.body)
            wire.body = json.dumps(change(asked) if isinstance(asked, dict) else asked).encode()

    return requests(changed)


def with_valid(name: str, value: Any, is_valid: Callable[[Any], bool]) -> MakeHook:
    """A field that is there and wrong counts as this."""
    return as_if(lambda asked: asked if name not in asked or is_valid(asked[name]) else asked | {name: value})


def cancelled_as_failed(body: dict[str, Any]) -> None:
    if body["status"] == "cancelled":
        body["status"], body["error"] = "failed", _CANCELLED


_CANCELLED = {"code": "request_cancelled", "message": "The request was cancelled", "type": "task_error"}


def cancel_is_a_read(_: Application) -> Hook:
    """A cancel is answered with the task as it stands, and changes nothing."""

    async def hook(wire: Wire, forward: Pass) -> None:
        if wire.path.startswith("/voices/") and wire.path.endswith("/cancel"):
            wire.method, wire.path = "GET", wire.path.removesuffix("/cancel")
        await forward(wire)

    return hook


BAD: dict[str, Bad] = {
    "cancelled_reads_failed": Bad(
        "a cancelled task reads failed, though its document has a word for it",
        "TASK-CANCEL-READS-AS-DOCUMENTED",
        hook=bodies(cancelled_as_failed),
        specs=POSTER,
    ),
    "six_for_the_price_of_one": Bad(
        "however many images are asked for, one is billed",
        "BILLING-PRICE",
        hook=as_if(lambda asked: asked | {"n": 1}),
        also=frozenset({"FIELD-BOUNDS"}),
        specs=POSTER,
    ),
    "any_size": Bad(
        "a size of any form is taken",
        "FIELD-PATTERN",
        hook=with_valid("size", "512x512", lambda value: "x" in str(value).strip() and str(value)[0].isdigit()),
        specs=POSTER,
    ),
    "any_field": Bad(
        "fields that the document forbids are taken",
        "FIELD-UNKNOWN",
        hook=as_if(lambda asked: {name: value for name, value in asked.items() if name in _KNOWN}),
        specs=POSTER,
    ),
    "any_style": Bad(
        "a style that is not listed is taken",
        "FIELD-VALUES",
        hook=with_valid("style", "flat", lambda value: value in ("flat", "deep")),
        specs=POSTER,
    ),
    "any_strength": Bad(
        "a strength beyond its bounds is taken",
        "FIELD-BOUNDS",
        hook=with_valid("strength", 1, lambda value: isinstance(value, int | float) and 0 <= value <= 1),
        specs=POSTER,
    ),
    "cancel_means_nothing": Bad(
        "a cancel is answered, and the task goes on",
        "TASK-CANCELLED-BY-ITS-OWNER",
        hook=cancel_is_a_read,
        specs=VOICE,
        model="alto",
    ),
}
