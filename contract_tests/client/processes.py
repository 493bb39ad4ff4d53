"""A command as a client: several cases at once, each on a fake of its own."""

import queue
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

from contract_tests.client import program
from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.fates import RunsAgain
from contract_tests.client.campaign import Player
from contract_tests.client.run import Ending, Run
from contract_tests.client.stage import TASK_S, Stage, Time
from contract_tests.client.verdicts import hopeless
from contract_tests.client.wire.journal import TERMINAL
from contract_tests.contract.contract import Contract

_LOOK_EVERY_S = 0.4
_PLAIN_S = 30.0
_OF_THE_PLAIN_COURSE = 5
"""A case may take this many times as long as the plain course, beside the limit."""


class Processes:
    """Stages, and a command that is played on them. `interrupt` ends what runs."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        profile: str,
        seed: int,
        moved_by: Time,
        limit_s: float,
        parallel: int,
        intercept: bool = False,
        contract: Contract | None = None,
    ) -> None:
        self._command, self._limit_s = command, limit_s
        self._plain_s, self._task_s = 0.0, TASK_S
        self._stages = (
            Stage(profile, seed + one, moved_by, intercept=intercept, contract=contract) for one in range(parallel)
        )
        self._parallel, self._starting = parallel, threading.Lock()
        self._free: queue.SimpleQueue[Stage] = queue.SimpleQueue()
        self._running = ExitStack()
        self._interrupted = threading.Event()

    def __enter__(self) -> Self:
        self._free.put(self._running.enter_context(next(self._stages)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def player(self) -> Player:
        return Player(self.play, self.play_all, self.limit_s, self._lengthen)

    def _lengthen(self, task_s: float) -> None:
        self._task_s = task_s

    def limit_s(self) -> float:
        """How long one case may take by now; the plain course has at least as long as any may."""
        if not self._plain_s:
            return max(self._limit_s, _PLAIN_S)
        return self._limit_s + _OF_THE_PLAIN_COURSE * self._plain_s

    def play(self, behaviour: Behaviour, intents: int | None) -> Run:
        """One case. Raises OSError where the command can't be started."""
        stage = self._one_that_is_free()
        try:
            return self._play_on(stage, behaviour, intents)
        finally:
            self._free.put(stage)

    def play_all(self, behaviours: Sequence[Behaviour], intents: int | None) -> Iterator[Run]:
        """As many cases at once as there are stages; each run as soon as it has ended."""
        with ThreadPoolExecutor(self._parallel) as pool:
            cases = [pool.submit(self.play, behaviour, intents) for behaviour in behaviours]
            try:
                for case in as_completed(cases):
                    yield case.result()
            except BaseException:
                self._interrupted.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _one_that_is_free(self) -> Stage:
        """A stage, started when it is first needed."""
        with suppress(queue.Empty):
            return self._free.get_nowait()
        with self._starting:
            stage = next(self._stages, None)
            if stage is not None:
                return self._running.enter_context(stage)
        return self._free.get()

    def _play_on(self, stage: Stage, behaviour: Behaviour, intents: int | None) -> Run:
        key = f"sk-contract-{secrets.token_hex(12)}"
        stage.task_s = self._task_s
        stage.set_up(behaviour, key)
        first = self._run(stage, behaviour, key, intents)
        if not behaviour.has(RunsAgain):
            return first
        stage.forget()
        return stage.seen_again(first, self._run(stage, behaviour, key, intents))

    def _run(self, stage: Stage, behaviour: Behaviour, key: str, intents: int | None) -> Run:
        ending = self._ending(stage, behaviour, key, intents)
        if intents is None and not ending.late:
            self._plain_s = ending.seconds
        return stage.seen(behaviour, key, ending, intents)

    def _ending(self, stage: Stage, behaviour: Behaviour, key: str, intents: int | None) -> Ending:
        watch = _Watch(stage, behaviour, intents, self._interrupted)
        env = program.environment(stage.variables, stage.url, key)
        return program.play(self._command, env, limit_s=self.limit_s(), look=watch, look_every_s=_LOOK_EVERY_S)


class _Watch:
    """Looks at a case from time to time: whether it has become hopeless, whether only time can help."""

    def __init__(self, stage: Stage, behaviour: Behaviour, intents: int | None, interrupted: threading.Event) -> None:
        self._stage, self._behaviour, self._intents, self._interrupted = stage, behaviour, intents, interrupted
        self._seen = 0

    def __call__(self) -> str:
        if self._interrupted.is_set():
            return "interrupted"
        run = self._stage.so_far(self._behaviour, self._intents)
        waits = bool(run.entries) and len(run.entries) == self._seen
        self._seen = len(run.entries)
        if run.names_a_callback:
            ended = any(TERMINAL.intersection(entry.told.values()) for entry in run.entries)
            if waits or not ended:
                self._stage.let_pass(1 if waits else TASK_S)
        return hopeless(run)
