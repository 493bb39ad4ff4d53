"""Bad servers that call back wrongly."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx

from mockserver.runtime.courier import Dispatch, Receipt
from mockserver.simulation.command import Report
from mockserver.simulation.task import State, Task
from mockserver.web.app import Application
from tests.bad_servers.house import Bad, Body, Hook, Pass, Wire, callback, requests

_OTHERS = (
    "CALLBACK-RETRIED",
    "CALLBACK-LOST-CONNECTION-IS-RETRIED",
    "CALLBACK-OTHER-STATUS-IS-RETRIED",
    "CALLBACK-TIMEOUT",
    "CALLBACK-BODY-IS-THE-TASK",
)
"""What can't hold where nothing comes at the end."""
Spoil = Callable[[Application], None]
JSON = {"content-type": "application/json"}


def rules(**changes: Any) -> Any:
    def alter(raw: Body) -> None:
        callback(raw).update(changes)

    return alter


def sending(change: Callable[[Dispatch], Dispatch | None]) -> Spoil:
    """Change what the courier is given; None drops it."""

    def spoil(app: Application) -> None:
        send = app.node.courier.send

        def changed(dispatch: Dispatch) -> None:
            if (to_send := change(dispatch)) is not None:
                send(to_send)

        app.node.courier.send = changed  # type: ignore[method-assign]

    return spoil


def reporting(change: Callable[[Receipt], Receipt]) -> Spoil:
    """Change what the courier has met."""

    def spoil(app: Application) -> None:
        courier = app.node.courier
        report = courier._report
        courier._report = lambda receipt: report(change(receipt))

    return spoil


def planning(change: Callable[[Callable[[Task, int], None], Task, int], None]) -> Spoil:
    def spoil(app: Application) -> None:
        world, plan = app.node.world, app.node.world._plan_callback

        def changed(task: Task, at_ms: int) -> None:
            change(plan, task, at_ms)

        world._plan_callback = changed  # type: ignore[method-assign]

    return spoil


def before_billing(app: Application) -> None:
    """The bill waits until the first attempt is reported."""
    world = app.node.world
    settle, report = world._settle, world._report
    waiting: dict[str, Any] = {}

    def later(tenant: Any, task: Task, at_ms: int) -> None:
        if task.callback_url is None:
            settle(tenant, task, at_ms)
        else:
            waiting[task.id] = (tenant, task, at_ms)

    def reported(command: Any) -> Any:
        delivery = world.deliveries.get(command.delivery_id)
        if delivery is not None and delivery.task_id in waiting:
            settle(*waiting.pop(delivery.task_id))
        return report(command)

    world._settle = later  # type: ignore[method-assign]
    world._handlers[Report] = reported


def never_on(state: State) -> Spoil:
    def change(plan: Callable[[Task, int], None], task: Task, at_ms: int) -> None:
        if task.state is not state:
            plan(task, at_ms)

    return planning(change)


def early(app: Application) -> None:
    """A callback when the work begins, and one at the end."""
    world, move = app.node.world, app.node.world._move_task
    send = app.node.courier.send

    def moved(task: Task, at_ms: int) -> None:
        was = task.state
        move(task, at_ms)
        if was is State.PENDING and task.callback_url:
            send(Dispatch(delivery_id="early", attempt=1, url=task.callback_url, body=b"{}", timeout_ms=10_000))

    world._move_task = moved  # type: ignore[method-assign]


def twice(app: Application) -> None:
    """Each first attempt goes out twice."""
    send = app.node.courier.send

    def doubled(dispatch: Dispatch) -> None:
        send(dispatch)
        if dispatch.attempt == 1:
            send(replace(dispatch, delivery_id="double"))

    app.node.courier.send = doubled  # type: ignore[method-assign]


def with_body(change: Callable[[Body, Dispatch], None]) -> Spoil:
    def changed(dispatch: Dispatch) -> Dispatch:
        body = json.loads(dispatch.body)
        change(body, dispatch)
        return replace(dispatch, body=json.dumps(body).encode())

    return sending(changed)


def other_body(body: Body, _: Dispatch) -> None:
    body["progress"] = 99


def numbered(body: Body, dispatch: Dispatch) -> None:
    if dispatch.attempt > 1:
        body["attempt"] = dispatch.attempt


def as_success(*statuses: int) -> Spoil:
    def change(receipt: Receipt) -> Receipt:
        return _status(receipt, 200) if receipt.status in statuses else receipt

    return reporting(change)


def as_failure(*statuses: int) -> Spoil:
    def change(receipt: Receipt) -> Receipt:
        return _status(receipt, 500) if receipt.status in statuses else receipt

    return reporting(change)


def lost_is_done(receipt: Receipt) -> Receipt:
    return _status(receipt, 200) if receipt.error and not receipt.timed_out else receipt


def _status(receipt: Receipt, status: int) -> Receipt:
    return Receipt(delivery_id=receipt.delivery_id, attempt=receipt.attempt, status=status)


def follows_redirects(app: Application) -> None:
    async def post(dispatch: Dispatch) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True) as client:
            return await client.post(dispatch.url, content=dispatch.body, headers=JSON)

    app.node.courier._post = post  # type: ignore[method-assign]


def sends_the_key(app: Application) -> Hook:
    """The receiver gets the header that the submission came with."""
    keys: dict[str, str] = {}

    async def post(dispatch: Dispatch) -> httpx.Response:
        headers = JSON | {"authorization": keys[json.loads(dispatch.body)["id"]]}
        async with httpx.AsyncClient(trust_env=False) as client:
            return await client.post(dispatch.url, content=dispatch.body, headers=headers)

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.created:
            keys[wire.json["id"]] = wire.key

    app.node.courier._post = post  # type: ignore[method-assign]
    return hook


def allowing(part: str) -> Any:
    """A callback URL with this in it is taken (and goes nowhere)."""

    def change(wire: Wire) -> None:
        if wire.creates and part.encode() in wire.body:
            body = json.loads(wire.body)
            body.pop("callback_url", None)
            wire.body = json.dumps(body).encode()

    return requests(change)


def elsewhere(dispatch: Dispatch) -> Dispatch:
    """To a path of the server's own choice, on the host that was given."""
    parts = urlsplit(dispatch.url)
    return replace(dispatch, url=f"{parts.scheme}://{parts.netloc}/callback")


def before_the_end(app: Application) -> None:
    """When the work begins, instead of at the end."""
    world, move, send = app.node.world, app.node.world._move_task, app.node.courier.send

    def moved(task: Task, at_ms: int) -> None:
        was = task.state
        move(task, at_ms)
        if was is State.PENDING and task.state is State.PROCESSING and task.callback_url:
            body = json.dumps({"id": task.id, "status": "completed"}).encode()
            send(Dispatch(delivery_id="early", attempt=1, url=task.callback_url, body=body, timeout_ms=10_000))

    world._move_task = moved  # type: ignore[method-assign]
    world._plan_callback = lambda *_: None  # type: ignore[method-assign]


def billed_later(app: Application) -> Hook:
    """The bill of a task that calls back comes five seconds after its end, and after the callback."""
    world, settle = app.node.world, app.node.world._settle
    waiting: list[tuple[Any, Task, int]] = []

    def later(tenant: Any, task: Task, at_ms: int) -> None:
        if task.callback_url is None:
            settle(tenant, task, at_ms)
        else:
            waiting.append((tenant, task, at_ms + 5_000))

    async def hook(wire: Wire, forward: Pass) -> None:
        for one in [one for one in waiting if one[2] <= app.node.clock.now_ms()]:
            waiting.remove(one)
            settle(*one)
        await forward(wire)

    world._settle = later  # type: ignore[method-assign]
    return hook


def once_in_twenty(app: Application, times: int) -> None:
    """Each twentieth first attempt goes out so many times."""
    send, numbers = app.node.courier.send, count(1)

    def changed(dispatch: Dispatch) -> None:
        is_chosen = dispatch.attempt == 1 and next(numbers) % 20 == 0
        for number in range(times if is_chosen else 1):
            send(replace(dispatch, delivery_id="double") if number else dispatch)

    app.node.courier.send = changed  # type: ignore[method-assign]


BAD = {
    "elsewhere": Bad("calls back at a path of its own", "CALLBACK-URL-UNTOUCHED", spoil=sending(elsewhere)),
    "before_the_end": Bad(
        "the callback comes when the work begins, and none at the end",
        "CALLBACK-ONLY-AT-THE-END",
        also=frozenset({"CALLBACK-SENT", *_OTHERS}),
        spoil=before_the_end,
    ),
    "billed_later": Bad("the bill comes 5 s after the callback", "CALLBACK-AFTER-BILLING", hook=billed_later),
    "one_in_twenty_twice": Bad(
        "one callback in twenty comes twice", "CALLBACK-SENT", spoil=lambda app: once_in_twenty(app, 2)
    ),
    "one_in_twenty_lost": Bad(
        "one callback in twenty never comes", "CALLBACK-SENT", spoil=lambda app: once_in_twenty(app, 0)
    ),
    "before_billing": Bad("the callback comes before the bill", "CALLBACK-AFTER-BILLING", spoil=before_billing),
    "silent_on_failure": Bad(
        "no callback on failure", "CALLBACK-SENT", also=frozenset({"CALLBACK-RETRIED"}), spoil=never_on(State.FAILED)
    ),
    "silent_on_cancel": Bad("no callback on cancel", "CALLBACK-SENT", spoil=never_on(State.CANCELLED)),
    "early": Bad(
        "a callback when the work begins",
        "CALLBACK-ONLY-AT-THE-END",
        also=frozenset({"CALLBACK-BODY-IS-THE-TASK", "CALLBACK-SENT", "CALLBACK-RETRY-DELAYS"}),
        spoil=early,
    ),
    "twice": Bad(
        "each callback comes twice",
        "CALLBACK-SENT",
        also=frozenset(
            {
                "CALLBACK-GIVES-UP",
                "CALLBACK-STOPS-ON-SUCCESS",
                "CALLBACK-LOST-CONNECTION-IS-RETRIED",
                "CALLBACK-RETRY-DELAYS",
                "CALLBACK-TIMEOUT",
            }
        ),
        spoil=twice,
    ),
    "other_body": Bad(
        "the body is not what a query answers", "CALLBACK-BODY-IS-THE-TASK", spoil=with_body(other_body)
    ),
    "numbered": Bad("each attempt has a body of its own", "CALLBACK-SAME-BODY", spoil=with_body(numbered)),
    "third_retry_missing": Bad("only two retries", "CALLBACK-RETRIED", document=rules(retry_delays_seconds=[1, 2])),
    "no_retries": Bad(
        "no retry at all",
        "CALLBACK-RETRIED",
        also=frozenset(
            {"CALLBACK-OTHER-STATUS-IS-RETRIED", "CALLBACK-LOST-CONNECTION-IS-RETRIED", "CALLBACK-TIMEOUT"}
        ),
        document=rules(retry_delays_seconds=[]),
    ),
    "fourth_retry": Bad("a fourth retry", "CALLBACK-GIVES-UP", document=rules(retry_delays_seconds=[1, 2, 4, 8])),
    "without_delay": Bad(
        "retries without delay", "CALLBACK-RETRY-DELAYS", document=rules(retry_delays_seconds=[0, 0, 0])
    ),
    "slow_backoff": Bad(
        "retries after 2, 4 and 8 s", "CALLBACK-RETRY-DELAYS", document=rules(retry_delays_seconds=[2, 4, 8])
    ),
    "even_backoff": Bad(
        "retries after 1, 1 and 1 s", "CALLBACK-RETRY-DELAYS", document=rules(retry_delays_seconds=[1, 1, 1])
    ),
    "follows_redirects": Bad(
        "a redirect is followed",
        "CALLBACK-NO-REDIRECT",
        spoil=follows_redirects,
    ),
    "sends_the_key": Bad("the receiver gets the API key", "CALLBACK-KEEPS-THE-KEY", hook=sends_the_key),
    "redirect_is_success": Bad("a 3xx is a success", "CALLBACK-OTHER-STATUS-IS-RETRIED", spoil=as_success(301, 307)),
    "not_found_is_success": Bad("a 404 is a success", "CALLBACK-OTHER-STATUS-IS-RETRIED", spoil=as_success(404)),
    "only_200": Bad("only 200 is a success", "CALLBACK-STOPS-ON-SUCCESS", spoil=as_failure(201, 204, 299)),
    "lost_is_done": Bad(
        "a lost connection is not retried", "CALLBACK-LOST-CONNECTION-IS-RETRIED", spoil=reporting(lost_is_done)
    ),
    "query_dropped": Bad(
        "the query of the URL is dropped",
        "CALLBACK-URL-UNTOUCHED",
        spoil=sending(lambda dispatch: replace(dispatch, url=dispatch.url.partition("?")[0])),
    ),
    "query_decoded": Bad(
        "the query of the URL is decoded",
        "CALLBACK-URL-UNTOUCHED",
        spoil=sending(lambda dispatch: replace(dispatch, url=dispatch.url.replace("%2B", "+"))),
    ),
    "time_out_at_3": Bad("the receiver has 3 s", "CALLBACK-TIMEOUT", document=rules(timeout_seconds=3)),
    "time_out_at_13": Bad("the receiver has 13 s", "CALLBACK-TIMEOUT", document=rules(timeout_seconds=13)),
    "private_is_allowed": Bad("calls back 192.168.x", "CALLBACK-FORBIDDEN-TARGET", hook=allowing("https://192.168.")),
    "http_is_allowed": Bad("calls back by http", "CALLBACK-FORBIDDEN-TARGET", hook=allowing("http://example.com")),
    "long_is_allowed": Bad("takes a longer callback URL", "CALLBACK-FORBIDDEN-TARGET", hook=allowing("x" * 2048)),
}
