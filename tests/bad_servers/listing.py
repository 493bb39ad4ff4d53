"""Bad servers whose list, batch or models lie; all of the observed profile."""

import json
from typing import Any

from mockserver.web.app import Application
from tests.bad_servers.house import BATCH, LIST, MODELS, Bad, Body, Hook, Pass, Wire, answers, bodies, requests


def data(path: str, change: Any) -> Any:
    """Changes the `data` of what is answered under a path."""

    def changed(wire: Wire) -> None:
        if wire.path == path and wire.status == 200:
            wire.json = wire.json | {"data": change(wire.json["data"])}

    return answers(changed)


def members(path: str, change: Any) -> Any:
    """Changes each task that is answered under a path."""
    return data(path, lambda tasks: [change(one) for one in tasks])


def stale(task: Body) -> Body:
    return task | {"progress": 0} if task["status"] == "processing" else task


def without_result(task: Body) -> Body:
    return {name: value for name, value in task.items() if name != "results"}


def pages_overlap(wire: Wire) -> None:
    """From the second page on, one task of the page before comes again."""
    if wire.path == LIST and "page=2" in wire.query.split("&"):
        wire.query = wire.query.replace("page=2", "page=1", 1)


def counts_one_page(wire: Wire) -> None:
    """`total` is what is on the page."""
    if wire.path == LIST and wire.status == 200:
        wire.json = wire.json | {"total": len(wire.json["data"])}


def no_page_after_the_last(wire: Wire) -> None:
    """Past the end, the first page comes again."""
    if wire.path == LIST and "page=1000000" in wire.query.split("&"):
        wire.query = wire.query.replace("page=1000000", "page=1")


def without_parameter(name: str) -> Any:
    def change(wire: Wire) -> None:
        if wire.path == LIST:
            wire.query = "&".join(one for one in wire.query.split("&") if not one.startswith(f"{name}="))

    return requests(change)


def list_is_late(wire: Wire) -> None:
    """Of two tasks, the newer one is not there yet."""
    if wire.path == LIST and wire.query == "page_size=100" and len(wire.json["data"]) == 2:
        wire.json = wire.json | {"data": wire.json["data"][1:]}


def pending_left_out(wire: Wire) -> None:
    if wire.path == LIST and wire.status == 200 and "status=processing" in wire.query:
        running = [one for one in wire.json["data"] if one["status"] == "processing"]
        wire.json = wire.json | {"data": running}


def shown_to_all(path: str) -> Any:
    """Whoever asks sees what the account has that submitted last."""

    def make(_: Application) -> Hook:
        last: list[str] = []

        async def hook(wire: Wire, forward: Pass) -> None:
            if wire.path == path and last and wire.key:
                wire.headers["authorization"] = last[-1]
            await forward(wire)
            if wire.created:
                last[:] = [wire.key]

        return hook

    return make


def unknown_are_failed(wire: Wire) -> None:
    """Ids that nobody has are shown, as failed."""
    if wire.path == BATCH and wire.status == 200:
        asked, told = json.loads(wire.body)["task_ids"], wire.json
        there = {one["id"] for one in told["data"]}
        lost = [{"id": one, "status": "failed"} for one in asked if one not in there]
        wire.json = told | {"data": [*told["data"], *lost]}


def credits_as_text(body: Body) -> None:
    for one in body["data"]:
        if "credits_used" in one:
            one["credits_used"] = f"{one['credits_used']}"


def without_object(body: Body) -> None:
    body.pop("object", None)


_ALSO = {
    "list_of_all": frozenset({"LIST-AGREES-WITH-QUERY"}),
    "unknown_are_failed": frozenset({"BATCH-OWN-ONLY", "LIST-COMPLETE"}),
}

BAD = {
    name: Bad(what, owner, also=_ALSO.get(name, frozenset()), hook=hook, profile="observed")
    for name, what, owner, hook in (
        (
            "oldest_first",
            "the list begins with the oldest",
            "LIST-NEWEST-FIRST",
            data(LIST, lambda tasks: tasks[::-1]),
        ),
        ("list_is_stale", "the list shows no progress", "LIST-AGREES-WITH-QUERY", members(LIST, stale)),
        (
            "list_is_late",
            "the newest task is not in the list yet",
            "LIST-AGREES-WITH-QUERY",
            answers(list_is_late),
        ),
        ("pages_overlap", "the second page is the first once more", "LIST-PAGES", requests(pages_overlap)),
        ("counts_one_page", "`total` counts the page alone", "LIST-PAGES", answers(counts_one_page)),
        ("no_last_page", "past the last page the first comes again", "LIST-PAGES", requests(no_page_after_the_last)),
        ("any_status", "the filter by status means nothing", "LIST-FILTERS", without_parameter("status")),
        ("any_type", "the filter by type means nothing", "LIST-FILTERS", without_parameter("type")),
        ("any_listed_model", "the filter by model means nothing", "LIST-FILTERS", without_parameter("model")),
        ("pending_left_out", "processing leaves out what is pending", "LIST-FILTERS", answers(pending_left_out)),
        ("list_of_all", "the list of whoever submitted last", "LIST-OWN-ONLY", shown_to_all(LIST)),
        ("batch_of_all", "several tasks at once, whosever they are", "BATCH-OWN-ONLY", shown_to_all(BATCH)),
        ("batch_is_bare", "no results in a batch", "BATCH-AGREES-WITH-QUERY", members(BATCH, without_result)),
        (
            "unknown_are_failed",
            "unknown ids of a batch are failed tasks",
            "BATCH-LEAVES-OUT-UNKNOWN",
            answers(unknown_are_failed),
        ),
        (
            "models_of_all",
            "every model is listed, whatever the key may use",
            "MODELS-ARE-THOSE-ALLOWED",
            data(MODELS, lambda _: [{"id": "kling-o1-video-edit-fast"}]),
        ),
        (
            "list_amounts_as_text",
            "the list shows credits as texts",
            "LIST-TYPES",
            bodies(credits_as_text, of="lists"),
        ),
        ("list_without_object", "the list has no `object`", "LIST-COMPLETE", bodies(without_object, of="lists")),
    )
}
