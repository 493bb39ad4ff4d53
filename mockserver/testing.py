"""A mock server for tests and scripts: `with MockServer() as mock:` and it answers at `mock.url`.

It runs in a thread of this process, on a free port and a manual clock, and lets callbacks go to this machine.
"""

import threading
from types import TracebackType
from typing import Any, Self

import httpx

from mockserver.runtime.clock import Mode
from mockserver.web.app import Application
from mockserver.web.options import Options
from mockserver.web.server import Server, bind, url_of

_START_S = 10


class MockServer:
    """A server and its control API. Arguments are those of `mockserver.web.options.Options`; `media_host` is a
    name of this machine that result links use instead of 127.0.0.1, so that they lead to another host.

    >>> with MockServer(seed=7) as mock:
    ...     mock.get("/health")["seed"]
    7
    """

    def __init__(self, *, media_host: str = "127.0.0.1", **options: Any) -> None:
        self._media_host = media_host
        self.options = Options(**{"clock": Mode.MANUAL, "allow_local_callbacks": True, **options})
        self.url = ""
        self._control: httpx.Client | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Serve from now on. Raises RuntimeError if the server does not come up."""
        listener = bind("127.0.0.1", 0)
        self.url = url_of(listener, "127.0.0.1")
        application = Application(self.options)
        application.public_url = self.options.public_url or url_of(listener, self._media_host)
        ready = threading.Event()
        self._server = Server(application, ready.set)
        self._thread = threading.Thread(target=self._server.run_on, args=[listener], name="mockserver", daemon=True)
        self._thread.start()
        if not ready.wait(_START_S):
            raise RuntimeError(f"the mock did not start within {_START_S} s")
        self._control = httpx.Client(base_url=f"{self.url}/_mock", timeout=60, trust_env=False)
        return self

    def stop(self) -> None:
        """End it; a second time changes nothing."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def get(self, path: str, **parameters: Any) -> Any:
        """What a GET below /_mock answers. Raises httpx.HTTPStatusError for an error."""
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        return self._call("POST", path, json=body, params=parameters)

    def put(self, path: str, body: Any) -> Any:
        return self._call("PUT", path, json=body)

    def advance(self, *, seconds: float) -> list[dict[str, Any]]:
        """Let this much time of the clock pass; returns what fired, deliveries included."""
        fired: list[dict[str, Any]] = self.post("/clock/advance", {"ms": round(seconds * 1000)})["fired"]
        return fired

    def reset(self) -> None:
        """Forget everything; a manual clock goes back to its start."""
        self.post("/reset")

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        if self._control is None:
            raise RuntimeError("the mock is not started")
        response = self._control.request(method, path, **arguments)
        response.raise_for_status()
        return response.json()
