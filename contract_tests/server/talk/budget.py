"""Real money: what a run may reserve at most, and what it has reserved so far. Amounts in uc, 1/10,000 credit."""

import threading
from dataclasses import dataclass, field

from contract_tests.contract.document import UC_PER_CREDIT


class OverBudgetError(Exception):
    """The next paid request might go over the cap; it was not sent."""


def credits_of(amount_uc: int) -> str:
    """uc as people read them."""
    return f"{amount_uc / UC_PER_CREDIT:.10g} credits"


@dataclass(slots=True)
class Budget:
    """`cap_uc` None means play money: a mock's. `spent_uc` counts every reservation, released or not.

    A paid request is admitted at the highest price that any known rule asks, and counted at no less: a server that
    understates what it takes does not stretch the cap.
    """

    cap_uc: int | None = 0
    spent_uc: int = 0
    accepted_for_nothing: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def hold_to(self, most_uc: int) -> None:
        """Let no more than this be reserved from now on, whatever the cap would let through: it is what was shown."""
        with self._lock:
            if self.cap_uc is not None:
                self.cap_uc = min(self.cap_uc, self.spent_uc + most_uc)

    def admit(self, highest_uc: int) -> None:
        """Set this much aside before the request is sent. Raises OverBudgetError, and then nothing may be sent."""
        with self._lock:
            if self.cap_uc is not None and self.spent_uc + highest_uc > self.cap_uc:
                left = credits_of(max(0, self.cap_uc - self.spent_uc))
                raise OverBudgetError(f"may cost {credits_of(highest_uc)}, and {left} are left under --max-credits")
            self.spent_uc += highest_uc

    def admit_invalid(self, highest_uc: int | None) -> None:
        """Before a request that a correct server rejects. Once the server took such a one, each may cost as much as a
        valid one, which is None where nobody knows. Raises OverBudgetError."""
        if self.cap_uc is None or not self.accepted_for_nothing:
            return
        if highest_uc is None or self.spent_uc + highest_uc > self.cap_uc:
            raise OverBudgetError("the server accepts invalid requests, so sending more could cost credits")

    def settle(self, highest_uc: int, told_uc: int) -> None:
        """An admitted request was accepted: it counts for what was set aside, or for more if the server says so."""
        with self._lock:
            self.spent_uc += max(0, told_uc - highest_uc)

    def give_back(self, highest_uc: int) -> None:
        """An admitted request was refused. One that got no answer is never given back: it may have been taken."""
        with self._lock:
            self.spent_uc -= highest_uc

    def took_invalid(self, highest_uc: int) -> None:
        """An invalid request was accepted: it is paid for, whatever it should have been."""
        with self._lock:
            self.accepted_for_nothing = True
            self.spent_uc += highest_uc
