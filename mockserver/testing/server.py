"""A mock server in this process: `with MockServer() as mock:` and it answers at `mock.url`."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from mockserver.contract.behaviour import Profile
from mockserver.environment import environment
from mockserver.interception.interceptor import Interceptor
from mockserver.simulation.clock import Mode
from mockserver.testing.background import Background, loop_factory
from mockserver.testing.control import Control
from mockserver.testing.tenant import MockTenant, scenario_file
from mockserver.web.app import Application
from mockserver.web.listening import bind, url_of
from mockserver.web.options import Options
from mockserver.web.server import Server

_Named = TypeVar("_Named", bound=StrEnum)

DEFAULT_KEY = "sk-test-of-evolink-mock"
_SEVERAL = ("specs", "scenarios", "only_keys", "cors")
_HOST = "127.0.0.1"
_START_S = 10


class LocalMock(MockTenant):
    """A mock that lives in this process from `start` to `stop`, on a manual clock unless told otherwise.

    A subclass says how clients reach it. As a MockTenant it is what its default `key` has; but to move its time is to
    move the server's clock, for every key that has none of its own.
    """

    def __init__(self, *, key: str = DEFAULT_KEY, **options: Any) -> None:
        super().__init__(self._running, key)
        self.options = _options(options)
        self._background = Background("mockserver", loop_factory())
        self._open: Control | None = None

    def start(self) -> Self:
        """Answer from now on. Raises RuntimeError where it does so already."""
        if self._open is not None:
            raise RuntimeError(f"this mock runs already, at {self.url}; stop it first, or make another one")
        self._open = self._up()
        return self

    def stop(self) -> None:
        """End it and forget everything; where it does not run, nothing changes. A forked process lets go of it."""
        if self._open is not None:
            self._open = None
            if self._background.is_here:
                self._down()

    def reset(self) -> None:
        """Forget everything, of all keys; a manual clock goes back to its start."""
        self.post("/reset")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _whose(self) -> dict[str, str]:
        return {}

    def _running(self) -> Control:
        if self._open is None:
            raise RuntimeError("this mock does not run: use `with`, or call start()")
        return self._open

    def _up(self) -> Control:
        raise NotImplementedError

    def _down(self) -> None:
        raise NotImplementedError


class MockServer(LocalMock):
    """A real server on loopback, in a thread of its own. Callbacks may go to this machine.

    `port` 0 takes a free one; `key` is the API key that the helpers speak of; `media_host` is a name of this machine
    that result links use instead of 127.0.0.1, so that they lead to another host; the rest are the options of
    `mockserver.web.options.Options`, names instead of enums and files allowed.

    >>> with MockServer(seed=7) as mock:
    ...     mock.get("/health")["seed"]
    7
    """

    def __init__(self, *, port: int = 0, key: str = DEFAULT_KEY, media_host: str = _HOST, **options: Any) -> None:
        super().__init__(key=key, **options)
        self.port, self._media_host = port, media_host
        self._server: Server | None = None
        self._serving: Future[None] | None = None

    @contextmanager
    def intercepted(self, port: int | None = None) -> Iterator[dict[str, str]]:
        """While inside, a program started with these variables reaches this mock at the live hosts, and no other;
        or whoever stands before it at this port of loopback.

        Raises InterceptionError without the extra `intercept`.
        """
        with Interceptor(port or urlsplit(self.url).port or 0) as interceptor:
            yield environment(interceptor, self.url, *self.options.only_keys[:1]).applied_to(os.environ)

    def _up(self) -> Control:
        """Raises OSError where the port is taken, RuntimeError where the server does not come up."""
        application = Application(self.options)
        self._background.start()
        listener = self._bound()
        url = url_of(listener, _HOST)
        application.public_url = self.options.public_url or url_of(listener, self._media_host)
        ready = threading.Event()
        self._server = Server(application, ready.set)
        self._serving = self._background.submit(self._server.serve(sockets=[listener]))
        self._serving.add_done_callback(lambda _: ready.set())
        if not ready.wait(_START_S) or not self._server.started:
            self._down()
            raise RuntimeError(f"the mock did not start within {_START_S} s")
        return Control(application, self._background, url)

    def _down(self) -> None:
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            self._serving.result()
            self._server = self._serving = None
        self._background.stop()

    def _bound(self) -> Any:
        try:
            return bind(_HOST, self.port)
        except OSError as error:
            self._background.stop()
            words = f"can't listen on {_HOST} port {self.port}: {error.strerror or error}; port=0 takes a free one"
            raise OSError(error.errno, words) from error


def _options(given: dict[str, Any]) -> Options:
    """Options with the defaults of a test, and names made into what they name. Raises ValueError, TypeError."""
    known = Options.__struct_fields__
    unknown = next((name for name in given if name not in known), None)
    if unknown is not None:
        raise TypeError(f"{unknown!r} is no option of a mock; there are {', '.join(known)}")
    told = {"clock": Mode.MANUAL, "allow_local_callbacks": True, **given}
    told["clock"] = _named(Mode, "clock", told["clock"])
    if "profile" in told:
        told["profile"] = _named(Profile, "profile", told["profile"])
    told |= {name: _several(told[name]) for name in _SEVERAL if name in told}
    told["specs"] = tuple(Path(path) for path in told.get("specs", ()))
    told["scenarios"] = tuple(_scenario(one) for one in told.get("scenarios", ()))
    return Options(**told)


def _several(given: Any) -> tuple[Any, ...]:
    """One may stand for itself: a text is no list of letters."""
    return (given,) if isinstance(given, str | Path | dict) else tuple(given)


def _scenario(one: Any) -> Path:
    if isinstance(one, dict):
        raise TypeError("scenarios: received a dict; allowed: names and files; scenario() of a mock takes dicts")
    return one if isinstance(one, Path) else scenario_file(one)


def _named(kind: type[_Named], option: str, name: str) -> _Named:
    try:
        return kind(name)
    except ValueError as error:
        raise ValueError(f"{option}: received {name!r}; allowed: {', '.join(kind)}") from error
