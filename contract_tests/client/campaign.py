"""Behaviour after behaviour: the named ones, then drawn combinations; every broken check with its shortest case."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.strategies import SearchStrategy

from contract_tests.client.behaviours.behaviour import PLAIN, Behaviour
from contract_tests.client.behaviours.grid import name_of
from contract_tests.client.behaviours.strategy import behaviours
from contract_tests.client.behaviours.troubles import Redirects
from contract_tests.client.fitting import PROBES, Fitting
from contract_tests.client.run import Run, first_look_s
from contract_tests.client.verdicts import Judgement, broken, judgements, undecided
from contract_tests.exchange import abridged, redacted
from contract_tests.judge import BrokenPromiseError, Judge

SHRINK_S = 20.0
"""How long a shorter case is looked for; what is left is shown as it is."""

_LOOKS, _LONGEST_TASK_S = 1.5, 150.0
"""The first look at a task sees it running, the second its end, as where queries move the clock; and no task takes
longer than half of what its submission estimates."""
_SHOWN = 20
"""Requests of a case that a reader sees at a glance."""
_PRINTED = 1_000
"""Characters of a client's output that are shown."""
_PLAIN_COURSE = "the plain course, in which everything goes well,"
_LINES = 6
"""Lines of it, the last ones."""

_AS_IN_THE_PLAIN_COURSE = (
    "CLIENT-SURVIVES-UNKNOWN-FIELDS",
    "CLIENT-SURVIVES-WHAT-IS-OPEN",
    "CLIENT-SURVIVES-NEW-VALUES",
    "CLIENT-RUNS-AGAIN",
)
"""The checks whose measure is that the plain course ends well."""

Tell = Callable[[str, int, int], None]
"""Progress: what was just done, how many are done, of how many."""


def _quiet(*_: object) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Player:
    """How a client is run: `play` one behaviour (given how many tasks it is known to want), or several at once.
    `limit_s`: how long one case may take in real time; 0 where time is virtual. `lengthen`: from now on a task takes
    so many seconds, unless a behaviour says otherwise."""

    play: Callable[[Behaviour, int | None], Run]
    play_all: Callable[[Sequence[Behaviour], int | None], Iterable[Run]]
    limit_s: Callable[[], float] = lambda: 0.0
    lengthen: Callable[[float], object] = _quiet


class NoClientError(Exception):
    """There is nothing to judge: what the client was told of the API did not reach it."""


@dataclass(slots=True)
class Campaign:
    """One client judged. `replay_of` gives the command that shows a behaviour again; `confirm`: times are real, so
    what breaks once is run once more before it counts. `runs` are by the behaviour that was asked for, whatever it
    became for this client; `open_ends` tells of each case that could not be played, or not judged, why."""

    player: Player
    judge: Judge
    replay_of: Callable[[Behaviour], str]
    confirm: bool = True
    tell: Tell = field(default=_quiet)
    runs: dict[Behaviour, Run] = field(default_factory=dict)
    open_ends: dict[str, str] = field(default_factory=dict)
    shrink_s: float = SHRINK_S
    fitting: Fitting = field(default_factory=Fitting)

    def open(self) -> Run:
        """The plain course: how many tasks the client wants, and what is usual for it. Judged as well.

        Raises NoClientError if it asked the fake for nothing, or for somebody else, or did not come to its end, or
        to a bad one by no fault that is judged.
        """
        run = self._plain()
        if run.ending.is_error and self.confirm:
            run = self._plain()
        if reason := _no_client(run):
            raise NoClientError(reason)
        self.fitting = Fitting(run, self.player.limit_s())
        self.runs[PLAIN] = run
        self._judge(PLAIN)
        if run.ending.is_error:
            self._open_badly(run)
        return run

    def _open_badly(self, run: Run) -> None:
        """Who fails where everything goes well shows nothing by failing elsewhere."""
        if self.judge.is_sound:
            raise NoClientError(f"{_PLAIN_COURSE} ends with an error: {run.ending}{_printed(run)}")
        for check_id in _AS_IN_THE_PLAIN_COURSE:
            self.judge.not_judged(check_id, "it fails in the plain course, too")

    def _plain(self) -> Run:
        """A task has to outlast the client's first look at it, or what is told of a running one never reaches it."""
        run = self.player.play(PLAIN, None)
        task_s = _LOOKS * first_look_s(run)
        if not 0 < task_s <= _LONGEST_TASK_S:
            return run
        self.player.lengthen(task_s)
        return self.player.play(PLAIN, None)

    @property
    def intents(self) -> int:
        return max(1, len(self.runs[PLAIN].accepted))

    @property
    def is_stuck(self) -> bool:
        """Whether it hangs even where everything goes well: each case would only take as long again."""
        return self.runs[PLAIN].ending.late

    def named(self, chosen: Iterable[Behaviour]) -> None:
        """Play and judge each, the simpler ones first and redirects last: what others show is not put down to them.
        Before that is played how long the client waits by itself."""
        if self.is_stuck:
            self.open_ends["every other behaviour"] = "the plain course did not come to its end"
            return
        asked = [one for one in dict.fromkeys(chosen) if not self._is_left_out(one)]
        probed = [PROBES[operation] for one in asked for operation in self.fitting.waits_of(one)]
        self._play(dict.fromkeys(one for one in probed if one not in self.runs))
        asked = [one for one in asked if not self._is_left_out(one)]
        self._play(sorted((one for one in asked if one not in self.runs), key=self.fitting.seconds_of, reverse=True))
        for behaviour in sorted(asked, key=lambda one: (one.has(Redirects), len(one.deviations))):
            self._judge(behaviour)

    def _is_left_out(self, behaviour: Behaviour) -> bool:
        reason = self.fitting.why_not(behaviour)
        if reason:
            self.open_ends[name_of(behaviour)] = reason
        return bool(reason)

    def drawn(self, examples: int, seed: int) -> None:
        """Play and judge so many drawn behaviours; what breaks a check is shrunk."""
        if not examples or self.is_stuck:
            return
        collected: list[Behaviour] = []
        _given(self.strategy(), collected.append, examples, seed)
        self._play(dict.fromkeys(one for one in collected if one not in self.runs))
        for behaviour in collected:
            for check_id in broken(self._known(self.runs[behaviour])):
                if not self.judge.is_found(check_id):
                    self._shrink(check_id, examples, seed)
        for behaviour in collected:
            self._judge(behaviour)

    def strategy(self) -> SearchStrategy[Behaviour]:
        """What is drawn for this client: what it can meet, and its document says."""
        drawn = behaviours(callbacks=self.fitting.plain.names_a_callback, asked=self.fitting.asked)
        return drawn.filter(lambda one: not self.fitting.too_late(one) and not self.fitting.unsaid(one))

    def _play(self, todo: Iterable[Behaviour]) -> None:
        fitted: dict[Behaviour, list[Behaviour]] = {}
        for one in todo:
            fitted.setdefault(self.fitting.fitted(one), []).append(one)
        played = self.player.play_all(list(fitted), self.intents)
        for done, run in enumerate(played, start=1):
            for one in fitted[run.behaviour]:
                self._keep(one, run)
            self.tell(name_of(fitted[run.behaviour][0]), done, len(fitted))

    def _keep(self, behaviour: Behaviour, run: Run) -> None:
        self.runs[behaviour] = run
        self.fitting.learn(run)
        if reason := undecided(run):
            self.open_ends[name_of(behaviour)] = reason

    def _play_one(self, behaviour: Behaviour) -> Run:
        return self.player.play(self.fitting.fitted(behaviour), self.intents)

    def _shrink(self, check_id: str, examples: int, seed: int) -> None:
        """Let Hypothesis look for the simplest behaviour that breaks this check, for a bounded time."""
        until = time.monotonic() + self.shrink_s
        smallest: list[Behaviour] = []

        def holds(behaviour: Behaviour) -> None:
            if behaviour not in self.runs:
                if time.monotonic() > until:
                    return
                self.runs[behaviour] = self._play_one(behaviour)
            if check_id in broken(self._known(self.runs[behaviour])):
                smallest.append(behaviour)
                raise _BreaksError

        try:
            _given(self.strategy(), holds, examples, seed)
        except _BreaksError:
            self._judge(smallest[-1], only=check_id)

    def _judge(self, behaviour: Behaviour, only: str | None = None) -> None:
        for judgement in judgements(self._known(self.runs[behaviour])):
            if only in (None, judgement.check_id):
                self._judge_one(behaviour, judgement)

    def _known(self, run: Run) -> Run:
        """A run beside what is usual for this client, and what is known of it."""
        found = frozenset(one.id for one in self.judge.checks if self.judge.is_found(one.id))
        fails = self.fitting.plain.ending.is_error
        return replace(run, habit=self.fitting.habit, found=found, fails_anyway=fails)

    def _judge_one(self, behaviour: Behaviour, judgement: Judgement) -> None:
        run = self.runs[behaviour]
        try:
            self.judge.that(judgement.check_id, judgement.holds, judgement.received, judgement.allowed)
        except BrokenPromiseError as error:
            if self._is_confirmed(behaviour, judgement.check_id):
                self.judge.replay = lambda _: self.replay_of(behaviour)
                steps = [entry.exchange() for entry in judgement.entries]
                self.judge.found(error, steps=steps, notes=notes(run), when=run.behaviour.lines)

    def _is_confirmed(self, behaviour: Behaviour, check_id: str) -> bool:
        if not self.confirm:
            return True
        run = self.runs[behaviour]
        return check_id in broken(self._known(self.player.play(run.behaviour, run.intents)))


class _BreaksError(Exception):
    """Tells Hypothesis that a behaviour breaks the check it is looking for."""


def _no_client(run: Run) -> str:
    """Why there is nothing to judge after a plain course like this; empty where there is."""
    others = [one for one in run.entries if one.record["other_key"]]
    if not run.entries:
        return f"the client sent nothing to the API it was told of; {run.ending}{_printed(run)}"
    if others:
        return f"the client sent another key than it was told: {others[0]}"
    return f"{_PLAIN_COURSE} is {undecided(run)}" if run.ending.late and undecided(run) else ""


def notes(run: Run) -> tuple[str, ...]:
    """What a reader sees at a glance: what the client asked, how it ended, the last that it printed."""
    return (
        *abridged([str(entry) for entry in run.entries], _SHOWN),
        str(run.ending),
        *(f"printed: {line}" for line in _last_lines(run) if run.ending.is_error),
    )


def _last_lines(run: Run) -> list[str]:
    """The end of what the client printed, without its key."""
    hidden = redacted(run.ending.output, frozenset({run.key} if run.key else ()))
    return [line[:_PRINTED] for line in hidden.splitlines() if line.strip()][-_LINES:]


def _printed(run: Run) -> str:
    last = "\n".join(_last_lines(run))
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
