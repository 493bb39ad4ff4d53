"""Bad servers that take what they should refuse, or refuse what they should take; and answers that lack something."""

from typing import Any

from contract_tests.server.talk import reading
from tests.bad_servers.house import Bad, Body, Pass, Wire, answers, bodies


def request(name: str, **bounds: Any) -> Any:
    """Other bounds of a field of a submission."""

    def alter(raw: Body) -> None:
        raw["components"]["schemas"]["VideoRequest"]["properties"][name].update(bounds)

    return alter


def prompt_is_optional(raw: Body) -> None:
    raw["components"]["schemas"]["VideoRequest"]["required"] = ["model", "video_urls"]


def counts(encoding: str, unit_bytes: int) -> Any:
    """The units of a prompt in this encoding, where characters are told."""

    async def hook(wire: Wire, forward: Pass) -> None:
        prompt = (
            reading.at(reading.parsed(wire.body.decode("utf-8", "replace"))[0], "prompt") if wire.creates else None
        )
        if isinstance(prompt, str) and len(prompt.encode(encoding, "surrogatepass")) > 5_000 * unit_bytes:
            wire.body = wire.body.replace(b'"prompt"', b'"no prompt"')
        await forward(wire)

    return lambda _: hook


def without_type(wire: Wire) -> None:
    if wire.created or wire.shows:
        wire.json = {name: value for name, value in wire.json.items() if name != "type"}


def without_message(wire: Wire) -> None:
    if wire.status == 404 and wire.path.startswith("/v1/"):
        error = {name: value for name, value in wire.json["error"].items() if name != "message"}
        wire.json = {"error": error}


def tasks_as_text(wire: Wire) -> None:
    if wire.shows:
        wire.answer_headers["content-type"] = "text/plain"


def credits_are_203(wire: Wire) -> None:
    if wire.path == "/v1/credits" and wire.status == 200:
        wire.status = 203


def progress_as_text(body: Body) -> None:
    body["progress"] = f"{body['progress']}"


def object_of_its_own(wire: Wire) -> None:
    if wire.created or wire.shows:
        wire.json = wire.json | {"object": "task"}


def amounts_as_text(wire: Wire) -> None:
    if wire.path == "/v1/credits" and wire.status == 200:
        user = {name: f"{value}" for name, value in wire.json["data"]["user"].items()}
        wire.json = wire.json | {"data": wire.json["data"] | {"user": user}}


def retry_after(value: str | None) -> Any:
    def change(wire: Wire) -> None:
        if wire.status == 429:
            wire.answer_headers.pop("retry-after", None)
            if value is not None:
                wire.answer_headers["retry-after"] = value

    return answers(change)


BAD = {
    "tasks_as_text": Bad("a task is text/plain", "SERVER-SPEAKS-JSON", hook=answers(tasks_as_text)),
    "credits_are_203": Bad("the credits are answered with 203", "ANSWER-STATUS", hook=answers(credits_are_203)),
    "prompt_of_5100": Bad(
        "takes prompts of 5100 characters", "PROMPT-LENGTH", document=request("prompt", maxLength=5_100)
    ),
    "prompt_of_4900": Bad("refuses prompts of 5000", "PROMPT-LENGTH", document=request("prompt", maxLength=4_900)),
    "counts_bytes": Bad("counts the bytes of a prompt", "PROMPT-LENGTH", hook=counts("utf-8", 1)),
    "counts_utf_16": Bad("counts the UTF-16 units of a prompt", "PROMPT-LENGTH", hook=counts("utf-16-le", 2)),
    "images_of_none": Bad("takes an empty list of images", "IMAGE-COUNT", document=request("image_urls", minItems=0)),
    "images_of_three": Bad(
        "refuses the fourth image",
        "IMAGE-COUNT",
        document=request("image_urls", maxItems=3),
        also=frozenset({"IMAGE-FORMAT"}),
    ),
    "two_videos": Bad("takes two videos", "VIDEO-COUNT", document=request("video_urls", maxItems=2)),
    "prompt_is_optional": Bad("takes a request without a prompt", "FIELDS-REQUIRED", document=prompt_is_optional),
    "without_type": Bad(
        "no task has a type",
        "ANSWER-COMPLETE",
        also=frozenset({"CALLBACK-BODY-IS-THE-TASK"}),
        hook=answers(without_type),
    ),
    "without_message": Bad("a 404 has no message", "ANSWER-COMPLETE", hook=answers(without_message)),
    "progress_as_text": Bad("a task's progress is a text", "ANSWER-TYPES", hook=bodies(progress_as_text)),
    "object_of_its_own": Bad(
        "a task is an object of no known kind",
        "ANSWER-VALUES",
        also=frozenset({"CALLBACK-BODY-IS-THE-TASK"}),
        hook=answers(object_of_its_own),
    ),
    "amounts_as_text": Bad("the user's credits are texts", "ANSWER-TYPES", hook=answers(amounts_as_text)),
    "no_retry_after": Bad("a 429 does not say until when", "RATE-LIMIT-SAYS-WHEN", hook=retry_after(None)),
    "retry_after_in_words": Bad("Retry-After is no time", "RATE-LIMIT-SAYS-WHEN", hook=retry_after("soon")),
    "retry_after_too_early": Bad("Retry-After is too short", "RATE-LIMIT-SAYS-WHEN", hook=retry_after("2")),
}
