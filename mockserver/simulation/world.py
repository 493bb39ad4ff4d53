"""The world of one key: a deterministic state machine. `apply` is the only way to change it; every read is pure.

The same settings and the same commands give the same world, to the byte.
"""

from collections.abc import Callable
from typing import Any

from mockserver.simulation import command as commands
from mockserver.simulation import steering, storage, submission
from mockserver.simulation.callback import DeliveryState
from mockserver.simulation.command import Command
from mockserver.simulation.event import Outcome, Reply, Send
from mockserver.simulation.state import Settings, State
from mockserver.simulation.timeline import elapse, fire_due

__all__ = ["Settings", "World"]

_HANDLERS: dict[type, Callable[[Any, Any], Reply]] = {
    commands.Submit: submission.submit,
    commands.Strike: submission.strike,
    commands.Pass: lambda _, __: Reply(),
    commands.Elapse: elapse,
    commands.Report: steering.report,
    commands.Steer: steering.steer,
    commands.SetAccount: steering.set_account,
    commands.SetClock: steering.set_clock,
    commands.AddScenario: steering.add_scenario,
    commands.RemoveScenarios: steering.remove_scenarios,
    commands.Redeliver: steering.redeliver,
    commands.Upload: storage.upload,
    commands.DeleteFile: storage.delete_file,
}


class World(State):
    """One key's tasks, money, deliveries, files, scenarios and timers."""

    # --- reads

    @property
    def name(self) -> str:
        return self.settings.name

    def next_due_ms(self) -> int | None:
        """When something happens by itself next."""
        return self.timers.next_ms()

    def unreported(self) -> list[Send]:
        """Attempts that went out and have not come back: what a restarted server has to send again."""
        sending = (one for one in self.deliveries.values() if one.state is DeliveryState.SENDING)
        return [Send.of(delivery) for delivery in sending]

    # --- the one way to change

    def apply(self, command: Command, *, tell: bool = True) -> Outcome:
        """Let time pass up to the command, firing what is due in order; then carry it out.

        `tell` asks for the events; what happens does not depend on it.
        """
        events, sends = [], []  # type: ignore[var-annotated]
        self.events, self.sends = (events if tell else None), sends
        self.now_ms = max(self.now_ms, command.at_ms)
        timers = self.timers
        if timers.is_due(self.now_ms):
            fire_due(self)
        reply = _HANDLERS[type(command)](self, command)
        if timers.is_due(self.now_ms):
            fire_due(self)
        if timers.doubtful:
            timers.settle()
        return Outcome(reply, events, self.sends)
