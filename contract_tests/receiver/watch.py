"""The receiver's state looked at: how long an effect takes to show, and how long it goes on."""

import asyncio
import contextlib
import time

from contract_tests.exchange import Exchange
from contract_tests.receiver.bounds import Bounds
from contract_tests.receiver.hooks import HookError, Hooks

NO_STATE = "nothing tells the receiver's state"
_POLL_S, _WATCHED_S = 0.05, 0.5
_REST_S = 30.0
_MARGIN = 1.3
"""The next effect may take so many times as long as the slowest that was seen."""


class Watch:
    """`state` is what the last look read. `blind` says why the state cannot be told, and is empty where it can.
    `settle_s` is how long an effect may take to show, as far as is known.

    `case`, `steps` and `notes` belong to the case under way.
    """

    def __init__(self, hooks: Hooks, bounds: Bounds) -> None:
        self.hooks, self.bounds = hooks, bounds
        self.blind = "" if hooks.state else NO_STATE
        self.state, self.settle_s = "", bounds.settle_s
        self._rest_s = bounds.settle_s
        self.case = ""
        self.steps: list[Exchange] = []
        self.notes: list[str] = []

    def begin(self, case: str) -> None:
        """A new case, by its name or text."""
        self.case, self.steps, self.notes = case, [], []

    def note(self, text: str) -> None:
        self.notes.append(f"{len(self.steps) + 1}. {text}")

    async def look(self) -> bool:
        """Read the state, and whether it changed since the last look. Never, while blind."""
        if self.blind or self.hooks.state is None:
            return False
        await asyncio.sleep(self.settle_s)
        former, self.state = self.state, await self.hooks.state()
        return self.state != former

    async def at_rest(self) -> bool:
        """Look until nothing changes any more; False where that takes too long. A worker may have a queue."""
        began = time.monotonic()
        while await self.look():
            if time.monotonic() - began > _REST_S:
                return False
        return True

    async def appeared(self, before: str, patience_s: float) -> bool:
        """Whether an effect that is expected has come: one that is slow is waited for, here and from now on."""
        if self.blind or self.hooks.state is None:
            return False
        waited_s = await self._change_of(before, patience_s)
        if self.state != before and waited_s > self.settle_s:
            self.settle_s = min(_MARGIN * waited_s + self.bounds.settle_s, self.bounds.patience_s)
            self.note(f"the effect took {waited_s:.1f} s, so {self.settle_s:.1f} s are waited from now on")
        await asyncio.sleep(self._rest_s)
        self.state = await self.hooks.state()
        return self.state != before

    async def _change_of(self, before: str, patience_s: float) -> float:
        """Read the state until it is another, or this long. How long that took."""
        assert self.hooks.state is not None
        began = time.monotonic()
        while True:
            self.state = await self.hooks.state()
            waited_s = time.monotonic() - began
            if self.state != before or waited_s >= patience_s:
                return waited_s
            await asyncio.sleep(_POLL_S)

    async def watch(self) -> None:
        """Learn how long the state goes on changing after it has begun to."""
        if self.blind or self.hooks.state is None:
            return
        until_s = max(_WATCHED_S * bool(self.bounds.settle_s), 2 * self.settle_s)
        before = self.state
        waited_s = await self._change_of(before, until_s)
        if self.state != before:
            self._rest_s += _MARGIN * waited_s
            self.settle_s = min(self.settle_s + self._rest_s, self.bounds.patience_s)
            await self.look()

    async def look_after_telling(self) -> None:
        """A state may list the tasks that the receiver was told of: that is no callback's doing."""
        if not self.blind and self.hooks.state is not None:
            self.state = await self.hooks.state()

    async def look_between(self) -> None:
        """A receiver that is just starting again has no state to show."""
        if self.blind or self.hooks.state is None:
            return
        with contextlib.suppress(HookError):
            former, self.state = self.state, await self.hooks.state()
            if self.state != former:
                self.note("by then the state had changed, although the attempt had failed")
