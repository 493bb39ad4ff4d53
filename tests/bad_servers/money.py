"""Bad servers that count wrongly."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from mockserver.runtime.resident import Resident
from mockserver.simulation.ledger import Book
from mockserver.simulation.task import State, Task
from mockserver.web.app import Application
from tests.bad_servers.house import (
    CREDITS,
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
    requests,
)

Settle = Callable[[Task, int], None]
Change = Callable[[Settle, Book, Task, int], None]
PRICE = 7


def settling(change: Change) -> Callable[[Application], None]:
    """Change how a book settles the bill of a task that has ended."""

    class Spoiled(Book):
        def charge(self, task: Task, at_ms: int) -> None:
            change(super().charge, self, task, at_ms)

        def release(self, task: Task, at_ms: int) -> None:
            change(super().release, self, task, at_ms)

    def spoil(resident: Resident) -> None:
        book = resident.world.book
        resident.world.book = Spoiled(user=book.user, token=book.token, held_uc=book.held_uc, entries=book.entries)

    return newcomers(spoil)


def charge_again(book: Book, amount: int) -> None:
    """As a second charge would: from what is available, as far as it goes."""
    amount = min(amount, book.user.available)
    book.user.available -= amount
    book.user.charged += amount


def give(book: Book, amount: int) -> None:
    book.user.available += amount
    book.user.granted += amount


def charged_twice(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
    settle(task, at_ms)
    if task.state is State.COMPLETED:
        charge_again(book, task.terms.reserve_uc)


def rarely_charged_twice() -> Any:
    numbers = count(1)

    def change(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
        settle(task, at_ms)
        if task.state is State.COMPLETED and next(numbers) % 100 == 0:
            charge_again(book, task.terms.reserve_uc)

    return settling(change)


def not_charged(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
    """The task is completed, and its reservation stays what it is."""
    if task.state is not State.COMPLETED:
        settle(task, at_ms)


def failure_charged(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
    settle(task, at_ms)
    if task.state is State.FAILED:
        charge_again(book, task.terms.reserve_uc)


def kept(state: State) -> Any:
    def change(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
        if task.state is not state:
            settle(task, at_ms)

    return settling(change)


def released_twice(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
    settle(task, at_ms)
    if task.state is State.FAILED:
        give(book, task.terms.reserve_uc)


def completion_gives_back(settle: Settle, book: Book, task: Task, at_ms: int) -> None:
    settle(task, at_ms)
    if task.state is State.COMPLETED:
        give(book, 10_000)


def released_after_charge(app: Application) -> Hook:
    """Three seconds after its charge, a completed task is refunded."""
    refunded: set[str] = set()

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.path != CREDITS or wire.status != 200:
            return
        resident = asking(app, wire)
        for task in resident.world.tasks.values():
            late = task.state is State.COMPLETED and resident.now_ms() - (task.ended_ms or 0) > 3_000
            if late and task.id not in refunded:
                refunded.add(task.id)
                give(resident.world.book, task.terms.reserve_uc)
        await forward(wire)

    return hook


def on_refusal(*statuses: int) -> Any:
    """A refused submission reserves all the same."""

    def make(app: Application) -> Hook:
        async def hook(wire: Wire, forward: Pass) -> None:
            await forward(wire)
            if wire.creates and wire.key and wire.status in statuses:
                user = asking(app, wire).world.book.user
                amount = min(20_000, user.available)
                user.available -= amount
                user.reserved += amount

        return hook

    return make


def takes_more(body: Body) -> None:
    body["usage"]["credits_reserved"] -= 1


def rounded(body: Body) -> None:
    body["usage"]["credits_reserved"] = round(body["usage"]["credits_reserved"])


def price(**changes: Any) -> Any:
    def alter(raw: Body) -> None:
        operation(raw)["x-evolink-price"]["documented"].update(changes)

    return alter


def rule_name(body: Body) -> None:
    body["usage"]["billing_rule"] = "per_second"


def negative(wire: Wire) -> None:
    if wire.path == CREDITS and wire.status == 200:
        body = wire.json
        left = body["data"]["user"]["remaining_credits"]
        if left < PRICE:
            body["data"]["user"]["remaining_credits"] = left - PRICE
            wire.json = body


def short_is_accepted(app: Application) -> Hook:
    """Whoever has half of the price gets the task."""

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.creates and wire.status == 402 and wire.json["error"]["code"] == "insufficient_quota":
            give(asking(app, wire).world.book, 61_2000)
            await forward(wire)

    return hook


def last_credit_is_kept(app: Application) -> Hook:
    """The last credit can't be spent."""

    async def hook(wire: Wire, forward: Pass) -> None:
        exact = wire.creates and wire.key and asking(app, wire).world.book.user.available == PRICE * 10_000
        if not exact:
            await forward(wire)
            return
        error = {"code": "insufficient_quota", "message": "too few", "type": "insufficient_quota"}
        wire.status, wire.json = 402, {"error": error}
        wire.answer_headers = {"content-type": "application/json"}

    return hook


def account_without(name: str) -> Any:
    """The account's setting is taken, and means nothing."""

    def change(wire: Wire) -> None:
        if wire.method == "PUT" and wire.path.startswith("/_mock/accounts/"):
            body = json.loads(wire.body)
            if name in body:
                body[name] = None
                wire.body = json.dumps(body).encode()

    return requests(change)


def one_request_more(wire: Wire) -> None:
    if wire.method == "PUT" and wire.path.startswith("/_mock/accounts/"):
        body = json.loads(wire.body)
        if body.get("requests_per_minute"):
            body["requests_per_minute"] += 1
            wire.body = json.dumps(body).encode()


def limited_for_ever() -> Any:
    limited: dict[str, Wire] = {}

    def change(wire: Wire) -> None:
        if wire.creates and wire.status == 429:
            limited[wire.key] = wire
        elif wire.creates and wire.key in limited:
            wire.status, wire.answer = 429, limited[wire.key].answer
            wire.answer_headers = limited[wire.key].answer_headers

    return answers(change)


def race(app: Application) -> Hook:
    """The balance is looked at first and moved later: whoever comes in between is not seen."""
    under_way: Counter[str] = Counter()

    async def hook(wire: Wire, forward: Pass) -> None:
        if not wire.creates:
            await forward(wire)
            return
        under_way[wire.key] += 1
        try:
            await asyncio.sleep(0.002)
            await forward(wire)
            if wire.status == 402 and under_way[wire.key] > 1:
                give(asking(app, wire).world.book, PRICE * 10_000)
                await forward(wire)
        finally:
            under_way[wire.key] -= 1

    return hook


def without_key(when: Callable[[Wire], bool]) -> Any:
    def change(wire: Wire) -> None:
        if wire.creates and when(wire):
            wire.headers.pop("idempotency-key", None)

    return requests(change)


def repeat_charges(app: Application) -> Hook:
    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        if wire.created and "idempotency-replayed" in wire.answer_headers:
            charge_again(asking(app, wire).world.book, PRICE * 10_000)

    return hook


def conflict_unseen(_: Application) -> Hook:
    """The first answer again, whatever the body says now."""
    first: dict[tuple[str, str], bytes] = {}

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        key = (wire.key, wire.headers.get("idempotency-key", ""))
        if wire.created and key[1]:
            first.setdefault(key, wire.answer)
        elif wire.creates and wire.status == 409 and key in first:
            wire.status, wire.answer = 200, first[key]

    return hook


def replay_unmarked(wire: Wire) -> None:
    wire.answer_headers.pop("idempotency-replayed", None)


def keys_are_shared(_: Application) -> Hook:
    """One account's idempotency key finds the other's task."""
    first: dict[str, tuple[str, bytes]] = {}

    async def hook(wire: Wire, forward: Pass) -> None:
        await forward(wire)
        key = wire.headers.get("idempotency-key", "")
        if wire.created and key.startswith("contract-idempotency"):
            owner, answer = first.setdefault(key, (wire.key, wire.answer))
            if owner != wire.key:
                wire.answer = answer

    return hook


def parallel_repeats(_: Application) -> Hook:
    """A repeat that comes while the first request is under way is taken for a new one."""
    under_way: Counter[str] = Counter()

    async def hook(wire: Wire, forward: Pass) -> None:
        key = wire.headers.get("idempotency-key", "")
        if not key:
            await forward(wire)
            return
        under_way[key] += 1
        if under_way[key] > 1:
            del wire.headers["idempotency-key"]
        await asyncio.sleep(0.005)
        await forward(wire)
        under_way[key] -= 1

    return hook


def rule_field(field: str, allowed: list[str]) -> Any:
    def alter(raw: Body) -> None:
        for rule in operation(raw)["x-evolink-rules"]:
            if rule["rule"] == "extension" and rule["field"] == field:
                rule["allowed"] = allowed

    return alter


def model_open() -> Any:
    return account_without("models")


ALL_REPEATS = frozenset(
    {"IDEMPOTENCY-CONFLICT", "IDEMPOTENCY-ONE-CHARGE", "IDEMPOTENCY-PARALLEL", "IDEMPOTENCY-REPLAYED-HEADER"}
)
BAD = {
    "charged_twice": Bad("charged twice", "BILLING-CHARGED-ON-COMPLETION", spoil=settling(charged_twice)),
    "rarely_charged_twice": Bad(
        "one task in a hundred is charged twice", "BILLING-CHARGED-ON-COMPLETION", spoil=rarely_charged_twice()
    ),
    "not_charged": Bad("completed and never charged", "BILLING-CHARGED-ON-COMPLETION", spoil=settling(not_charged)),
    "failure_charged": Bad(
        "a failed task is charged", "BILLING-FAILURE-NOT-CHARGED", spoil=settling(failure_charged)
    ),
    "failure_keeps": Bad(
        "a failed task keeps its reservation", "BILLING-RELEASED-ON-FAILURE", spoil=kept(State.FAILED)
    ),
    "cancel_keeps": Bad(
        "a cancelled task keeps its reservation", "BILLING-RELEASED-ON-CANCEL", spoil=kept(State.CANCELLED)
    ),
    "released_twice": Bad(
        "a failure gives back twice", "BILLING-RELEASED-ON-FAILURE", spoil=settling(released_twice)
    ),
    "completion_gives_back": Bad(
        "a completed task gives a credit back",
        "BILLING-COMPLETION-RELEASES-NOTHING",
        spoil=settling(completion_gives_back),
    ),
    "released_after_charge": Bad("refunded after the charge", "BILLING-STANDS-STILL", hook=released_after_charge),
    "refused_402_reserves": Bad(
        "a 402 reserves",
        "BILLING-REFUSAL-RESERVES-NOTHING",
        also=frozenset({"BILLING-PARALLEL"}),
        hook=on_refusal(402),
    ),
    "refused_400_reserves": Bad("a 400 reserves", "BILLING-REFUSAL-RESERVES-NOTHING", hook=on_refusal(400)),
    "limited_reserves": Bad("a 429 reserves", "RATE-LIMIT-RESERVES-NOTHING", hook=on_refusal(429)),
    "takes_more": Bad(
        "more is reserved than is said",
        "BILLING-RESERVED-ON-SUBMISSION",
        also=frozenset({"BILLING-PRICE"}),
        hook=bodies(takes_more, of="created"),
    ),
    "rounded_to_9": Bad("lengths are rounded up to 9 s", "BILLING-PRICE", document=price(seconds_rounded_up_to="9")),
    "whole_credits": Bad("prices in whole credits", "BILLING-PRICE", hook=bodies(rounded, of="created")),
    "clamp_at_21": Bad("up to 21 s are billed", "BILLING-LONGEST", document=price(maximum_seconds=21)),
    "no_upper_clamp": Bad("any length is billed", "BILLING-LONGEST", document=price(maximum_seconds=None)),
    "clamp_at_5": Bad("as little as 5 s are billed", "BILLING-SHORTEST", document=price(minimum_seconds=5)),
    "rule_misnamed": Bad("the billing rule is misnamed", "BILLING-RULE-NAMED", hook=bodies(rule_name, of="created")),
    "negative": Bad(
        "a balance below zero",
        "BILLING-NEVER-NEGATIVE",
        also=frozenset({"BILLING-PARALLEL", "BILLING-RESERVED-ON-SUBMISSION"}),
        hook=answers(negative),
    ),
    "short_is_accepted": Bad(
        "credits that do not cover a task buy it",
        "BILLING-SHORT-IS-REFUSED",
        also=frozenset({"BILLING-PARALLEL"}),
        hook=short_is_accepted,
    ),
    "last_credit_is_kept": Bad(
        "the last credit can't be spent", "BILLING-COVERED-IS-ACCEPTED", hook=last_credit_is_kept
    ),
    "no_token_limit": Bad(
        "the key's own limit means nothing", "BILLING-TOKEN-LIMIT", hook=account_without("token_credits")
    ),
    "race": Bad("submissions at once overspend", "BILLING-PARALLEL", hook=race),
    "one_request_more": Bad("the rate limit is off by one", "RATE-LIMIT-IS-429", hook=requests(one_request_more)),
    "limited_for_ever": Bad("once limited, always limited", "RATE-LIMIT-ENDS", hook=limited_for_ever()),
    "any_model": Bad("a key may use any model", "MODEL-DENIED-IS-403", hook=model_open()),
    "keys_mean_nothing": Bad(
        "idempotency keys mean nothing",
        "IDEMPOTENCY-SAME-TASK",
        also=ALL_REPEATS,
        hook=without_key(lambda _: True),
    ),
    "repeat_charges": Bad("an idempotent repeat charges again", "IDEMPOTENCY-ONE-CHARGE", hook=repeat_charges),
    "conflict_unseen": Bad("the same key takes any body", "IDEMPOTENCY-CONFLICT", hook=conflict_unseen),
    "replay_unmarked": Bad(
        "a repeat does not say that it is one", "IDEMPOTENCY-REPLAYED-HEADER", hook=answers(replay_unmarked)
    ),
    "keys_are_shared": Bad("accounts share idempotency keys", "IDEMPOTENCY-KEY-PER-ACCOUNT", hook=keys_are_shared),
    "parallel_repeats": Bad("repeats at once are several tasks", "IDEMPOTENCY-PARALLEL", hook=parallel_repeats),
    "avi_is_taken": Bad("takes .avi", "VIDEO-FORMAT", document=rule_field("video_urls", [".mp4", ".mov", ".avi"])),
    "mov_is_refused": Bad("refuses .mov", "VIDEO-FORMAT", document=rule_field("video_urls", [".mp4"])),
    "gif_is_taken": Bad(
        "takes .gif", "IMAGE-FORMAT", document=rule_field("image_urls", [".jpg", ".jpeg", ".png", ".webp", ".gif"])
    ),
    "webp_is_refused": Bad(
        "refuses .webp", "IMAGE-FORMAT", document=rule_field("image_urls", [".jpg", ".jpeg", ".png"])
    ),
}
