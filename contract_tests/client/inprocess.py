"""A client in this process, judged in virtual time: hundreds of behaviours in seconds.

    @client_contract(examples=100)
    def test_my_client(base_url, api_key):
        generate(base_url, api_key)          # submits, waits, returns; raises where there is no result

The callable may be `async def`. It is called once a behaviour, each time in a thread of its own.
"""

import asyncio
import contextlib
import ctypes
import inspect
import io
import secrets
import threading
import time
import traceback
import warnings
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from json import JSONDecodeError
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.grid import behaviour_of, for_virtual_time, name_of
from contract_tests.client.campaign import Campaign, Player
from contract_tests.client.run import Ending, Run
from contract_tests.client.stage import STEPS, Stage
from contract_tests.client.verdicts import hopeless
from contract_tests.client.virtual import VirtualTime
from contract_tests.contract.contract import Contract
from contract_tests.contract.mounted import contract_of
from contract_tests.contract.silence import of_clients
from contract_tests.judge import Finding, Judge, Outcome

Client = Callable[[str, str], object] | Callable[[str, str], Awaitable[object]]
"""Called with (base_url, api_key); returns for success, raises (SystemExit too) for failure."""

_LIMIT_S = 15.0
_LATE = "it did not end in time"
_UNEXPECTED = (AttributeError, JSONDecodeError, LookupError, NameError, TypeError, UnicodeError)
"""Errors of Python itself: who raises to say that there is no result has words of its own."""
_LOOK_EVERY_S = 0.25
_GRACE_S = 0.5


class InProcess:
    """A stage, and a callable that is played on it."""

    def __init__(
        self,
        client: Client,
        *,
        profile: str,
        seed: int,
        contract: Contract | None = None,
    ) -> None:
        self._client = client
        self._time = VirtualTime(self._advance)
        self._stage = Stage(profile, seed, STEPS, contract=contract, slept_s=lambda: self._time.slept_s)
        self._running = contextlib.ExitStack()
        self._mover = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        self._running.enter_context(self._stage)
        self._running.enter_context(self._mover)
        self._advance(0)
        self._running.enter_context(self._time.patched())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def player(self) -> Player:
        return Player(self.play, self._play_all, lengthen=self._lengthen)

    def play(self, behaviour: Behaviour, intents: int | None) -> Run:
        """One case."""
        key = f"sk-contract-{secrets.token_hex(12)}"
        self._stage.set_up(behaviour, key)
        call = _Call(self._client, self._stage.url, key, self._time)
        self._time.begin()
        ending = call.run(lambda: hopeless(self._stage.so_far(behaviour, intents)))
        return self._stage.seen(behaviour, key, ending, intents)

    def _lengthen(self, task_s: float) -> None:
        self._stage.task_s = task_s

    def _play_all(self, behaviours: Sequence[Behaviour], intents: int | None) -> Iterator[Run]:
        return (self.play(behaviour, intents) for behaviour in behaviours)

    def _advance(self, seconds: float) -> None:
        """In a thread of its own: a client may be stopped at any moment, a request to the fake may not."""
        self._mover.submit(self._stage.mock.advance, seconds=seconds).result()


class _StoppedError(BaseException):
    """Raised inside a client that does not end."""


class _Call:
    """One call of the client, in a thread that can be stopped."""

    def __init__(self, client: Client, url: str, key: str, virtual_time: VirtualTime) -> None:
        self._client, self._url, self._key, self._time = client, url, key, virtual_time
        self._output = io.StringIO()
        self._code: int | None = None
        self._crashed = False

    def run(self, why_stop: Callable[[], str]) -> Ending:
        """To its end, or until `why_stop` gives a reason."""
        started = time.monotonic()
        thread = threading.Thread(target=self._call, name="client", daemon=True)
        stopped = ""
        with contextlib.redirect_stdout(self._output), contextlib.redirect_stderr(self._output):
            thread.start()
            while not stopped and thread.is_alive():
                thread.join(_LOOK_EVERY_S)
                late = time.monotonic() > started + _LIMIT_S
                stopped = (why_stop() or (_LATE if late else "")) if thread.is_alive() else ""
            self._time.end(_StoppedError())
            _stop(thread)
        return Ending(
            None if stopped else self._code,
            time.monotonic() - started,
            self._output.getvalue(),
            stopped,
            late=stopped == _LATE,
            crashed=self._crashed,
            ended_s=time.time(),
        )

    def _call(self) -> None:
        try:
            answer = self._client(self._url, self._key)
            if inspect.isawaitable(answer):
                asyncio.run(_awaited(answer))
            self._code = 0
        except _StoppedError:
            """Nobody waits for it any more."""
        except SystemExit as ended:
            self._code = ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        except BaseException as error:
            self._output.write(traceback.format_exc())
            self._code, self._crashed = 1, isinstance(error, _UNEXPECTED)


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer


def _stop(thread: threading.Thread) -> None:
    """Raise in a thread that does not sleep either, for some seconds; one that waits for ever in C goes on."""
    thread.join(_GRACE_S)
    until = time.monotonic() + 5
    while thread.is_alive() and time.monotonic() < until:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_StoppedError))
        thread.join(0.1)


def judge_client(
    client: Client,
    *,
    examples: int = 50,
    seed: int = 0,
    profile: str = "documented",
    behaviours: Sequence[str] | None = None,
    specs: Sequence[str | Path] = (),
    model: str | None = None,
) -> Judge:
    """Play the named behaviours (or only `behaviours`) and so many drawn ones; what was found is in the Judge.

    `specs` are documents, files or folders, of which `model` is what the client asks for. Raises SpecError.
    """
    contract = contract_of(specs, model)
    judge = Judge(checks(Layer.CLIENT), silent=of_clients(contract))
    chosen = for_virtual_time() if behaviours is None else [behaviour_of(one) for one in behaviours]
    with InProcess(client, profile=profile, seed=seed, contract=contract) as played:
        campaign = Campaign(
            played.player,
            judge,
            lambda one: f"client_contract(behaviours=[{name_of(one)!r}], seed={seed}, profile={profile!r})",
            confirm=False,
        )
        campaign.open()
        campaign.named(chosen)
        if behaviours is None and examples:
            campaign.drawn(examples, seed)
    return judge


class ClientWarning(UserWarning):
    """A finding that is no more than a warning."""


def assert_client(client: Client, **options: Any) -> None:
    """`judge_client`, and an AssertionError that shows each broken check with its shortest behaviour; a ClientWarning
    for each that only warns."""
    results = judge_client(client, **options).results()
    for result in results:
        if result.outcome is Outcome.WARNED and result.finding:
            warnings.warn(_shown(result.finding), ClientWarning, stacklevel=2)
    findings = [result.finding for result in results if result.outcome is Outcome.BROKEN and result.finding]
    if findings:
        raise AssertionError("\n\n".join(map(_shown, findings)))


def client_contract(**options: Any) -> Callable[[Client], Callable[[], None]]:
    """A decorator that makes a test of a client; `options` are those of `judge_client`."""

    def decorate(client: Client) -> Callable[[], None]:
        def test() -> None:
            assert_client(client, **options)

        test.__name__, test.__qualname__ = client.__name__, client.__qualname__
        test.__module__, test.__doc__ = client.__module__, client.__doc__
        return test

    return decorate


def _shown(finding: Finding) -> str:
    lines = (
        f"{finding.check.id}: {finding.check.promise}",
        f"  received: {finding.received}",
        f"  allowed: {finding.documented}",
        f"  when: {'; '.join(finding.when)}",
        *(f"  {note}" for note in finding.notes),
        f"  again: {finding.replay}",
    )
    return "\n".join(lines)
