"""Bad servers that answer badly, whatever the question."""

from itertools import count
from typing import Any

from mockserver.web.app import Application
from tests.bad_servers.house import CREATE, TASKS, Bad, Hook, MakeHook, Pass, Wire, answers


def html_now_and_then() -> Any:
    """A proxy in between shows its own page, once in forty answers."""
    numbers = count(1)

    def change(wire: Wire) -> None:
        if wire.path.startswith("/v1/") and next(numbers) % 40 == 0:
            wire.answer, wire.answer_headers = b"<html>Bad gateway</html>", {"content-type": "text/html"}

    return answers(change)


def truncated_now_and_then() -> Any:
    numbers = count(1)

    def change(wire: Wire) -> None:
        if wire.path.startswith("/v1/") and next(numbers) % 40 == 0:
            wire.answer = wire.answer[: len(wire.answer) // 2]

    return answers(change)


def cut_now_and_then() -> Any:
    numbers = count(1)

    def change(wire: Wire) -> None:
        wire.is_cut = wire.path.startswith("/v1/") and next(numbers) % 40 == 0

    return answers(change)


def own_error_codes(wire: Wire) -> None:
    """Where a code is a name; that of the credits is a number."""
    if wire.path.startswith(("/v1/videos/", "/v1/tasks")) and wire.status == 401:
        wire.json = {"error": {"code": "no_key", "message": "who are you?", "type": "authentication_error"}}


def open_to_all(path: str) -> MakeHook:
    """Who has no key is whoever was served last."""

    def make(_: Application) -> Hook:
        served = "Bearer sk-of-the-house-itself"

        async def hook(wire: Wire, forward: Pass) -> None:
            nonlocal served
            if wire.path.startswith(path):
                wire.headers.setdefault("authorization", served)
            await forward(wire)
            if wire.key and wire.status == 200:
                served = wire.key

        return hook

    return make


BAD = {
    "html_now_and_then": Bad("a page instead of JSON, now and then", "SERVER-SPEAKS-JSON", hook=html_now_and_then()),
    "truncated_now_and_then": Bad(
        "half an answer, now and then", "SERVER-SPEAKS-JSON", hook=truncated_now_and_then()
    ),
    "cut_now_and_then": Bad(
        "the connection ends within an answer, now and then", "SERVER-ANSWERS", hook=cut_now_and_then()
    ),
    "own_error_codes": Bad("error codes of its own", "ERROR-CODE-KNOWN", hook=answers(own_error_codes)),
    "reads_without_a_key": Bad("who has no key may read tasks", "KEY-MISSING-IS-401", hook=open_to_all(TASKS)),
    "buys_without_a_key": Bad("who has no key may submit", "KEY-MISSING-IS-401", hook=open_to_all(CREATE)),
}
