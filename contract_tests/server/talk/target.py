"""The server under test: every request to it goes through here, counted, paced, paid for and remembered."""

import itertools
import math
import os
import secrets
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import httpx

from contract_tests.contract.contract import Contract, built_in
from contract_tests.contract.document import uc
from contract_tests.exchange import Exchange
from contract_tests.judge import Judge
from contract_tests.server.talk.budget import Budget
from contract_tests.server.talk.control import Control, RealTime, Time
from contract_tests.server.talk.memory import Memory

ANSWER_LIMIT = 4_194_304
"""Bytes of an answer that are read; a longer one counts as no answer."""
FILE_LIMIT = 65_536
"""Bytes of a file that are read: enough to see that it is there."""
HISTORY = 20_000
"""Exchanges that a run remembers, for the HAR file and for recordings."""
_SILENT_LIMIT = 3
_FETCHES = 3
"""How often a file is asked for that no answer comes to: a network may lose one."""


class CaseOverError(Exception):
    """This case can't go on, for a reason that has its finding already."""


class UnmetError(Exception):
    """What must hold before a promise can be judged does not hold; says what, as the reason of "not judged"."""


class SilentServerError(Exception):
    """The server does not answer any more, or the time of the run is over: it ends here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to speak to a server. Keys are None where each case may make up its own, as on a mock. `poll_s` is as often
    as the documentation's examples poll (facts, section 8). `video_url` and `image_url` are some that the server can
    reach, in place of those of the document's example, `video_seconds` how long its video is; `highest_credits` is
    what a submission may cost at most, where the document does not say. `run` is in every key and idempotency key
    that is made up: an account remembers those of the run before."""

    url: str
    key: str | None = None
    other_key: str | None = None
    timeout_s: float = 10.0
    requests_per_second: float | None = None
    video_url: str | None = None
    video_seconds: float | None = None
    image_url: str | None = None
    highest_credits: float | None = None
    poll_s: float = 5.0
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    contract: Contract = field(default_factory=built_in)

    def highest_uc(self) -> int | None:
        """The most that a submission may cost, in uc; None where nobody says."""
        if self.highest_credits is not None:
            return uc(self.highest_credits)
        return self.contract.highest_uc(self.video_seconds)

    def request(self, *fields: str) -> dict[str, Any]:
        """The document's first example (that has these fields), with media that the server can reach. Raises
        LookupError."""
        body = self.contract.requests.example(*fields)
        for kind, url in (("video", self.video_url), ("image", self.image_url)):
            for name in self.contract.requests.links(kind) if url is not None else ():
                if name in body:
                    body[name] = [url] * len(body[name]) if isinstance(body[name], list) else url
        return body


def keys_from_environment() -> tuple[str | None, str | None]:
    """The key and another account's key. Never from a command line, which others on the machine can read."""
    return os.environ.get("EVOLINK_API_KEY") or None, os.environ.get("EVOLINK_OTHER_API_KEY") or None


class Target:
    """A server, and all that was said to it in this run. `took_valid` is whether it has accepted a valid submission:
    the premise of whatever it refuses as invalid."""

    def __init__(
        self,
        settings: Settings,
        judge: Judge,
        budget: Budget,
        memory: Memory | None = None,
    ) -> None:
        self.settings, self.judge, self.budget, self.contract = settings, judge, budget, settings.contract
        self.control: Control | None = None
        self.memory = memory or Memory(settings.url)
        budget.spent_uc = self.memory.spent_uc
        self.time: Time = RealTime()
        self.exchanges: deque[Exchange] = deque(maxlen=HISTORY)
        """A callback that arrives adds to it at any time: whoever looks through it takes a copy first."""
        self.requests = 0
        self.ends_s = math.inf
        self.took_valid = False
        self.shown_price_uc: int | None = None
        self.made_up: list[str] = []
        self._http = httpx.Client(
            base_url=settings.url, timeout=settings.timeout_s, trust_env=False, follow_redirects=False
        )
        self._numbers = itertools.count(1)
        self._silent = 0
        self._pace = threading.Lock()
        self._next_s = 0.0

    def steer(self, control: Control) -> None:
        """It is a mock: its clock is moved, and each case is an account of its own."""
        self.control = self.time = control

    def close(self) -> None:
        self._http.close()

    def key(self, *, other: bool = False) -> str:
        """A key to speak with: one of its own on a mock, the given one elsewhere."""
        given = self.settings.other_key if other else self.settings.key
        if self.control is None and given is not None:
            return given
        self.made_up.append(f"sk-contract-{self.settings.run}-{next(self._numbers):06}")
        return self.made_up[-1]

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        host = httpx.URL(self.settings.url).host
        return host in ("localhost", "::1") or host.startswith("127.")

    def now_s(self) -> float:
        """What the server's clock shows: a mock tells, any other is taken to be right."""
        return time.time() if self.control is None else self.control.now_s()

    def send(self, request: httpx.Request, *, limit_s: float | None = None) -> Exchange:
        """One request, at the pace allowed. What the network does the exchange tells. Raises SilentServerError."""
        exchange = self._timed(request, ANSWER_LIMIT, limit_s)
        self._heard(exchange.status is not None)
        return exchange

    def fetch(self, link: str) -> Exchange:
        """The beginning of what a link leads to, wherever that is; without any key."""
        try:
            request = httpx.Request("GET", link)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            return Exchange("GET", link[:FILE_LIMIT], {}, "", None, failure=f"no address: {error}")
        for _ in range(_FETCHES - 1):
            if (exchange := self._timed(request, FILE_LIMIT, None)).status is not None:
                return exchange
        return self._timed(request, FILE_LIMIT, None)

    def build(self, method: str, path: str, **arguments: Any) -> httpx.Request:
        return self._http.build_request(method, path, **arguments)

    def _timed(self, request: httpx.Request, most_bytes: int, limit_s: float | None) -> Exchange:
        if time.monotonic() > self.ends_s:
            raise SilentServerError("the time of the run was over")
        self._wait_for_turn()
        self.requests += 1
        started = time.monotonic()
        status, headers, body, failure = self._exchanged(request, most_bytes, limit_s or self.settings.timeout_s)
        exchange = Exchange(
            request.method,
            str(request.url),
            dict(request.headers),
            request.content.decode("utf-8", "replace"),
            status,
            headers,
            body,
            started,
            time.monotonic() - started,
            failure,
        )
        self.exchanges.append(exchange)
        return exchange

    def _exchanged(
        self, request: httpx.Request, most_bytes: int, limit_s: float
    ) -> tuple[int | None, dict[str, str], str, str]:
        """httpx bounds each wait; the whole of an answer that trickles in is bounded here. Of a file only the
        beginning is wanted."""
        ends, read = time.monotonic() + limit_s, bytearray()
        try:
            response = self._http.send(request, stream=True)
            try:
                for chunk in response.iter_bytes():
                    read += chunk
                    if most_bytes == FILE_LIMIT <= len(read):
                        break
                    if len(read) > most_bytes:
                        return None, {}, "", f"the answer is longer than {most_bytes} bytes"
                    if time.monotonic() > ends:
                        return None, {}, "", f"the answer was not complete after {limit_s:g} s"
            finally:
                response.close()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            return None, {}, "", f"{type(error).__name__}: {error}"
        return response.status_code, dict(response.headers), read.decode("utf-8", "replace"), ""

    def _heard(self, answered: bool) -> None:
        """Raises SilentServerError after several requests in a row that nobody answered."""
        self._silent = 0 if answered else self._silent + 1
        if self._silent >= _SILENT_LIMIT:
            raise SilentServerError(f"{self._silent} requests in a row got no answer")

    def _wait_for_turn(self) -> None:
        if self.settings.requests_per_second is None:
            return
        with self._pace:
            now = time.monotonic()
            turn = max(now, self._next_s)
            self._next_s = turn + 1 / self.settings.requests_per_second
        time.sleep(turn - now)
