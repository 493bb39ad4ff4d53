"""How the run stands with a server before it begins: whether it is one of this API, and what can't be judged of
it."""

from collections.abc import Iterator
from typing import Protocol

from contract_tests.contract.contract import Contract
from contract_tests.server.probes.probe import Need
from contract_tests.server.talk.listener import Listener
from contract_tests.server.talk.target import Settings, Target

_PROFILES = ("documented", "observed")
_NOT_THERE = (404, 405, 410, 501)
_NOBODYS = "task-unified-1757169743-00000000"


class UnreachableError(Exception):
    """Nothing answers at this address, or nothing that is this API: there is nothing to judge."""


class Wishes(Protocol):
    """What of the options matters here."""

    @property
    def settings(self) -> Settings: ...

    @property
    def quick(self) -> bool: ...


def require_this_api(target: Target) -> None:
    """Raises UnreachableError."""
    statuses, asked = [], tuple(_asked(target.contract))
    for method, path in asked:
        exchange = target.send(target.build(method, path))
        if exchange.status is None:
            raise UnreachableError(f"{target.settings.url} does not answer: {exchange.failure}")
        statuses.append(exchange.status)
        if exchange.status not in _NOT_THERE:
            return
    told = ", ".join(f"{method} {path}: {status}" for (method, path), status in zip(asked, statuses, strict=True))
    raise UnreachableError(f"{target.settings.url} answers, but is not this API ({told}): is the address right?")


def _asked(contract: Contract) -> Iterator[tuple[str, str]]:
    """What every server of this API answers, without a key, in some other way than that it is not there."""
    if contract.credits is not None:
        yield contract.credits.method, contract.credits.sent
    yield contract.create.method, contract.create.sent
    yield contract.query.method, contract.query.of(_NOBODYS)


def known_profile(told: object) -> str:
    """The profile that a mock tells of; the first where it tells none that is known."""
    return str(told) if told in _PROFILES else _PROFILES[0]


def missing_of(options: Wishes, target: Target, listener: Listener | None, profile: str) -> Iterator[Need]:
    if target.control is None:
        yield from _missing_of_unsteered(options, target)
    else:
        yield Need.REAL_TIME
    if listener is None or target.contract.requests.callback is None or not _is_reachable(target, listener):
        yield Need.CALLBACKS
    if profile != "observed":
        yield Need.OBSERVED
    if options.quick:
        yield Need.PATIENCE


def _missing_of_unsteered(options: Wishes, target: Target) -> Iterator[Need]:
    yield Need.CONTROL
    if options.settings.other_key is None:
        yield Need.OTHER_KEY
    key = options.settings.key
    method, path = next(_asked(target.contract)) if target.contract.credits else [*_asked(target.contract)][-1]
    request = target.build(method, path, headers={"Authorization": f"Bearer {key}"})
    if key is None or target.send(request).status == 401:
        yield Need.KEY


def _is_reachable(target: Target, listener: Listener) -> bool:
    """Whether callbacks arrive: a mock is asked whether it takes our address, by an account that has no credits; one
    that is public has to lead here."""
    if target.control is None:
        return listener.is_local or listener.is_led_here(target.settings.timeout_s)
    key, contract = target.key(), target.contract
    target.control.account(key, credits=0)
    body = contract.requests.example() | {str(contract.requests.callback): listener.box().url}
    headers = contract.create.headers | {"Authorization": f"Bearer {key}"}
    exchange = target.send(target.build(contract.create.method, contract.create.sent, json=body, headers=headers))
    return exchange.status != 400
