"""Receivers of the catalogue served in this process, and judged quickly."""

import importlib
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from contract_tests.judge import Outcome
from contract_tests.receiver.bounds import Bounds
from contract_tests.receiver.hooks import Hooks, state_of_url
from contract_tests.receiver.run import judge_receiver
from contract_tests.report import Report
from mockserver.web.listening import bind
from tests.receivers import correct_in_background
from tests.receivers.desk import Desk, server

QUICK = Bounds(timeout_s=3.0, retry_delays_s=(0.0, 0.0, 0.0), settle_s=0.0, patience_s=0.1, between=20, run_s=60)
IMPATIENT = Bounds(timeout_s=0.7, retry_delays_s=(0.0, 0.0, 0.0), settle_s=0.0, patience_s=0.1, between=2, run_s=60)
"""For receivers that are too slow: the whole of it passes."""
CATALOGUE = Path(__file__).parent
HTTP = httpx.Client(trust_env=False)


def desk_of(name: str, **settings: Any) -> Desk:
    """A receiver by its module, or its class in one, with other settings than its own."""
    module, _, kind = name.partition(".")
    made: type[Desk] = getattr(importlib.import_module(f"tests.receivers.{module}"), kind or "Receiver")
    return type(made.__name__, (made,), settings)()


@contextmanager
def at_desk(name: str, **settings: Any) -> Iterator[str]:
    """The origin of a receiver of the catalogue that serves in a thread."""
    desk = desk_of(name, **settings)
    made = server(desk)
    thread = threading.Thread(target=made.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        desk.die()
        thread.join()


@contextmanager
def in_background() -> Iterator[str]:
    listener = bind("127.0.0.1", 0)
    served = uvicorn.Server(uvicorn.Config(correct_in_background.application(), log_level="critical"))
    thread = threading.Thread(target=served.run, args=[[listener]])
    thread.start()
    with closing(listener):
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        served.should_exit = True
        thread.join()


@contextmanager
def in_node() -> Iterator[str]:
    command = ["node", str(CATALOGUE / "throws_at_garbage.mjs"), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def hooks(origin: str) -> Hooks:
    """As the receivers at a desk have them."""

    async def before(task_id: str) -> None:
        HTTP.post(f"{origin}/known", content=task_id)

    async def fail() -> None:
        HTTP.post(f"{origin}/fail")

    return Hooks(state_of_url(f"{origin}/state"), before, fail)


def state_only(origin: str) -> Hooks:
    return Hooks(state_of_url(f"{origin}/state"))


def judged(origin: str, hooks: Hooks, **more: Any) -> Report:
    arguments = {"seed": 1, "cases": 3, "bounds": QUICK, "hooks": hooks} | more
    return judge_receiver(f"{origin}/hook", **arguments)


def broken(report: Report) -> list[str]:
    return [result.check.id for result in report.of(Outcome.BROKEN)]


def finding(report: Report) -> Any:
    return report.of(Outcome.BROKEN)[0].finding


Make = Callable[[], tuple[AbstractContextManager[str], Callable[[str], Hooks]]]
RIGHT: dict[str, Make] = {
    "correct": lambda: (at_desk("correct"), hooks),
    "correct_but_fails_now_and_then": lambda: (at_desk("correct_but_fails_now_and_then"), hooks),
    "correct_in_background": lambda: (in_background(), state_only),
}
