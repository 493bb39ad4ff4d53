"""What a receiver failed at first and accepted when it came again: a bad moment, or does it fail this every time?"""

from dataclasses import dataclass, field

from contract_tests.receiver.bodies import ANSWERS
from contract_tests.receiver.delivery import Delivery, failed_inside
from contract_tests.receiver.trial import Suspect, Trial

_CHANCE = 1e-6
"""How improbable it has to be that a receiver that fails now and then failed all of these."""
_TRIES, _FILLERS = 25, 3
_ALWAYS = 0.9


@dataclass(slots=True)
class Rate:
    """How often plain callbacks fail at first, as far as they were tried."""

    tried: int = 0
    failed: int = 0

    @property
    def highest(self) -> float:
        """Never 0: what has not failed yet may."""
        return (self.failed + 1) / (self.tried + 2)


@dataclass(slots=True)
class Confirmation:
    """Sends the like of what failed again, each time right after some plain callbacks, so that a receiver that fails
    every so many times does not fail the same one by its place; nothing of it is repeated."""

    plain: Rate = field(default_factory=Rate)

    async def judge(self, suspect: Suspect, trial: Trial) -> None:
        """Raises BrokenPromiseError where it fails every time, and plain callbacks do not."""
        if trial.judge.is_found(suspect.owner):
            return
        trial.note(f"{suspect.what}: failed at first, and accepted when it came again")
        failed = [suspect.exchange]
        while len(failed) < _TRIES and not self._is_proved(len(failed)):
            like = await suspect.remake()
            await self._fill(trial, len(failed) % _FILLERS)
            exchange = await trial.send(like)
            if not failed_inside(exchange):
                break
            failed.append(exchange)
        else:
            trial.steps = failed
            self._blame(trial, suspect, len(failed))
        await trial.at_rest()

    def _is_proved(self, fails: int) -> bool:
        return self.plain.tried > _FILLERS and float(self.plain.highest**fails) < _CHANCE

    def _blame(self, trial: Trial, suspect: Suspect, fails: int) -> None:
        rate = self.plain.failed / max(1, self.plain.tried)
        if not self._is_proved(fails) and rate < _ALWAYS:
            return
        owner = suspect.owner if rate < _ALWAYS else ANSWERS
        others = f"of {self.plain.tried} plain callbacks in between {self.plain.failed} failed"
        received = f"{suspect.exchange.answer_line()} at first, {fails} of {fails} times; {others}"
        trial.unfit |= {one.kind for one in trial.suspects.values() if one.owner == owner == ANSWERS}
        trial.judge.that(owner, False, received, "any 2xx, at the first attempt too")

    async def _fill(self, trial: Trial, number: int) -> None:
        for _ in range(number):
            exchange = await trial.send(Delivery((await trial.task()).body))
            self.plain.tried += 1
            self.plain.failed += failed_inside(exchange)
