"""Recordings played again to a fake: the same requests, in their order, and where its answers differ."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from contract_tests.contract.contract import built_in
from contract_tests.drift.drift import Drift, Kind, Operation, asked_operation, merged, parsed
from contract_tests.drift.recording import Recording
from contract_tests.drift.shape import key_paths, resolved, sightings
from mockserver.testing import ControlError, MockServer

PROFILES = ("documented", "observed")
_ACCOUNT_STATUSES = frozenset({402, 409, 429})
"""They tell of an account's past, which recordings do not hold: of many that are alike only some are kept."""
_QUEUE_MS = 60_000
"""The longest that the fake lets a task wait before it starts: a fifth of the 300 s that it is told to take."""
_TASK_S = 300.0


def against_fake(recordings: Mapping[str, Recording], document: dict[str, Any]) -> tuple[str, tuple[Drift, ...]]:
    """The profile of the fake that comes nearest to the recordings, and how its answers still differ."""
    played = {profile: merged(_played(recordings, document, profile)) for profile in PROFILES}
    nearest = min(PROFILES, key=lambda profile: len(played[profile]))
    return nearest, played[nearest]


def _played(recordings: Mapping[str, Recording], document: dict[str, Any], profile: str) -> Iterator[Drift]:
    with (
        MockServer(profile=profile, task_seconds=_TASK_S) as mock,
        httpx.Client(base_url=mock.url, trust_env=False, timeout=30) as http,
    ):
        stage = _Stage(mock, http, document, profile)
        for name, one in recordings.items():
            operation = asked_operation(document, one)
            if operation is not None and _can_play(one, operation, profile):
                yield from stage.play(name, one, operation)


def _can_play(one: Recording, operation: Operation, profile: str) -> bool:
    """Whether the answer follows from the request, and not from an account's past or the service's health."""
    status = one.answer.status
    is_refused_account = status in (401, 403) and one.request.account > 0 and operation.role != "get_task"
    is_rejected_key = status == 401 and one.request.account > 0
    return (
        operation.profile in ("", profile)
        and status < 500
        and status not in _ACCOUNT_STATUSES
        and not is_refused_account
        and not is_rejected_key
        and parsed(one.answer.body) is not None
    )


class _Stage:
    """One fake, and which of its tasks stands for which recorded one."""

    def __init__(self, mock: MockServer, http: httpx.Client, document: dict[str, Any], profile: str) -> None:
        self._mock, self._http, self._document, self._profile = mock, http, document, profile
        self._ids: dict[str, str] = {}

    def play(self, name: str, one: Recording, operation: Operation) -> Iterator[Drift]:
        """Send it again and compare."""
        recorded = parsed(one.answer.body)
        if operation.role == "get_task":
            self._set_scene(one, recorded)
        answer = self._send(one)
        played = parsed(answer.text)
        if operation.role == "create_task" and one.answer.status == answer.status_code == 200:
            self._ids[str(recorded.get("id"))] = str(played["id"])
        for place, received, documented in self._differences(one, recorded, answer, played, operation):
            yield Drift(Kind.FAKE, operation.id, one.answer.status, place, received, documented, (name,))

    def _send(self, one: Recording) -> httpx.Response:
        headers = {name: value for name, value in one.request.headers.items() if name != "x-request-id"}
        if one.request.account:
            headers["authorization"] = f"Bearer {_key(one, one.request.account)}"
        body = _without_callback(one.request.body) if one.answer.status == 200 else one.request.body
        path = one.request.path
        for recorded, played in self._ids.items():
            path = path.replace(recorded, played)
        return self._http.request(one.request.method, quote(path, safe="/?&=%:+,~"), headers=headers, content=body)

    def _set_scene(self, one: Recording, recorded: Any) -> None:
        """The fake has the task that was asked for, and it stands where it stood."""
        recorded_id = one.request.path.partition("?")[0].rpartition("/")[2]
        if one.answer.status not in (200, 403) or not recorded_id.startswith("task-"):
            return
        if recorded_id not in self._ids:
            owner = one.request.account if one.answer.status == 200 else one.request.account + 1_000
            self._ids[recorded_id] = self._submit(_key(one, owner))
        if one.answer.status == 200 and isinstance(recorded, dict):
            self._bring_to(self._ids[recorded_id], recorded)

    def _submit(self, key: str) -> str:
        contract = built_in()
        body, headers = contract.requests.example(), {"authorization": f"Bearer {key}"}
        answer = self._http.post(contract.create.path, headers=headers, json=body)
        return str(answer.raise_for_status().json()["id"])

    def _bring_to(self, task_id: str, recorded: dict[str, Any]) -> None:
        """As far as the fake's task still can: one that has ended stays as it is."""
        status, error = recorded.get("status"), recorded.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        if status == "processing":
            self._mock.post("/clock/advance", {"ms": _QUEUE_MS})
        ending = {"completed": "complete", "failed": "fail", "cancelled": "cancel"}.get(str(status))
        if code == "request_cancelled":
            ending = "cancel"
        if ending is not None:
            told = {"code": code} if ending == "fail" and isinstance(code, str) else None
            with suppress(ControlError):
                self._mock.post(f"/tasks/{task_id}/{ending}", told)

    def _differences(
        self, one: Recording, recorded: Any, answer: httpx.Response, played: Any, operation: Operation
    ) -> Iterator[tuple[str, str, str]]:
        """Place, what was recorded, and what the fake does."""
        told, acted = f"{one.answer.status}", f"the fake answers {answer.status_code}"
        codes = (_code(recorded), _code(played))
        if one.answer.status // 100 != answer.status_code // 100 or codes[0] != codes[1]:
            yield "", f"{told} {codes[0]}".removesuffix(" None"), f"{acted} {codes[1]}".removesuffix(" None")
        elif answer.status_code == 200 and _status(recorded) == _status(played):
            yield from self._other_keys(recorded, played, operation)

    def _other_keys(self, recorded: Any, played: Any, operation: Operation) -> Iterator[tuple[str, str, str]]:
        """Keys that only one of the two has, but for those that the document itself does not know."""
        where, _ = resolved(self._document, (*operation.location, "responses", "200", "content", "application/json"))
        beyond = [one.place for one in sightings(self._document, (*where, "schema"), recorded)]
        here, there = key_paths(recorded), key_paths(played)
        for place in sorted(here - there):
            if _is_comparable(place, there) and not any(_is_within(place, one) for one in beyond):
                yield place, "there", f"the fake ({self._profile}) does not send it"
        for place in sorted(there - here):
            if _is_comparable(place, here):
                yield place, "absent", f"the fake ({self._profile}) sends it"


def _is_within(place: str, other: str) -> bool:
    return place == other or place.startswith((f"{other}.", f"{other}[]"))


def _is_comparable(place: str, lacks: set[str]) -> bool:
    """A key counts where the object around it is on both sides; of a lost object counts the whole, of an empty array
    nothing."""
    around = place.rpartition(".")[0]
    if not around:
        return True
    return around.removesuffix("[]") in lacks and (not around.endswith("[]") or _has_elements(around, lacks))


def _has_elements(array: str, paths: set[str]) -> bool:
    return any(path.startswith(f"{array}.") for path in paths)


def _key(one: Recording, account: int) -> str:
    """A key for each account of each run that was recorded."""
    return f"sk-drift-{one.run:%Y%m%d%H%M%S}-{account:04}"


def _without_callback(body: str) -> str:
    """Nothing is sent to anybody in a rehearsal."""
    fields = parsed(body)
    if not isinstance(fields, dict) or "callback_url" not in fields:
        return body
    return msgspec.json.encode({name: value for name, value in fields.items() if name != "callback_url"}).decode()


def _code(body: Any) -> Any:
    error = body.get("error") if isinstance(body, dict) and "status" not in body else None
    return error.get("code") if isinstance(error, dict) else None


def _status(body: Any) -> Any:
    return body.get("status") if isinstance(body, dict) else None
