"""Bad servers that call back wrongly."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx
from msgspec.structs import replace

from mockserver.runtime.delivery.courier import Receipt, failed
from mockserver.runtime.delivery.lanes import Dispatch
from mockserver.runtime.resident import Resident
from mockserver.simulation.callback import Delivery
from mockserver.simulation.command import Command, Report
from mockserver.simulation.event import Reply
from mockserver.simulation.ledger import Book
from mockserver.simulation.task import State, Task
from mockserver.web.app import Application
from tests.bad_servers.house import Bad, Body, Hook, Pass, Wire, callback, newcomers, requests, rewritten
from tests.bad_servers.money import Settle, settling

_OTHERS = (
    "CALLBACK-RETRIED",
    "CALLBACK-LOST-CONNECTION-IS-RETRIED",
    "CALLBACK-OTHER-STATUS-IS-RETRIED",
    "CALLBACK-TIMEOUT",
    "CALLBACK-BODY-IS-THE-TASK",
)
"""What can't hold where nothing comes at the end."""
Spoil = Callable[[Application], None]
Post = Callable[[Dispatch], Awaitable[httpx.Response]]
JSON = {"content-type": "application/json"}


def rules(**changes: Any) -> Any:
    def alter(raw: Body) -> None:
        callback(raw).update(changes)

    return alter


def sending(change: Callable[[Dispatch], Dispatch]) -> Spoil:
    """Change what the courier is given."""

    def spoil(app: Application) -> None:
        courier = app.node.mailroom.courier
        send = courier.send
        courier.send = lambda dispatch: send(change(dispatch))  # type: ignore[method-assign]

    return spoil


def reporting(change: Callable[[Receipt], Receipt]) -> Spoil:
    """Change what the courier has met."""

    def spoil(app: Application) -> None:
        courier = app.node.mailroom.courier
        report = courier._report
        courier._report = lambda receipt: report(change(receipt))

    return spoil


def posting(app: Application, post: Post) -> None:
    """Change how the courier makes an attempt."""

    async def attempt(dispatch: Dispatch) -> Receipt:
        sent_ms = dispatch.now_ms()
        try:
            async with asyncio.timeout(dispatch.timeout_ms / 1000):
                status = (await post(dispatch)).status_code
        except Exception as error:
            timed_out = isinstance(error, TimeoutError)
            return failed(dispatch, repr(error), timed_out=timed_out, sent_ms=sent_ms)
        return replace(failed(dispatch, "", sent_ms=sent_ms), status=status, error=None)

    app.node.mailroom.courier._attempt = attempt  # type: ignore[method-assign]


def send_more(app: Application, dispatch: Dispatch) -> None:
    """An attempt that the world knows nothing of; whoever moves the clock waits for it too."""
    dispatch.owner.under_way += 1
    dispatch.owner.agenda.under_way.add()
    app.node.mailroom.courier.send(dispatch)


def before_billing(app: Application) -> None:
    """The bill waits until the first attempt is reported."""
    waiting: dict[str, Callable[[], None]] = {}

    def later(settle: Settle, _: Book, task: Task, at_ms: int) -> None:
        if task.callback_url is None:
            settle(task, at_ms)
        else:
            waiting[task.id] = lambda: settle(task, at_ms)

    settling(later)(app)
    mailroom = app.node.mailroom
    execute = mailroom._execute

    def reported(resident: Resident, command: Command) -> Reply:
        assert isinstance(command, Report)
        delivery = resident.world.deliveries.get(command.delivery_id)
        if delivery is not None and delivery.task_id in waiting:
            waiting.pop(delivery.task_id)()
        return execute(resident, command)

    mailroom._execute = reported


def never_on(state: State) -> Spoil:
    """The callback of a task that ended so is never planned."""

    def spoil(resident: Resident) -> None:
        world = resident.world
        plan = world.timers.plan

        def changed(due_ms: int, subject: Task | Delivery) -> None:
            if isinstance(subject, Task) or world.tasks[subject.task_id].state is not state:
                plan(due_ms, subject)

        world.timers.plan = changed  # type: ignore[method-assign]

    return newcomers(spoil)


def premature(resident: Resident, url: str) -> Dispatch:
    return Dispatch(
        delivery_id="early",
        attempt=1,
        url=url,
        render=lambda: b"{}",
        now_ms=resident.now_ms,
        timeout_ms=10_000,
        owner=resident,
    )


def early(app: Application) -> None:
    """A callback when the work begins, and one at the end."""

    def spoil(resident: Resident) -> None:
        timers = resident.world.timers
        plan = timers.plan

        def planned(due_ms: int, subject: Task | Delivery) -> None:
            plan(due_ms, subject)
            if isinstance(subject, Task) and subject.state is State.PROCESSING and subject.callback_url:
                send_more(app, premature(resident, subject.callback_url))

        timers.plan = planned  # type: ignore[method-assign]

    newcomers(spoil)(app)


def twice(app: Application) -> None:
    """Each first attempt goes out twice."""
    courier = app.node.mailroom.courier
    send = courier.send

    def doubled(dispatch: Dispatch) -> None:
        send(dispatch)
        if dispatch.attempt == 1 and dispatch.delivery_id != "double":
            send_more(app, replace(dispatch, delivery_id="double"))

    courier.send = doubled  # type: ignore[method-assign]


def with_body(change: Callable[[Body, Dispatch], None]) -> Spoil:
    return sending(lambda dispatch: rewritten(dispatch, lambda body: change(body, dispatch)))


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
    return replace(receipt, status=status, error=None)


def follows_redirects(app: Application) -> None:
    async def post(dispatch: Dispatch) -> httpx.Response:
        async with httpx.AsyncClient(trust_env=False, follow_redirects=True, timeout=30) as client:
            return await client.post(dispatch.url, content=dispatch.render(), headers=JSON)

    posting(app, post)


def sends_the_key(app: Application) -> Hook:
    """The receiver gets the header that the submission came with."""
    keys: dict[str, str] = {}

    async def post(dispatch: Dispatch) -> httpx.Response:
        body = dispatch.render()
        headers = JSON | {"authorization": keys[json.loads(body)["id"]]}
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return await client.post(dispatch.url, content=body, headers=headers)

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.created:
            keys[wire.json["id"]] = wire.key

    posting(app, post)
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

    def spoil(resident: Resident) -> None:
        timers = resident.world.timers
        plan = timers.plan

        def planned(due_ms: int, subject: Task | Delivery) -> None:
            if isinstance(subject, Delivery):
                subject.due_ms = None
                return
            plan(due_ms, subject)
            if subject.state is State.PROCESSING and subject.callback_url:
                body = json.dumps({"id": subject.id, "status": "completed"}).encode()
                send_more(app, replace(premature(resident, subject.callback_url), render=lambda: body))

        timers.plan = planned  # type: ignore[method-assign]

    newcomers(spoil)(app)


def billed_later(app: Application) -> Hook:
    """The bill of a task that calls back comes five seconds after its end, and after the callback."""
    waiting: list[tuple[int, Callable[[], None]]] = []

    def later(settle: Settle, _: Book, task: Task, at_ms: int) -> None:
        if task.callback_url is None:
            settle(task, at_ms)
        else:
            waiting.append((at_ms + 5_000, lambda: settle(task, at_ms + 5_000)))

    async def hook(wire: Wire, forward: Pass) -> None:
        for one in [one for one in waiting if one[0] <= app.node.clock.now_ms()]:
            waiting.remove(one)
            one[1]()
        await forward(wire)

    settling(later)(app)
    return hook


def once_in_twenty(app: Application, times: int) -> None:
    """Each twentieth first attempt goes out so many times."""
    courier, numbers = app.node.mailroom.courier, count(1)
    send = courier.send

    def changed(dispatch: Dispatch) -> None:
        is_chosen = dispatch.attempt == 1 and dispatch.delivery_id != "double" and next(numbers) % 20 == 0
        if not is_chosen:
            send(dispatch)
        elif times == 0:
            dispatch.owner.under_way -= 1
            dispatch.owner.agenda.under_way.less()
        else:
            send(dispatch)
            send_more(app, replace(dispatch, delivery_id="double"))

    courier.send = changed  # type: ignore[method-assign]


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
