"""What the observed profile has beside single tasks: the list, several at once, the models. All of it only reads, so
that it costs nothing on a live account."""

from collections.abc import Callable
from typing import Any

from contract_tests.server.probes.auditor import TERMINAL
from contract_tests.server.probes.probe import PLENTY, Need, Setting, probe
from contract_tests.server.talk import reading
from contract_tests.server.talk.case import Answer, Case
from contract_tests.server.talk.target import UnmetError

LIST, BATCH, MODELS = "/v1/tasks", "/v1/tasks/batch", "/v1/models"
_UNKNOWN = "task-unified-1757169743-00000000"
_LOOKED_AT = 10
"""Listed tasks that are queried one by one, too."""
_PAGE = 2
_PAGES = 5
_WHOLE = 100
"""The longest page (listTasks, `page_size`)."""
_TAKES_IN = {"processing": {"pending", "processing"}}
"""Statuses that a filter lets through beside its own (facts, section 2)."""

Item = dict[str, Any]


def stocked(setting: Setting) -> Case:
    """On a mock, an account with a task in each state; anywhere else, what the account has."""
    if setting.target.control is None:
        return setting.case()
    case = setting.case(credits=PLENTY)
    for how in ("complete", "fail", "cancel", "", ""):
        task_id = case.buy()
        if how:
            setting.control.end(task_id, how)
        case.let_pass(1.5)
    case.submit()
    return case


def items(answer: Answer) -> list[Item]:
    return [one for one in reading.listed(answer.at("data")) if isinstance(one, dict)]


def _asked(setting: Setting, case: Case, least: int = 1, **params: Any) -> tuple[Answer, list[Item]]:
    """A list and its items. Raises UnmetError where, on an account that is as it is, there are too few to judge
    by."""
    answer = case.send("GET", LIST, params=params)
    shown = items(answer)
    if setting.target.control is None and (not answer.is_ok or len(shown) < least):
        raise UnmetError(
            f"needs {least} tasks in the account's list; it was answered {answer.told} with {len(shown)}"
        )
    return answer, shown


def same_in_list(item: Item, task: Any) -> bool:
    """Whether an item of the list tells what the task itself does. One that runs on a live server moves meanwhile."""
    if not isinstance(task, dict) or task.get("id") != item.get("id"):
        return False
    results = reading.listed(task.get("results"))
    told = {"model": task.get("model"), "type": task.get("type"), "created_at": task.get("created")}
    told |= {"status": task.get("status"), "progress": task.get("progress"), "has_error": "error" in task}
    told |= {"has_results": bool(results), "result_count": len(results)}
    return all(item.get(name) == value for name, value in told.items())


@probe("LIST-NEWEST-FIRST", "LIST-AGREES-WITH-QUERY", needs={Need.KEY, Need.OBSERVED})
def listed(setting: Setting) -> None:
    case, that = stocked(setting), setting.judge.that
    _, shown = _asked(setting, case, 2)
    times = [reading.whole(one.get("created_at")) or 0 for one in shown]
    that("LIST-NEWEST-FIRST", times == sorted(times, reverse=True), f"created_at {times[:_LOOKED_AT]}")
    for item in _settled(setting, shown)[:_LOOKED_AT]:
        task = case.task(str(item.get("id"))).body
        that("LIST-AGREES-WITH-QUERY", same_in_list(item, task), f"listed {item}; queried {task}")


@probe("LIST-PAGES", needs={Need.KEY, Need.OBSERVED})
def pages(setting: Setting) -> None:
    """Page by page every task comes once; each page says which it is, and how many there are in all."""
    case = stocked(setting)
    whole, shown = _asked(setting, case, page_size=_WHOLE)
    total, there = whole.at("total"), [one.get("id") for one in shown]
    that = _judging(setting, "LIST-PAGES")
    that(total == len(there) or len(there) == _WHOLE, f"total {total} with {len(there)} tasks on a page of {_WHOLE}")
    seen: list[Any] = []
    for number in range(1, min(_PAGES, -(-len(there) // _PAGE)) + 1):
        page = case.send("GET", LIST, params={"page": number, "page_size": _PAGE})
        seen += [one.get("id") for one in items(page)]
        told = tuple(page.at(name) for name in ("page", "page_size", "total"))
        that(told == (number, _PAGE, total), f"page, page_size, total {told}", f"{(number, _PAGE, total)}")
    expected = there[: _PAGE * _PAGES]
    that(
        sorted(map(str, seen)) == sorted(map(str, expected)), f"{seen} on pages of {_PAGE}", f"{expected}, each once"
    )
    beyond = case.send("GET", LIST, params={"page": 1_000_000, "page_size": _WHOLE})
    that(not items(beyond), f"{len(items(beyond))} tasks on page 1000000", "none past the last")


@probe("LIST-FILTERS", needs={Need.KEY, Need.OBSERVED})
def filters(setting: Setting) -> None:
    """A filter lets through what fits, and nothing else."""
    case = stocked(setting)
    shown = _settled(setting, _asked(setting, case, page_size=_WHOLE)[1])
    for name in ("pending", "processing", "completed", "failed"):
        fitting = [one for one in shown if reading.known(one.get("status"), _TAKES_IN.get(name, {name}))]
        _judge_filter(setting, case, {"status": name}, fitting, shown)
    for name in ("video", "audio"):
        _judge_filter(setting, case, {"type": name}, [one for one in shown if one.get("type") == name], shown)
    for name in (setting.contract.model, "no-such-model"):
        _judge_filter(setting, case, {"model": name}, [one for one in shown if one.get("model") == name], shown)


def _judge_filter(setting: Setting, case: Case, asked: Item, fitting: list[Item], shown: list[Item]) -> None:
    """Of the tasks on the first page (others may begin, or follow)."""
    answer = items(case.send("GET", LIST, params={"page_size": _WHOLE, **asked}))
    through, expected = _ids(answer) & _ids(shown), _ids(fitting)
    setting.judge.that("LIST-FILTERS", through == expected, f"{sorted(through)} for {asked}", f"{sorted(expected)}")


def _ids(shown: list[Item]) -> set[str]:
    return {str(one.get("id")) for one in shown}


@probe("BATCH-AGREES-WITH-QUERY", "BATCH-LEAVES-OUT-UNKNOWN", needs={Need.KEY, Need.OBSERVED})
def batch(setting: Setting) -> None:
    case, that = stocked(setting), setting.judge.that
    ids = [str(one.get("id")) for one in _settled(setting, _asked(setting, case)[1])[:_LOOKED_AT]]
    answer = case.send("POST", BATCH, json={"task_ids": [*ids, _UNKNOWN]})
    tasks = {str(one.get("id")): one for one in items(answer)}
    known = answer.is_ok and _UNKNOWN not in tasks and len(items(answer)) <= len(ids)
    that("BATCH-LEAVES-OUT-UNKNOWN", known, f"{answer.status} with {sorted(tasks)}", f"{ids}")
    for task_id in ids:
        task = case.task(task_id).body
        told = tasks.get(task_id)
        that("BATCH-AGREES-WITH-QUERY", _alike(told, task), f"in the batch {told}; queried {task}")


@probe("LIST-OWN-ONLY", "BATCH-OWN-ONLY", needs={Need.OBSERVED, Need.CONTROL})
def own_only(setting: Setting) -> None:
    owner, stranger = setting.case(credits=PLENTY), setting.case(other=True, credits=PLENTY)
    theirs, task_id = stranger.buy(), owner.buy()
    shown = [str(one.get("id")) for one in items(stranger.send("GET", LIST))]
    setting.judge.that("LIST-OWN-ONLY", shown == [theirs], f"{shown}", f"{theirs} alone")
    answer = stranger.send("POST", BATCH, json={"task_ids": [task_id, theirs]})
    got = [str(one.get("id")) for one in items(answer)]
    setting.judge.that("BATCH-OWN-ONLY", got == [theirs], f"{got}", f"{theirs} alone")


@probe("MODELS-ARE-THOSE-ALLOWED", needs={Need.KEY, Need.OBSERVED})
def models(setting: Setting) -> None:
    """On a mock the key is allowed the model, then not; elsewhere it is what it was shown to be."""
    case = setting.case(credits=PLENTY)
    if setting.target.control is None:
        if not setting.target.took_valid:
            raise UnmetError("no submission was accepted in this run, so what the key may use is not known")
        return _judge_models(setting, case, accepted=True)
    for allowed in (None, ["another-model"]):
        if allowed is not None:
            setting.control.account(case.key, models=allowed)
        _judge_models(setting, case, accepted=case.submit().is_ok)
    return None


def _judge_models(setting: Setting, case: Case, *, accepted: bool) -> None:
    answer = case.send("GET", MODELS)
    if answer.status != 200:
        raise UnmetError(f"the list of models was answered {answer.told}")
    shown = [one.get("id") for one in items(answer)]
    received = f"{shown}, and a submission is {'accepted' if accepted else 'refused'}"
    setting.judge.that("MODELS-ARE-THOSE-ALLOWED", (setting.contract.model in shown) == accepted, received)


def _settled(setting: Setting, shown: list[Item]) -> list[Item]:
    """What stays as it is: on a live server only what has ended."""
    held = setting.target.control is not None
    return [one for one in shown if held or reading.known(one.get("status"), TERMINAL)]


def _alike(told: Any, task: Any) -> bool:
    """Whether two bodies are those of one task, moment and all; links may be signed anew each time they are shown."""
    if not isinstance(told, dict) or not isinstance(task, dict):
        return False
    same = all(told.get(name) == task.get(name) for name in ("id", "model", "status", "progress", "created", "error"))
    return same and told.keys() == task.keys()


def _judging(setting: Setting, check_id: str) -> Callable[..., None]:
    def that(holds: bool, received: str, documented: str = "") -> None:
        setting.judge.that(check_id, holds, received, documented)

    return that


PROBES = (listed, pages, filters, batch)
"""They only read, so that they cost nothing anywhere."""
