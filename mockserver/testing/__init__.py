"""The mock in tests and scripts. `from mockserver.testing import MockServer, InProcessMock, CallbackReceiver`.

`MockServer` is a real server on a free port, `RunningMock` one that runs already; `InProcessMock` answers httpx in
process, through respx; `CallbackReceiver` is the other end: it answers callbacks by a script. All but `RunningMock`
are context managers with `start` and `stop`. `Connections` ends those of a receiver of your own. `terms` tells what
mounted documents say of a model. Exceptions: ControlError (a call the mock turned away) > UnknownError (also a
LookupError); SpecError (a ValueError).
"""

from mockserver.interception.authority import InterceptionError
from mockserver.runtime.connections import Connections
from mockserver.testing.control import ControlError, UnknownError
from mockserver.testing.in_process import InProcessMock
from mockserver.testing.receiver import CallbackReceiver, Received, Step
from mockserver.testing.records import (
    Attempt,
    Credits,
    Delivery,
    Event,
    Recorded,
    Task,
    TaskCallbacks,
)
from mockserver.testing.running import RunningMock
from mockserver.testing.server import DEFAULT_KEY, MockServer
from mockserver.testing.spec import SpecError, Spoken, Terms, terms
from mockserver.testing.tenant import Callbacks, MockTenant

__all__ = [
    "DEFAULT_KEY",
    "Attempt",
    "CallbackReceiver",
    "Callbacks",
    "Connections",
    "ControlError",
    "Credits",
    "Delivery",
    "Event",
    "InProcessMock",
    "InterceptionError",
    "MockServer",
    "MockTenant",
    "Received",
    "Recorded",
    "RunningMock",
    "SpecError",
    "Spoken",
    "Step",
    "Task",
    "TaskCallbacks",
    "Terms",
    "UnknownError",
    "terms",
]
