"""Bad servers whose tasks lie."""

from collections import Counter
from itertools import count
from typing import Any

from mockserver.runtime.resident import Resident
from mockserver.simulation.task import State, Task
from mockserver.web.app import Application
from tests.bad_servers.house import (
    CREATE,
    TASKS,
    Bad,
    Body,
    Hook,
    Pass,
    Wire,
    answers,
    asking,
    bodies,
    newcomers,
    operation,
)

FOREVER_S = 864_000
LATER_MS = 25_000


def progress_falls() -> Any:
    """Once in the life of each task."""
    last: dict[str, int] = {}

    def change(body: Body) -> None:
        shown = last.get(body["id"], 0)
        if body["status"] == "processing" and shown >= 0:
            body["progress"] = shown - 1 if shown > 0 else body["progress"]
            last[body["id"]] = -1 if shown > 0 else body["progress"]

    return bodies(change)


def progress_falls_late(app: Application) -> Hook:
    """Only tasks that have been at it for more than ten seconds."""

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.shows and wire.json["status"] == "processing":
            resident = asking(app, wire)
            if resident.now_ms() - resident.world.tasks[wire.json["id"]].submitted_ms > 10_000:
                wire.json = wire.json | {"progress": 0}

    return hook


def progress_done_early(body: Body) -> None:
    if body["status"] == "processing" and body["progress"] > 50:
        body["progress"] = 100


def back_to_pending(body: Body) -> None:
    if body["status"] == "processing" and 20 < body["progress"] < 60:
        body["status"] = "pending"


def extra_status(body: Body) -> None:
    if body["status"] == "pending":
        body["status"] = "queued"


def results_when(status: str) -> Any:
    def change(body: Body) -> None:
        if body["status"] == status:
            body["results"] = ["https://files.evolink.ai/1/videos/2025/09/06/0.mp4"]

    return bodies(change)


def without(name: str, status: str) -> Any:
    def change(body: Body) -> None:
        if body["status"] == status:
            body.pop(name, None)

    return bodies(change)


def rarely_without_results() -> Any:
    """One completed task in a hundred."""
    numbers, bare = count(1), set[str]()

    def change(wire: Wire) -> None:
        if wire.created and next(numbers) % 100 == 0:
            bare.add(wire.json["id"])
        if wire.shows and wire.json["id"] in bare and wire.json["status"] == "completed":
            wire.json = {name: value for name, value in wire.json.items() if name != "results"}

    return answers(change)


def error_on_completed(body: Body) -> None:
    if body["status"] == "completed":
        body["error"] = {"code": "unknown_error", "message": "none", "type": "task_error"}


def in_error(name: str, value: str) -> Any:
    def change(body: Body) -> None:
        if body["status"] == "failed":
            body["error"][name] = value

    return bodies(change)


def unknown_code_sometimes(body: Body) -> None:
    if body["status"] == "failed" and body["error"]["code"] == "generation_timeout":
        body["error"]["code"] = "worker_lost"


def cancelled_as_service_error(body: Body) -> None:
    if body["status"] == "failed" and body["error"]["code"] == "request_cancelled":
        body["error"]["code"] = "service_error"


def links_move(app: Application) -> Hook:
    """A while after the end, the result is somewhere else."""

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.shows and wire.json["status"] == "completed" and ended_for_ms(app, wire) > LATER_MS:
            wire.json = wire.json | {"results": [f"{wire.json['results'][0]}?signature=2"]}

    return hook


def ended_for_ms(app: Application, wire: Wire) -> int:
    resident = asking(app, wire)
    return resident.now_ms() - (resident.world.tasks[wire.json["id"]].ended_ms or 0)


def completed_fails_later(app: Application) -> Hook:
    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.shows and wire.json["status"] == "completed" and ended_for_ms(app, wire) > LATER_MS:
            body = {name: value for name, value in wire.json.items() if name != "results"}
            error = {"code": "resource_not_found", "message": "gone", "type": "task_error"}
            wire.json = body | {"status": "failed", "progress": 99, "error": error}

    return hook


def created_drifts(body: Body) -> None:
    body["created"] += body["status"] != "pending"


def created_in_milliseconds(wire: Wire) -> None:
    if wire.created or wire.shows:
        wire.json = wire.json | {"created": wire.json["created"] * 1000}


def starts_processing(body: Body) -> None:
    body["status"] = "processing"


def other_model(body: Body) -> None:
    body["model"] = "kling-o1-video-edit"


def ids_again() -> Any:
    """From its fortieth task on, an account now and then gets the id that the task before has."""
    numbers: Counter[str] = Counter()
    last: dict[str, str] = {}

    def change(wire: Wire) -> None:
        if not wire.created:
            return
        numbers[wire.key] += 1
        if numbers[wire.key] > 40 and numbers[wire.key] % 25 == 0:
            wire.json = wire.json | {"id": last[wire.key]}
        last[wire.key] = wire.json["id"]

    return answers(change)


def own_ids(_: Application) -> Hook:
    """Ids of another form; whoever uses them means the task."""
    real: dict[str, str] = {}

    async def hook(wire: Wire, forward: Pass) -> None:
        for shown, meant in real.items():
            if shown in wire.path:
                wire.path = wire.path.replace(shown, meant)
        await forward(wire)
        if wire.created:
            meant = wire.json["id"]
            real["".join(meant.rsplit("-", 1))] = meant
        if wire.path.startswith((CREATE, TASKS)):
            for shown, meant in real.items():
                wire.answer = wire.answer.replace(meant.encode(), shown.encode())

    return hook


def foreign_is_open(app: Application) -> Hook:
    owners: dict[str, str] = {}

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.created:
            owners[wire.json["id"]] = wire.key
        owner = owners.get(wire.path.removeprefix(TASKS))
        if wire.status == 403 and owner:
            wire.headers["authorization"] = owner
            await forward(wire)

    return hook


def unknown_is_forbidden(wire: Wire) -> None:
    if wire.status == 404 and wire.path.startswith(TASKS):
        wire.status = 403
        wire.json = {"error": {"code": "permission_denied", "message": "no", "type": "invalid_request_error"}}


def wrong_id_is_unknown(wire: Wire) -> None:
    if wire.status == 400 and wire.path.startswith(TASKS):
        wire.status = 404
        wire.json = {"error": {"code": "task_not_found", "message": "no", "type": "invalid_request_error"}}


def forgets_tasks(app: Application) -> Hook:
    """One task in a hundred vanishes once it is under way."""
    numbers, lost = count(1), set[str]()

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.created and next(numbers) % 100 == 0:
            lost.add(wire.json["id"])
        if wire.shows and wire.json["id"] in lost and wire.json["status"] != "pending":
            wire.status = 404
            wire.json = {"error": {"code": "task_not_found", "message": "no", "type": "invalid_request_error"}}

    return hook


def never_ends(resident: Resident) -> None:
    """What runs is never planned to end."""
    timers = resident.world.timers
    plan = timers.plan

    def only_start(due_ms: int, subject: Any) -> None:
        if not isinstance(subject, Task) or subject.state is State.PENDING:
            plan(due_ms, subject)

    timers.plan = only_start  # type: ignore[method-assign]


def late_cancel_wins(_: Application) -> Hook:
    """A cancel that comes too late is refused, and done all the same."""
    cancelled: set[str] = set()

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.path.endswith("/cancel") and wire.status == 409:
            cancelled.add(wire.path.split("/")[-2])
        if wire.shows and wire.json["id"] in cancelled:
            error = {"code": "request_cancelled", "message": "cancelled", "type": "task_error"}
            body = {name: value for name, value in wire.json.items() if name != "results"}
            wire.json = body | {"status": "failed", "progress": 99, "error": error}

    return hook


def can_cancel_forever(body: Body) -> None:
    body["task_info"]["can_cancel"] = True


def polls_drive(app: Application) -> Hook:
    """Each query moves the task on: whoever asks more often is served earlier."""
    asked: Counter[str] = Counter()

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.shows and wire.json["status"] == "processing":
            asked[wire.path] += 1
            wire.json = wire.json | {"progress": min(99, wire.json["progress"] + asked[wire.path])}

    return hook


def mixed_up(_: Application) -> Hook:
    """Two accounts at the same moment: the one gets the other's task."""
    under_way: Counter[str] = Counter()
    last: dict[str, str] = {}

    async def hook(wire: Wire, forward: Pass) -> None:
        if not wire.creates:
            await forward(wire)
            return
        under_way[wire.key] += 1
        try:
            await forward(wire)
            await _moment()
            others = [key for key, number in under_way.items() if number and key != wire.key and key in last]
            if wire.status == 200:
                last[wire.key] = wire.json["id"]
                if others:
                    wire.json = wire.json | {"id": last[others[0]]}
        finally:
            under_way[wire.key] -= 1

    return hook


async def _moment() -> None:
    import asyncio

    await asyncio.sleep(0.002)


def links_live(seconds: int) -> Any:
    def alter(raw: Body) -> None:
        operation(raw)["x-evolink-results"]["valid_seconds"] = seconds

    return alter


def links_need_a_key(wire: Wire) -> None:
    if wire.path.startswith("/media/"):
        wire.status, wire.answer, wire.answer_headers = 401, b"{}", {"content-type": "application/json"}


def links_once(_: Application) -> Hook:
    """A result is there for whoever comes first."""
    fetched: set[str] = set()

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.path.startswith("/media/") and wire.path in fetched:
            wire.status, wire.answer = 404, b""
        fetched.add(wire.path)

    return hook


def no_estimate(body: Body) -> None:
    body["task_info"]["estimated_time"] = 0


BAD = {
    "progress_falls": Bad(
        "progress falls in the middle",
        "TASK-PROGRESS-MONOTONE",
        also=frozenset({"TASK-READ-CHANGES-NOTHING"}),
        hook=progress_falls(),
    ),
    "progress_falls_late": Bad(
        "progress falls, on tasks that take more than 10 s", "TASK-PROGRESS-MONOTONE", hook=progress_falls_late
    ),
    "progress_done_early": Bad(
        "progress 100 before the end",
        "TASK-PROGRESS-COMPLETE",
        also=frozenset({"TASK-PROGRESS-MONOTONE"}),
        hook=bodies(progress_done_early),
    ),
    "back_to_pending": Bad("pending once more after processing", "TASK-STATUS-ORDER", hook=bodies(back_to_pending)),
    "extra_status": Bad("a status that no document lists", "TASK-STATUS-KNOWN", hook=bodies(extra_status)),
    "results_on_failed": Bad(
        "results on a failed task", "TASK-RESULTS-ONLY-WHEN-COMPLETED", hook=results_when("failed")
    ),
    "results_before_the_end": Bad(
        "results while the task runs", "TASK-RESULTS-ONLY-WHEN-COMPLETED", hook=results_when("processing")
    ),
    "completed_without_results": Bad(
        "no results on a completed task", "TASK-RESULTS-WHEN-COMPLETED", hook=without("results", "completed")
    ),
    "rarely_without_results": Bad(
        "no results on one completed task in a hundred", "TASK-RESULTS-WHEN-COMPLETED", hook=rarely_without_results()
    ),
    "error_on_completed": Bad(
        "an error on a completed task", "TASK-ERROR-ONLY-WHEN-FAILED", hook=bodies(error_on_completed)
    ),
    "failed_without_error": Bad(
        "a failed task does not say why",
        "TASK-ERROR-WHEN-FAILED",
        also=frozenset(
            {"TASK-FAILURE-TELLS-WHY", "TASK-CANCEL-READS-AS-DOCUMENTED", "TASK-ERROR-CODE-KNOWN", "TASK-ERROR-TYPE"}
        ),
        hook=without("error", "failed"),
    ),
    "error_type": Bad(
        "a failed task's error has the type of a request's",
        "TASK-ERROR-TYPE",
        hook=in_error("type", "api_error"),
    ),
    "unknown_failure": Bad(
        "a failure code that is not documented",
        "TASK-ERROR-CODE-KNOWN",
        also=frozenset({"TASK-FAILURE-TELLS-WHY"}),
        hook=bodies(unknown_code_sometimes),
    ),
    "one_failure_for_all": Bad(
        "every failure reads service_error",
        "TASK-FAILURE-TELLS-WHY",
        also=frozenset({"TASK-CANCEL-READS-AS-DOCUMENTED"}),
        hook=in_error("code", "service_error"),
    ),
    "cancelled_as_service_error": Bad(
        "a cancelled task reads service_error",
        "TASK-CANCEL-READS-AS-DOCUMENTED",
        also=frozenset({"TASK-FAILURE-TELLS-WHY"}),
        hook=bodies(cancelled_as_service_error),
    ),
    "links_move": Bad("the result link changes a while after the end", "TASK-END-KEEPS-ITS-BODY", hook=links_move),
    "completed_fails_later": Bad(
        "a completed task fails a little later",
        "TASK-END-IS-FINAL",
        also=frozenset({"TASK-END-KEEPS-ITS-BODY", "BILLING-CHARGED-ON-COMPLETION", "BILLING-FAILURE-NOT-CHARGED"}),
        hook=completed_fails_later,
    ),
    "created_drifts": Bad(
        "created changes once the task runs", "TASK-KEEPS-ITS-IDENTITY", hook=bodies(created_drifts)
    ),
    "created_in_milliseconds": Bad(
        "created in milliseconds",
        "TASK-CREATED-IS-NOW",
        also=frozenset({"CALLBACK-BODY-IS-THE-TASK"}),
        hook=answers(created_in_milliseconds),
    ),
    "starts_processing": Bad(
        "a submission is answered with processing",
        "TASK-STARTS-PENDING",
        hook=bodies(starts_processing, of="created"),
    ),
    "own_ids": Bad(
        "ids of another form", "TASK-ID-FORM", also=frozenset({"CALLBACK-BODY-IS-THE-TASK"}), hook=own_ids
    ),
    "wrong_model": Bad(
        "a submission is answered with another model",
        "TASK-NAMES-ITS-MODEL",
        also=frozenset({"TASK-KEEPS-ITS-IDENTITY"}),
        hook=bodies(other_model, of="created"),
    ),
    "other_model": Bad("a query names another model", "TASK-KEEPS-ITS-IDENTITY", hook=bodies(other_model)),
    "ids_again": Bad(
        "an id is given twice, now and then",
        "TASK-ID-UNIQUE",
        also=frozenset({"BILLING-CHARGED-ON-COMPLETION", "CALLBACK-BODY-IS-THE-TASK"}),
        hook=ids_again(),
    ),
    "no_estimate": Bad("no estimate of the time", "TASK-ESTIMATES-ITS-TIME", hook=bodies(no_estimate, of="created")),
    "foreign_is_open": Bad("anybody reads any task", "TASK-FOREIGN-IS-CLOSED", hook=foreign_is_open),
    "unknown_is_forbidden": Bad("an unknown task is 403", "TASK-UNKNOWN-IS-404", hook=answers(unknown_is_forbidden)),
    "wrong_id_is_unknown": Bad(
        "an id of the wrong form is 404", "TASK-WRONG-ID-IS-400", hook=answers(wrong_id_is_unknown)
    ),
    "forgets_tasks": Bad(
        "one task in a hundred vanishes",
        "TASK-STAYS",
        also=frozenset({"BILLING-CHARGED-ON-COMPLETION", "CALLBACK-BODY-IS-THE-TASK", "TASK-FAILURE-TELLS-WHY"}),
        hook=forgets_tasks,
    ),
    "never_ends": Bad("tasks never end by themselves", "TASK-ENDS", spoil=newcomers(never_ends)),
    "late_cancel_wins": Bad("a cancel after the end wins", "TASK-TOO-LATE-TO-CANCEL", hook=late_cancel_wins),
    "can_cancel_forever": Bad(
        "an ended task can be cancelled", "TASK-ENDED-CANT-BE-CANCELLED", hook=bodies(can_cancel_forever)
    ),
    "polls_drive": Bad(
        "each query moves the task on",
        "TASK-READ-CHANGES-NOTHING",
        also=frozenset({"TASK-PROGRESS-MONOTONE"}),
        hook=polls_drive,
    ),
    "mixed_up": Bad(
        "two accounts at once get each other's tasks",
        "TASK-TENANTS-APART",
        also=frozenset({"TASK-ID-UNIQUE", "TASK-STAYS", "BILLING-CHARGED-ON-COMPLETION"}),
        hook=mixed_up,
    ),
    "links_live_on": Bad("a result link works after 24 hours", "RESULT-LINK-EXPIRES", document=links_live(FOREVER_S)),
    "links_die_early": Bad("a result link dies after an hour", "RESULT-LINK-WORKS", document=links_live(3_600)),
    "links_once": Bad("a result can be fetched once", "RESULT-LINK-WORKS", hook=links_once),
    "links_need_a_key": Bad("a result link asks for a key", "RESULT-LINK-WORKS", hook=answers(links_need_a_key)),
}
