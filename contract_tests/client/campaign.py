"""Behaviour after behaviour: the named ones, then drawn combinations; every broken check with its shortest case."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.strategies import SearchStrategy

from contract_tests.client.behaviour import PLAIN, Behaviour
from contract_tests.client.named import name_of, needs_callbacks, needs_several_tasks
from contract_tests.client.run import Run
from contract_tests.client.strategy import behaviours
from contract_tests.client.verdicts import Judgement, broken, judgements
from contract_tests.judge import BrokenPromiseError, Judge

SHRINK_S = 20.0
"""How long a shorter case is looked for; what is left is shown as it is."""

_PRINTED = 1_000
"""Characters of a client's output that are shown where it did nothing else."""

Tell = Callable[[str, int, int], None]
"""Progress: what was just done, how many are done, of how many."""


def _quiet(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Player:
    """How a client is run: `play` one behaviour (given how many tasks it is known to want), or several at once."""

    play: Callable[[Behaviour, int | None], Run]
    play_all: Callable[[Sequence[Behaviour], int | None], Iterable[Run]]


class NoClientError(Exception):
    """There is nothing to judge: what the client was told of the API did not reach it."""


@dataclass(slots=True)
class Campaign:
    """One client judged. `replay_of` gives the command that shows a behaviour again; `confirm`: times are real, so
    what breaks once is run once more before it counts."""

    player: Player
    judge: Judge
    replay_of: Callable[[Behaviour], str]
    confirm: bool = True
    tell: Tell = field(default=_quiet)
    runs: dict[Behaviour, Run] = field(default_factory=dict)
    shrink_s: float = SHRINK_S

    def open(self) -> Run:
        """The plain course: how many tasks the client wants, and whether it uses callbacks. Judged as well.

        Raises NoClientError if it asked the fake for nothing, or for somebody else.
        """
        run = self.player.play(PLAIN, None)
        if not run.entries:
            raise NoClientError(f"the client sent nothing to the API it was told of; {run.ending}{_printed(run)}")
        if run.with_other_keys:
            raise NoClientError(f"the client sent another key than it was told: {run.with_other_keys[0]}")
        self.runs[PLAIN] = run
        self._judge(run)
        return run

    @property
    def intents(self) -> int:
        return max(1, len(self.runs[PLAIN].accepted))

    @property
    def uses_callbacks(self) -> bool:
        return any("callback_url" in task for task in self.runs[PLAIN].tasks.values())

    def named(self, chosen: Iterable[Behaviour]) -> None:
        """Play and judge each in its order."""
        fitting = [one for one in chosen if self._means_something(one)]
        self._play([one for one in fitting if one not in self.runs])
        for behaviour in fitting:
            self._judge(self.runs[behaviour])

    def _means_something(self, behaviour: Behaviour) -> bool:
        called_back = self.uses_callbacks or not needs_callbacks(behaviour)
        return called_back and (self.intents > 1 or not needs_several_tasks(behaviour))

    def drawn(self, examples: int, seed: int) -> None:
        """Play and judge so many drawn behaviours; what breaks a check is shrunk."""
        if not examples:
            return
        strategy = behaviours(callbacks=self.uses_callbacks)
        collected: list[Behaviour] = []
        _given(strategy, collected.append, examples, seed)
        self._play([one for one in dict.fromkeys(collected) if one not in self.runs])
        for behaviour in collected:
            for check_id in broken(self.runs[behaviour]):
                if not self.judge.is_found(check_id):
                    self._shrink(check_id, examples, seed)
        for behaviour in collected:
            self._judge(self.runs[behaviour])

    def _play(self, todo: Sequence[Behaviour]) -> None:
        for done, run in enumerate(self.player.play_all(todo, self.intents), start=1):
            self.runs[run.behaviour] = run
            self.tell(name_of(run.behaviour), done, len(todo))

    def _shrink(self, check_id: str, examples: int, seed: int) -> None:
        """Let Hypothesis look for the simplest behaviour that breaks this check, for a bounded time."""
        until = time.monotonic() + self.shrink_s
        smallest: list[Behaviour] = []

        def holds(behaviour: Behaviour) -> None:
            if behaviour not in self.runs:
                if time.monotonic() > until:
                    return
                self.runs[behaviour] = self.player.play(behaviour, self.intents)
            if check_id in broken(self.runs[behaviour]):
                smallest.append(behaviour)
                raise _BreaksError

        try:
            _given(behaviours(callbacks=self.uses_callbacks), holds, examples, seed)
        except _BreaksError:
            self._judge(self.runs[smallest[-1]], only=check_id)

    def _judge(self, run: Run, only: str | None = None) -> None:
        for judgement in judgements(run):
            if only in (None, judgement.check_id):
                self._judge_one(run, judgement)

    def _judge_one(self, run: Run, judgement: Judgement) -> None:
        try:
            self.judge.that(judgement.check_id, judgement.holds, judgement.received, judgement.documented)
        except BrokenPromiseError as error:
            if self._is_confirmed(run, judgement.check_id):
                self.judge.replay = lambda _: self.replay_of(run.behaviour)
                steps = [entry.exchange() for entry in judgement.entries]
                self.judge.found(error, steps=steps, notes=notes(run), when=run.behaviour.lines)

    def _is_confirmed(self, run: Run, check_id: str) -> bool:
        if not self.confirm:
            return True
        again = self.player.play(run.behaviour, run.intents)
        return check_id in broken(again)


class _BreaksError(Exception):
    """Tells Hypothesis that a behaviour breaks the check it is looking for."""


def notes(run: Run) -> tuple[str, ...]:
    """What a reader sees at a glance: all that the client asked, how it ended."""
    shown = [str(entry) for entry in run.entries[:20]]
    left = len(run.entries) - len(shown)
    return (
        *shown,
        *([f"... {left} more requests"] if left else []),
        str(run.ending),
    )


def _printed(run: Run) -> str:
    """The end of what the client printed, without its key."""
    last = run.ending.output.replace(run.key or "\0", "...").strip()[-_PRINTED:]
    return f". It printed: {last}" if last else ""


def _given(
    strategy: SearchStrategy[Behaviour], test: Callable[[Behaviour], object], examples: int, seed: int
) -> None:
    """Run a test on drawn behaviours, the same ones for the same seed."""

    def check(behaviour: Behaviour) -> None:
        test(behaviour)

    chosen = settings(
        max_examples=examples,
        phases=(Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        print_blob=False,
    )
    hypothesis.seed(seed)(chosen(hypothesis.given(strategy)(check)))()
