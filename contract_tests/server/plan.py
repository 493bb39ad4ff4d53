"""What a run would buy where money is real, and what that costs at most: told before the first credit is spent."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contract_tests.server.probes.probe import Probe
from contract_tests.server.talk.budget import Budget, credits_of


@dataclass(frozen=True, slots=True)
class Purchase:
    """`paid` submissions that a correct server charges, `risked` those that only a wrong one would."""

    name: str
    paid: int
    risked: int
    judges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Amounts in uc. `most_uc` bounds all that a server can take, whatever it does, as long as it asks no more for a
    submission than any known rule; nothing beyond the cap is ever sent."""

    purchases: tuple[Purchase, ...]
    highest_uc: int
    cap_uc: int
    spent_uc: int

    @property
    def paid(self) -> int:
        return sum(one.paid for one in self.purchases)

    @property
    def wanted_uc(self) -> int:
        """What a correct server takes."""
        return self.paid * self.highest_uc

    @property
    def most_uc(self) -> int:
        """What a wrong one could take within the cap."""
        risked = sum(one.risked for one in self.purchases)
        return min((self.paid + risked) * self.highest_uc, max(0, self.cap_uc - self.spent_uc))

    def lines(self) -> Iterator[str]:
        yield f"Plan: {self.paid} paid submissions, {credits_of(self.wanted_uc)} at most"
        for one in self.purchases:
            told = f"{one.paid} paid" if one.paid else f"{one.risked} that a correct server does not charge"
            yield f"  {one.name}: {told}; serves {', '.join(one.judges)}"
        yield f"Spent before: {credits_of(self.spent_uc)}; the cap is {credits_of(self.cap_uc)} (--max-credits)."
        most, each = credits_of(self.most_uc), credits_of(self.highest_uc)
        yield f"No more than {most} will be reserved, at {each} a submission: the most that any known rule asks."
        yield "What the cap does not cover is not judged."


def plan(probes: Iterable[Probe], highest_uc: int, budget: Budget) -> Plan:
    """Of the probes that can run."""
    bought = (Purchase(one.name, one.paid, one.risked, one.judges) for one in probes if one.paid or one.risked)
    return Plan(tuple(bought), highest_uc, budget.cap_uc or 0, budget.spent_uc)
