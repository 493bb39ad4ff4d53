"""What a callback may be, by name: every end of a task, every shape that a task can have, however it is written."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from contract_tests.receiver.delivery import Delivery
from contract_tests.receiver.stock import CANCELLED, COMPLETED, FAILURES, Ended

ANSWERS = "RECEIVER-ANSWERS-2XX"
MEDIA_TYPE, UNKNOWN_FIELDS = "RECEIVER-MEDIA-TYPE", "RECEIVER-UNKNOWN-FIELDS"
EVERY_SHAPE, UNKNOWN_VALUES, WHOLE_BODY = (
    "RECEIVER-EVERY-SHAPE",
    "RECEIVER-UNKNOWN-VALUES",
    "RECEIVER-WHOLE-BODY",
)

STRANGE_FIELDS = {"x_new": {"deep": [1, None, "two"]}, "eta": 12.5, "_note": None}
"""Fields that no document has."""
_LINK_CHARACTERS = 2_000
_MESSAGE = "Not allowed: \u201esnow\u201c \u96ea \U0001f328\ufe0f & <b>'quotes\"</b>\n\t\\ " * 450
_PIECES = 3

Shape = Callable[[Ended], Delivery]
"""How the callback of a task is sent."""


@dataclass(frozen=True, slots=True)
class Body:
    """How a task ended, how its callback is sent, and the check that is broken where it is not accepted."""

    line: str
    kind: str = COMPLETED
    shape: Shape = lambda task: Delivery(task.body)
    owner: str = ANSWERS


def plain(task: Ended) -> Delivery:
    """As the API answers it."""
    return Delivery(task.body)


def respelt(task: Ended) -> Delivery:
    """The same JSON value in other bytes: other order, other white space, letters escaped."""
    fields = dict(reversed(task.fields.items()))
    text = json.dumps(fields, indent=2).replace("completed", "\\u0063ompleted").replace("failed", "\\u0066ailed")
    return Delivery(text.encode())


def strange(task: Ended) -> Delivery:
    """With fields that no document has."""
    return Delivery(task.with_fields(**STRANGE_FIELDS))


def in_pieces(task: Ended) -> Delivery:
    return Delivery(task.body, pieces=_PIECES)


def _with(**fields: Any) -> Shape:
    return lambda task: Delivery(task.with_fields(**fields))


def _sparse(task: Ended) -> Delivery:
    """As of the documents that know the fewest fields, and what its end adds."""
    few = ("created", "id", "model", "status", "results", "error")
    kept = {name: value for name, value in task.fields.items() if name in few}
    return Delivery(json.dumps(kept).encode())


def _links(number: int, characters: int, ending: str) -> Shape:
    """So many results, each a link of at least so many characters."""

    def shape(task: Ended) -> Delivery:
        link = task.fields["results"][0].rpartition("/")[0]
        pad = "s" * max(0, characters - len(link))
        signed = [f"{link}/{place}.{ending}{f'?signature={pad}' if pad else ''}" for place in range(number)]
        return Delivery(task.with_fields(results=signed))

    return shape


def _of_type(name: str, ending: str, number: int) -> Shape:
    def shape(task: Ended) -> Delivery:
        links = json.loads(_links(number, 0, ending)(task).body)["results"]
        fields = {"object": f"{name}.generation.task", "type": name, "model": f"some-{name}-model", "results": links}
        return Delivery(task.with_fields(**fields))

    return shape


def _error(**fields: str) -> Shape:
    return lambda task: Delivery(task.with_fields(error=task.fields["error"] | fields))


def _written(content_type: str) -> Shape:
    return lambda task: Delivery(task.body, content_type)


BODIES: dict[str, Body] = {
    "completed": Body("a completed task"),
    **{code: Body(f"a task that failed with {code}", code) for code in FAILURES},
    "cancelled": Body("a task that failed with request_cancelled", CANCELLED),
    "sparse": Body("a task without object, progress, task_info and type", shape=_sparse, owner=EVERY_SHAPE),
    "images": Body("four images", shape=_of_type("image", "png", 4), owner=EVERY_SHAPE),
    "audio": Body("a task of the type audio", shape=_of_type("audio", "mp3", 1), owner=EVERY_SHAPE),
    "respelt": Body("the same JSON in other order and spelling", shape=respelt, owner=EVERY_SHAPE),
    "new-code": Body(
        "a failure code that no document has", FAILURES[0], _error(code="brand_new_failure"), UNKNOWN_VALUES
    ),
    "new-model": Body("a model that no document has", shape=_with(model="brand-new-1.0"), owner=UNKNOWN_VALUES),
    "new-fields": Body("fields that no document has", shape=strange, owner=UNKNOWN_FIELDS),
    "long-link": Body(
        f"a result with a link of {_LINK_CHARACTERS:,} characters",
        shape=_links(1, _LINK_CHARACTERS, "mp4"),
        owner=WHOLE_BODY,
    ),
    "long-message": Body(
        f"an error message of {len(_MESSAGE):,} characters in many scripts",
        FAILURES[0],
        _error(message=_MESSAGE),
        WHOLE_BODY,
    ),
    "in-pieces": Body(f"a body that comes in {_PIECES} pieces", shape=in_pieces, owner=WHOLE_BODY),
    "charset": Body(
        "application/json; charset=utf-8", shape=_written("application/json; charset=utf-8"), owner=MEDIA_TYPE
    ),
    "letter-case": Body("Application/JSON", shape=_written("Application/JSON"), owner=MEDIA_TYPE),
}
"""The rows of the grid."""
