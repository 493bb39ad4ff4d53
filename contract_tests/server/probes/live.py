"""A server with real money, in real time: a few tasks are bought, and every check that they can serve looks at
them."""

from typing import Any

from contract_tests.server.probes.calling import Talk
from contract_tests.server.probes.fields import longest_prompt, of_characters
from contract_tests.server.probes.life import FIRST, judge_first_answer
from contract_tests.server.probes.probe import Need, Setting, probe
from contract_tests.server.probes.shelf import Bought, Item, Shelf
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.listener import HANG, RESET, Box, Step
from contract_tests.server.talk.target import UnmetError

NOWHERE = "https://nowhere.invalid/street.mp4"
"""A video that nobody can reach: no such name exists (RFC 6761). Its task fails, if it is taken."""
REAL = frozenset({Need.REAL_TIME, Need.KEY})
_KEY = "contract-{run}-plain"
FAILED = ("TASK-ERROR-WHEN-FAILED", "TASK-ERROR-CODE-KNOWN", "TASK-ERROR-TYPE")
_AGAIN = ("IDEMPOTENCY-SAME-TASK", "IDEMPOTENCY-ONE-CHARGE", "IDEMPOTENCY-REPLAYED-HEADER", "IDEMPOTENCY-CONFLICT")


def paying(setting: Setting) -> tuple[Shelf, Case]:
    """The shelf, and the case whose exchanges a finding shows."""
    case = setting.shelf.of(setting.case())
    setting.cases[:] = [case]
    return setting.shelf, case


def talk_of(setting: Setting, case: Case) -> Talk:
    if setting.listener is None:
        raise UnmetError(Need.CALLBACKS.value)
    return Talk(setting, setting.listener, case)


def _boxed(setting: Setting, case: Case, *script: Step) -> tuple[Box | None, dict[str, Any]]:
    """A callback URL for a submission, where the server can reach one."""
    if setting.listener is None:
        return None, {}
    box = talk_of(setting, case).box(*script)
    return box, {"callback_url": box.url}


def _put(setting: Setting, item: Item, answer: Answer, box: Box | None) -> Bought:
    """Raises UnmetError where the submission was refused."""
    bought = setting.shelf.put(item, answer, box)
    if setting.listener is not None and box is not None:
        setting.listener.expect(box, bought.id)
    return bought


@probe(*FIRST, "TASK-STARTS-PENDING", "TASK-NAMES-ITS-MODEL", "BILLING-RESERVED-ON-SUBMISSION", paid=1, needs=REAL)
def plain(setting: Setting) -> None:
    """The documented request, with an idempotency key and a callback that is accepted, by a 2xx that is not the usual
    one."""
    shelf, case = paying(setting)
    if interrupted := setting.target.memory.open:
        shelf.resume(interrupted[0])
        raise UnmetError("an interrupted run has paid for the plain task: it is judged from here on")
    shelf.reckon()
    box, extra = _boxed(setting, case, 204)
    before = setting.target.now_s()
    with shelf.buying(Item.PLAIN):
        answer = case.submit(idempotency_key=_KEY.format(run=setting.target.settings.run), **extra)
    if answer.is_ok:
        marked = answer.headers.get("idempotency-replayed")
        setting.judge.that(
            "IDEMPOTENCY-REPLAYED-HEADER", marked is None, f"Idempotency-Replayed: {marked}", "on repeats only"
        )
        judge_first_answer(setting, answer.body, before, setting.target.now_s())
    _put(setting, Item.PLAIN, answer, box)
    shelf.reckon()


@probe("BILLING-RELEASED-ON-FAILURE", "BILLING-FAILURE-NOT-CHARGED", *FAILED, paid=1, needs=REAL)
def failing(setting: Setting) -> None:
    """A request whose video leads nowhere, and a receiver that never accepts: the end of it is judged later."""
    shelf, case = paying(setting)
    shelf.get(Item.PLAIN)
    box, extra = _boxed(setting, case, 500, 404, *[500] * 20)
    _put(setting, Item.FAILING, case.submit(**_nowhere(setting), **extra), box)
    shelf.reckon()


def _nowhere(setting: Setting) -> dict[str, Any]:
    """Media that lead nowhere, in place of those of the example. Raises UnmetError where it has none."""
    body, found = setting.target.settings.request(), setting.contract.requests
    for name in (*found.links("video"), *found.links("image"), *found.links("audio")):
        return {name: [NOWHERE] * len(body[name]) if isinstance(body[name], list) else NOWHERE}
    raise UnmetError("the example has no media that could lead nowhere, so that its task fails")


@probe(*_AGAIN, risked=2, needs=REAL)
def again(setting: Setting) -> None:
    """The plain request once more, and another one with its idempotency key: neither may cost anything."""
    shelf, case = paying(setting)
    bought, that = shelf.get(Item.PLAIN), setting.judge.that
    if bought.is_resumed:
        raise UnmetError("the plain task is of an earlier run, whose idempotency key is not known")
    extra: dict[str, Any] = {} if bought.box is None else {"callback_url": bought.box.url}
    extra["idempotency_key"] = _KEY.format(run=setting.target.settings.run)
    answer = case.submit(**extra)
    if (answer.status, answer.code) == (409, "paid_outcome_unknown"):
        raise UnmetError("the first request with this idempotency key was still running")
    same = answer.is_ok and answer.at("id") == bought.id
    that("IDEMPOTENCY-SAME-TASK", same, f"{answer.told} with task {answer.at('id')}", f"task {bought.id}")
    if same:
        marked = answer.headers.get("idempotency-replayed")
        that("IDEMPOTENCY-REPLAYED-HEADER", marked == "true", f"Idempotency-Replayed: {marked}", "true on a repeat")
        shelf.auditor.changes.repeated += 1
    _account_for(shelf, bought, answer)
    others = setting.contract.requests.variations
    if len(others) < 2:
        return
    answer = case.submit(**others[1], **extra)
    conflict = (answer.status, answer.code) == (409, "idempotency_conflict")
    that("IDEMPOTENCY-CONFLICT", conflict, answer.told, "409 idempotency_conflict for another body")
    _account_for(shelf, bought, answer)


def _account_for(shelf: Shelf, bought: Bought, answer: Answer) -> None:
    if answer.is_ok and answer.at("id") != bought.id:
        shelf.adopt(answer)
        bought.is_shared = True
    shelf.reckon()


@probe("PROMPT-LENGTH", "IMAGE-COUNT", paid=1, needs=REAL)
def large(setting: Setting) -> None:
    """The longest prompt and as many images as may be, then, if that is refused, the prompt alone. Its receiver fails
    in another way each time."""
    shelf, case = paying(setting)
    shelf.get(Item.PLAIN)
    if (most := longest_prompt(setting.contract)) is None:
        raise UnmetError(f"{setting.contract.source} does not say how long a prompt may be")
    images: dict[str, Any] = _images(setting)
    prompt: dict[str, Any] = {"prompt": of_characters(most)}
    box, extra = _boxed(setting, case, *failures(setting))
    answer = case.submit(**prompt, **images, **extra)
    with_images, alone = answer, answer
    if images and answer.status == 400:
        answer = alone = case.submit(**prompt, **extra)
    if alone.is_ok or alone.status == 400:
        setting.judge.that("PROMPT-LENGTH", alone.is_ok, _said(alone), "200 for the longest prompt")
    if images and alone.is_ok:
        setting.judge.that("IMAGE-COUNT", with_images.is_ok, _said(with_images), "200 for as many images as allowed")
    _put(setting, Item.LARGE, answer, box)
    shelf.reckon()


def failures(setting: Setting) -> tuple[Step, ...]:
    """What a receiver answers that fails in every way."""
    if setting.listener is None:
        return ()
    return RESET, setting.listener.elsewhere.url, HANG if setting.is_patient else 503, 500


def _images(setting: Setting) -> dict[str, Any]:
    image, schema = setting.target.settings.image_url, setting.contract.requests.properties.get("image_urls", {})
    if image is None or "maxItems" not in schema:
        setting.judge.not_judged("IMAGE-COUNT", "needs --image-url, an image that the server can reach")
        return {}
    return {"image_urls": [image] * schema["maxItems"]}


def _said(answer: Answer) -> str:
    return f"{answer.told}: {reading.shown(answer.at('error', 'message'))}"


BUYING = (plain, failing, again, large)
"""In the order of what a credit yields."""
