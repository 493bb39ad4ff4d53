"""What a mock saw: asked of its control API, or read from a saved answer of `GET /_mock/requests`."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from contract_tests.contract.contract import Contract, built_in
from contract_tests.exchange import cut

MOST = 1_000
"""How many records the control API lists at once."""
_ASK_S = 30.0
_LEAST_MS = 1_000
"""A saved journal of so much time, or with times so near to time itself, tells whether a clock went by itself."""
_JITTER_MS = 500
"""So far a request's time may be from when it really came, on a clock that nobody moves."""
_FIELDS: dict[str, tuple[type, ...]] = {
    "sequence": (int,),
    "at_ms": (int,),
    "real_ms": (int,),
    "tenant": (str, type(None)),
    "method": (str,),
    "path": (str,),
    "query": (str,),
    "headers": (dict,),
    "body": (object,),
    "status": (int,),
    "answer_headers": (dict,),
    "answer": (object,),
    "fault": (str, type(None)),
    "task_id": (str, type(None)),
}
"""What is read of a request, and of which types it may be."""


Times = list[tuple[int, int]]


class UnreadableError(Exception):
    """There is no journal where one was said to be; says what was received and what is needed."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """`requests` as the journal has them, oldest first; `tasks` by id, as far as they are known; `by_hand`: the keys
    whose clock stands still until somebody moves it, or was moved; `contract` is what it is judged by."""

    requests: tuple[dict[str, Any], ...]
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_hand: frozenset[str] = frozenset()
    bound: int = MOST
    contract: Contract = field(default_factory=built_in)

    @property
    def is_cut(self) -> bool:
        """Whether older requests may be forgotten."""
        return len(self.requests) >= self.bound


def of_url(url: str, token: str | None = None) -> Traffic:
    """What the mock at this address saw. Raises UnreadableError."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    base = f"{url.rstrip('/').removesuffix('/_mock')}/_mock"
    with httpx.Client(headers=headers, timeout=_ASK_S, trust_env=False) as http:

        def get(path: str, **parameters: Any) -> Any:
            return _asked(http, f"{base}{path}", parameters)

        return of_control(get)


def of_control(get: Callable[..., Any], tenants: frozenset[str] | None = None) -> Traffic:
    """The same by whatever answers the calls of a control API; of these tenants alone, if they are told. Raises
    UnreadableError."""
    health, came = get("/health"), _records(get("/requests", limit=MOST))
    requests = tuple(one for one in came if tenants is None or one["tenant"] in tenants)
    bound = min(MOST, _at(health, "bounds", "journal_entries") or MOST)
    listed = _at(get("/tasks", limit=MOST), "tasks") or []
    tasks = {str(one["id"]): one for one in listed if isinstance(one, dict) and "id" in one}
    moved = (name for name, times in _times(requests).items() if _is_moved(times, _clock(get, name)))
    return Traffic(requests, tasks, frozenset(moved), bound)


def of_file(path: Path) -> Traffic:
    """A saved answer of `GET /_mock/requests`. Raises UnreadableError."""
    try:
        read = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableError(f"{path} can't be read: {error}") from None
    requests = tuple(_records(read))
    moved = (name for name, times in _times(requests).items() if not _goes_by_itself(times))
    return Traffic(requests, by_hand=frozenset(moved))


def _times(requests: tuple[dict[str, Any], ...]) -> dict[str, Times]:
    """Of each key: when its requests came by its clock, and when really."""
    times: dict[str, Times] = {}
    for one in requests:
        times.setdefault(one["tenant"] or "", []).append((one["at_ms"], one["real_ms"]))
    return times


def _clock(get: Callable[..., Any], name: str) -> Any:
    return get("/clock", key=name) if name else get("/clock")


def _is_moved(times: Times, clock: Any) -> bool:
    """One that goes by itself may have been advanced all the same."""
    mode, speed = _at(clock, "mode"), _at(clock, "speed") or 1.0
    return mode == "manual" or (mode == "real" and _strays_ms(times, speed) > _JITTER_MS * max(1.0, speed))


def _goes_by_itself(times: Times) -> bool:
    (first_at_ms, first_real_ms), (_, last_real_ms) = times[0], times[-1]
    is_told = last_real_ms - first_real_ms >= _LEAST_MS or abs(first_at_ms - first_real_ms) <= _LEAST_MS
    return is_told and _strays_ms(times, 1.0) <= _JITTER_MS


def _strays_ms(times: Times, speed: float) -> float:
    """How far these times are from those of a clock that just goes."""
    ahead_ms = [at_ms - speed * real_ms for at_ms, real_ms in times]
    return max(ahead_ms) - min(ahead_ms)


def _asked(http: httpx.Client, url: str, parameters: dict[str, Any]) -> Any:
    try:
        answer = http.get(url, params=parameters)
        read = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise UnreadableError(f"no mock answers at {url}: {error or type(error).__name__}") from None
    except (ValueError, RecursionError):
        raise UnreadableError(
            f"{url}: received {cut(answer.text, 200)!r}; needed: the control API of a mock"
        ) from None
    if answer.is_error:
        raise UnreadableError(f"{url}: received {answer.status_code} {cut(answer.text, 200)}")
    return read


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _records(read: Any) -> Iterator[dict[str, Any]]:
    """The requests of an answer, each of the shape that is read later."""
    requests = _at(read, "requests")
    if not isinstance(requests, list):
        raise UnreadableError('received no {"requests": [...]}; needed: what GET /_mock/requests answers')
    for place, one in enumerate(requests):
        yield _record(one, f"requests[{place}]")


def _record(one: Any, place: str) -> dict[str, Any]:
    if not isinstance(one, dict):
        raise UnreadableError(f"{place}: received {cut(json.dumps(one), 100)}; needed: an object")
    for name, types in _FIELDS.items():
        if name not in one or not isinstance(one[name], types):
            received = cut(json.dumps(one[name]), 100) if name in one else "nothing"
            allowed = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
            raise UnreadableError(f"{place}.{name}: received {received}; needed: {allowed}")
    headers = {str(name).lower(): str(value) for name, value in one["headers"].items()}
    answered = {str(name).lower(): str(value) for name, value in one["answer_headers"].items()}
    return one | {"headers": headers, "answer_headers": _without_unreadable_wait(answered)}


def _without_unreadable_wait(headers: dict[str, str]) -> dict[str, str]:
    """A Retry-After that is neither a number nor a date asks nothing of anybody."""
    value = headers.get("retry-after", "0")
    try:
        _ = value.isdigit() or parsedate_to_datetime(value)
    except ValueError:
        return {name: text for name, text in headers.items() if name != "retry-after"}
    return headers
