"""Bad servers whose messages are not the document's."""

from typing import Any

from tests.bad_servers.house import CREDITS, Bad, Body, Wire, answers, bodies


def prompt_of(length: int) -> Any:
    def alter(raw: Body) -> None:
        raw["components"]["schemas"]["VideoRequest"]["properties"]["prompt"]["maxLength"] = length

    return alter


def images(**bounds: int) -> Any:
    def alter(raw: Body) -> None:
        raw["components"]["schemas"]["VideoRequest"]["properties"]["image_urls"].update(bounds)

    return alter


def without_model_required(raw: Body) -> None:
    raw["components"]["schemas"]["VideoRequest"]["required"] = ["model", "video_urls"]


def as_202(wire: Wire) -> None:
    if wire.created:
        wire.status = 202


def text_progress(body: Body) -> None:
    body["progress"] = str(body["progress"])


def crashes_on_nul(wire: Wire) -> None:
    if wire.creates and b"\\u0000" in wire.body:
        wire.status = 500
        wire.json = {"error": {"code": "internal_error", "message": "boom", "type": "api_error"}}


def as_text(wire: Wire) -> None:
    if wire.path == CREDITS and wire.status == 200:
        wire.answer_headers["content-type"] = "text/plain"


def forgets_success(wire: Wire) -> None:
    if wire.path == CREDITS and wire.status == 200:
        wire.json = {name: value for name, value in wire.json.items() if name != "data"}


def credits_for_all(wire: Wire) -> None:
    if wire.path == CREDITS and wire.status == 401:
        balance = {"remaining_credits": 1, "used_credits": 0}
        token = balance | {"unlimited_credits": True}
        wire.status, wire.json = 200, {"data": {"token": token, "user": balance}, "message": "", "success": True}


def replays_say_yes(wire: Wire) -> None:
    if wire.created and "idempotency-replayed" not in wire.answer_headers:
        wire.answer_headers["idempotency-replayed"] = "no"


def any_method(wire: Wire) -> None:
    if wire.status == 405:
        wire.status, wire.answer = 200, b"{}"


BAD = {
    "prompt_of_4999": Bad(
        "prompts of 5000 characters are refused", "SCHEMA-ACCEPTS-VALID", document=prompt_of(4_999)
    ),
    "prompt_of_5001": Bad(
        "prompts of 5001 characters are taken", "SCHEMA-REFUSES-INVALID", document=prompt_of(5_001)
    ),
    "five_images": Bad("five images are taken", "SCHEMA-REFUSES-INVALID", document=images(maxItems=5)),
    "three_images": Bad("four images are refused", "SCHEMA-ACCEPTS-VALID", document=images(maxItems=3)),
    "no_prompt": Bad("no prompt is taken", "SCHEMA-REFUSES-INVALID", document=without_model_required),
    "status_202": Bad("an accepted submission is 202", "SCHEMA-STATUS", hook=answers(as_202)),
    "text_progress": Bad("progress is a text", "SCHEMA-BODY", hook=bodies(text_progress, of="created")),
    "credits_as_text": Bad("credits are text/plain", "SCHEMA-MEDIA-TYPE", hook=answers(as_text)),
    "credits_without_data": Bad("credits without data", "SCHEMA-BODY", hook=answers(forgets_success)),
    "credits_for_all": Bad("credits without a key", "SCHEMA-AUTH", hook=answers(credits_for_all)),
    "header_of_no_meaning": Bad("a header that is not what it says", "SCHEMA-HEADERS", hook=answers(replays_say_yes)),
    "any_method": Bad(
        "any method is 200", "SCHEMA-METHODS", also=frozenset({"SCHEMA-REFUSES-INVALID"}), hook=answers(any_method)
    ),
    "crashes_on_nul": Bad(
        "a NUL in a prompt is 500",
        "SCHEMA-NO-SERVER-ERROR",
        also=frozenset({"SCHEMA-ACCEPTS-VALID"}),
        hook=answers(crashes_on_nul),
    ),
}
