"""The same mock without a socket: respx catches what httpx sends to the API, and the mock's plain function answers.

Callbacks take the same way: they are sent by httpx, so a route of the test for the callback URL receives them, in a
thread of its own. A callback URL without a route fails its attempt; nothing leaves the process.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakSet

import httpx

from mockserver.runtime.delivery.courier import Courier, Receipt, answered, failed, words
from mockserver.runtime.delivery.lanes import Dispatch
from mockserver.simulation.scenario import Fault
from mockserver.testing.asgi import ask
from mockserver.testing.background import loop_factory
from mockserver.testing.control import Control
from mockserver.testing.server import DEFAULT_KEY, LocalMock
from mockserver.web.app import Application
from mockserver.web.http.exchange import Answer, spoilt

if TYPE_CHECKING:
    import respx

    from mockserver.testing.routes import Routes

URL = "https://api.evolink.ai"
LINKS_URL = "https://files.evolink.ai"
HOSTS = ("api.evolink.ai", "files-api.evolink.ai", "files.evolink.ai")
"""The generation API, the files API, and where result links lead."""
_ROUTERS: "WeakSet[respx.MockRouter]" = WeakSet()
"""Those of mocks."""


class InProcessMock(LocalMock):
    """The mock behind respx, for synchronous and asynchronous httpx clients alike.

    While it runs, `router` is active: add routes to it for callback receivers (and whatever else the code under test
    calls); one for a request to the API comes before the mock. A request to a host without a route raises, as respx
    does. Needs respx (`evolink-mock[pytest]`).

    >>> with InProcessMock() as mock:
    ...     httpx.get("https://api.evolink.ai/v1/credits", headers=mock.headers).status_code
    200
    """

    def __init__(self, *, key: str = DEFAULT_KEY, **options: Any) -> None:
        super().__init__(key=key, **{"public_url": LINKS_URL, **options})
        self.router = _new_router()
        self._application: Application | None = None

    def start(self) -> Self:
        super().start()
        self.catch()
        return self

    def stop(self) -> None:
        self.release()
        super().stop()

    def catch(self) -> None:
        """Let respx catch what httpx sends, from now on, with a router that knows the API alone."""
        self.release()
        self.router = _new_router()
        of_mock = self.router.route(scheme="https", host__in=HOSTS).mock(side_effect=self.answer)
        self.router.routes = _routes(of_mock)
        self.router.start()
        _put_before_others(self.router)

    def release(self) -> None:
        """Let httpx send again; the mock runs on."""
        self.router.stop(quiet=True)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The mock's answer to a request, whatever its host: a side effect for a route of your own.

        Raises the httpx error that a client meets on a wire where a scenario breaks the connection.
        """
        self._running()
        application, url = self._application, request.url
        if application is None:
            raise RuntimeError("this mock is being stopped")
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        asked = request.method, url.path, url.query, headers, request.content
        if not application.takes_directly(url.path):
            got = self._background.run(ask(application, *asked))
            return httpx.Response(got.status, headers=got.headers, content=got.content)
        answer = self._background.run(application.api_app.answered(*asked))
        if answer.fault is not None:
            return _broken(answer, answer.fault, request)
        body = b"" if request.method == "HEAD" else answer.body
        return httpx.Response(answer.status, headers=answer.headers, content=body)

    def _up(self) -> Control:
        self._application = Application(self.options, courier=InProcessCourier)
        self._background.start()
        self._background.run(self._application.start())
        return Control(self._application, self._background, URL)

    def _down(self) -> None:
        if self._application is not None:
            self._background.run(self._application.stop())
            self._application = None
        self._background.stop()


class InProcessCourier(Courier):
    """Sends callbacks with a plain httpx client, so that whoever patches httpx receives them.

    Each in a thread and loop of its own: a receiver, synchronous or not, may ask the mock while it is asked.
    """

    async def _attempt(self, dispatch: Dispatch) -> Receipt:
        sent_ms = dispatch.now_ms()
        try:
            status = await asyncio.to_thread(_run, _post(dispatch, dispatch.render()))
        except httpx.TimeoutException:
            late = f"no answer within {dispatch.timeout_ms / 1000:g} s"
            return failed(dispatch, late, timed_out=True, sent_ms=sent_ms)
        except Exception as error:
            return failed(dispatch, words(error), sent_ms=sent_ms)
        return answered(dispatch, status, sent_ms=sent_ms)


def _run(sending: Coroutine[Any, Any, int]) -> int:
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(sending)


async def _post(dispatch: Dispatch, body: bytes) -> int:
    """The status of the answer. No authority is trusted: to read them takes 40 ms, and nothing is to leave here."""
    headers = {"content-type": "application/json", "user-agent": "evolink-mock"}
    trust, timeout_s = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), dispatch.timeout_ms / 1000
    async with httpx.AsyncClient(verify=trust, timeout=timeout_s, trust_env=False) as client:
        response = await client.post(dispatch.url, content=body, headers=headers)
    return response.status_code


def _broken(answer: Answer, fault: Fault, request: httpx.Request) -> httpx.Response:
    """What a client meets when the wire breaks; a stalled answer is a time-out unless the client is more patient."""
    size = len(answer.body)
    if (other := spoilt(answer)) is not None:
        return httpx.Response(other.status, headers=other.headers, content=other.body)
    if fault is Fault.STALLED:
        patience_s = request.extensions.get("timeout", {}).get("read")
        if patience_s is not None and patience_s * 1000 < answer.stall_ms:
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
    if fault is Fault.TRUNCATED_BODY:
        told = f"peer closed connection without sending complete message body ({size // 2} of {size} bytes)"
    else:
        told = "Server disconnected without sending a response."
    raise httpx.RemoteProtocolError(told, request=request)


def _put_before_others(router: "respx.MockRouter") -> None:
    """Of several mocks in process the last one answers, where respx would ask the first; what else uses respx keeps
    its place."""
    routers = [] if router.Mocker is None else router.Mocker.routers
    first = next((place for place, one in enumerate(routers) if one in _ROUTERS), len(routers))
    if router in routers[first + 1 :]:
        routers.remove(router)
        routers.insert(first, router)


def _new_router() -> "respx.MockRouter":
    try:
        import respx
    except ImportError as error:
        raise ImportError("the mock in process needs respx: pip install 'evolink-mock[pytest]'") from error
    router = respx.MockRouter(assert_all_called=False, assert_all_mocked=True)
    _ROUTERS.add(router)
    return router


def _routes(of_mock: "respx.Route") -> "Routes":
    from mockserver.testing.routes import Routes  # needs respx

    return Routes(of_mock)
