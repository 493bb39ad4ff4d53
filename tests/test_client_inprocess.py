"""Clients in this process: virtual sleeping, sync and async, and findings that are shrunk."""

import asyncio
import sys
import threading
import time
import uuid
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from contract_tests.check import Layer, check, checks
from contract_tests.client import inprocess, stage
from contract_tests.client.behaviours.grid import behaviour_of
from contract_tests.client.campaign import Campaign, NoClientError
from contract_tests.client.inprocess import ClientWarning, InProcess, assert_client, client_contract, judge_client
from contract_tests.client.virtual import VirtualTime
from contract_tests.judge import Judge, Outcome
from tests.house import CREATE, MINIMAL
from tests.right_client import PASSING, SSL, Right, told_to_wait


async def right_async(base_url: str, api_key: str) -> None:
    headers = {"authorization": f"Bearer {api_key}"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=5, verify=SSL) as api:

        async def call(method: str, path: str, **arguments: Any) -> Any:
            for _ in range(6):
                pause_s = 4.0
                try:
                    response = await api.request(method, path, **arguments)
                    if response.status_code not in PASSING:
                        return response.raise_for_status().json()
                    pause_s = told_to_wait(response)
                except (httpx.TransportError, ValueError):
                    """Once more."""
                await asyncio.sleep(pause_s)
            raise RuntimeError("no answer")

        key = {"idempotency-key": uuid.uuid4().hex}
        task_id = (await call("POST", CREATE, json=MINIMAL, headers=key))["id"]
        while (state := (await call("GET", f"/v1/tasks/{task_id}"))["status"]) != "completed":
            if state in ("failed", "cancelled"):
                raise RuntimeError(f"the task has {state}")
            await asyncio.sleep(5)


def broken(judge: Judge) -> set[str]:
    return {result.check.id for result in judge.results() if result.outcome is Outcome.BROKEN}


def test_a_right_client_holds_through_drawn_behaviours() -> None:
    assert not broken(judge_client(Right(), examples=40))


@pytest.mark.parametrize("profile", ["documented", pytest.param("observed", marks=pytest.mark.long)])
def test_a_right_async_client_holds(profile: str) -> None:
    assert not broken(judge_client(right_async, examples=10, profile=profile))


test_decorated = client_contract(behaviours=["plain", "lost-answer"])(right_async)


class NoKey(Right):
    with_key = False


class Busy(Right):
    interval_s = 0.0


class Lazy(Right):
    interval_s = 120.0


class Restless(Right):
    def pause(self, response: httpx.Response) -> None:
        time.sleep(1)


class GivesUp(Right):
    def wait(self, task_id: str) -> None:
        for _ in range(20):
            time.sleep(2)
            if self.call("GET", f"/v1/tasks/{task_id}")["status"] == "completed":
                return
        raise TimeoutError


class Endless(Right):
    def wait(self, task_id: str) -> None:
        while self.call("GET", f"/v1/tasks/{task_id}")["status"] != "completed":
            time.sleep(3)


class Leaky(Right):
    def submit(self) -> str:
        sys.stdout.write(f"{dict(self.context.headers)}\n")
        return super().submit()


class BelievesProgress(Right):
    """Whoever looks every 3 s has to see a task that still runs."""

    def wait(self, task_id: str) -> None:
        while True:
            time.sleep(self.interval_s)
            task = self.call("GET", f"/v1/tasks/{task_id}")
            if task.get("progress") == 100 or task["status"] in ("completed", "failed", "cancelled"):
                break
        if task["status"] != "completed":
            raise RuntimeError("no result")


class BelievesInReturn(Right):
    def wait(self, task_id: str) -> None:
        for _ in range(20):
            try:
                return super().wait(task_id)
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 404:
                    raise
        raise TimeoutError


WRONG = [
    (NoKey(), "lost-answer", "CLIENT-PAYS-ONCE"),
    (Busy(), "plain", "CLIENT-POLL-CADENCE"),
    (Lazy(), "slow-as-estimated", "CLIENT-POLL-CADENCE"),
    (Restless(), "answers:operation=query,status=429,wait=6", "CLIENT-RETRY-AFTER"),
    (GivesUp(), "slow-as-estimated", "CLIENT-WAITS-LONG-ENOUGH"),
    (Endless(), "service_error", "CLIENT-STOPS-AT-TERMINAL"),
    (Leaky(), "plain", "CLIENT-KEY-NOT-PRINTED"),
    (BelievesProgress(), "odd-numbers", "CLIENT-SURVIVES-WHAT-IS-OPEN"),
    (BelievesInReturn(), "task-vanishes", "CLIENT-REFUSAL-IS-FINAL"),
]


@pytest.mark.parametrize(
    ("client", "behaviour", "check_id"), WRONG, ids=[type(client).__name__ for client, *_ in WRONG]
)
def test_a_wrong_client_is_found_on_virtual_time(client: Right, behaviour: str, check_id: str) -> None:
    judge = judge_client(client, behaviours=["unknown-fields", behaviour])
    assert broken(judge) == {check_id}
    [finding] = [result.finding for result in judge.results() if result.finding]
    assert finding.when == behaviour_of(behaviour).lines


class LooksOnce(Right):
    def wait(self, task_id: str) -> None:
        time.sleep(self.interval_s)
        if self.call("GET", f"/v1/tasks/{task_id}")["status"] != "completed":
            raise RuntimeError("not yet")


def test_who_fails_where_everything_goes_well_does_not_fail_of_what_the_document_leaves_open() -> None:
    judge = judge_client(LooksOnce(), behaviours=["unknown-fields", "absent-fields", "new-values", "run-again"])
    assert broken(judge) == {"CLIENT-WAITS-LONG-ENOUGH"}
    untold = {one.check.id for one in judge.results() if one.reason == "it fails in the plain course, too"}
    assert {"CLIENT-SURVIVES-UNKNOWN-FIELDS", "CLIENT-SURVIVES-WHAT-IS-OPEN", "CLIENT-RUNS-AGAIN"} < untold


def test_a_failure_in_the_plain_course_that_no_check_knows_is_no_measure() -> None:
    def reads_another_field(base_url: str, api_key: str) -> None:
        answer = httpx.post(base_url + CREATE, json=MINIMAL, headers={"authorization": f"Bearer {api_key}"})
        raise RuntimeError(f"no video but {answer.json()['task_id']}")

    with pytest.raises(NoClientError, match=r"(?s)everything goes well, ends with an error: .*KeyError: 'task_id'"):
        judge_client(reads_another_field, behaviours=["unknown-fields"])


class LooksLate(BelievesProgress):
    interval_s = 120.0


def test_what_a_late_first_look_never_sees_is_not_judged() -> None:
    judge = Judge(checks(Layer.CLIENT))
    with InProcess(LooksLate(), profile="documented", seed=3) as played:
        campaign = Campaign(played.player, judge, str, confirm=False)
        campaign.open()
        campaign.named([behaviour_of(one) for one in ("odd-numbers", "early-results", "unknown-fields")])
    assert campaign.open_ends.keys() == {"odd-numbers", "early-results"}
    assert "it first looks 120 s after the submission" in campaign.open_ends["odd-numbers"]


def test_none_needs_to_be_drawn() -> None:
    judge = Judge(checks(Layer.CLIENT))
    with InProcess(Right(), profile="documented", seed=3) as played:
        campaign = Campaign(played.player, judge, str, confirm=False)
        campaign.open()
        campaign.drawn(0, 3)
    assert len(campaign.runs) == 1


def test_every_mistake_is_found_by_the_named_behaviours_alone() -> None:
    assert broken(judge_client(Endless(), examples=0)) == {"CLIENT-STOPS-AT-TERMINAL"}


class Batching(Right):
    """Asks by batch (observed profile)."""

    heeds_failure = True

    def wait(self, task_id: str) -> None:
        while True:
            time.sleep(3)
            [task] = self.call("POST", "/v1/tasks/batch", json={"task_ids": [task_id]})["data"]
            if task["status"] == "failed" and self.heeds_failure:
                raise RuntimeError("the task has failed")
            if task["status"] in ("completed", "failed"):
                return


class BatchingBlindly(Batching):
    heeds_failure = False


@pytest.mark.parametrize(("client", "found"), [(Batching(), set()), (BatchingBlindly(), {"CLIENT-FAILURE-IS-ERROR"})])
def test_what_a_batch_told_counts(client: Right, found: set[str]) -> None:
    behaviours = ["plain", "slow", "service_error", "lost-answer"]
    assert broken(judge_client(client, behaviours=behaviours, profile="observed")) == found


class NewKeyEachTry(Right):
    def submit(self) -> str:
        for _ in range(3):
            try:
                key = {"idempotency-key": uuid.uuid4().hex}
                return str(self.context.post(CREATE, json=MINIMAL, headers=key).raise_for_status().json()["id"])
            except (httpx.HTTPError, ValueError):
                time.sleep(3)
        raise RuntimeError("no answer")


class NewKeyOnceRefused(Right):
    """Right when an answer is lost, and right when it comes too fast; wrong when one follows the other."""

    def submit(self) -> str:
        key = uuid.uuid4().hex
        for _ in range(6):
            try:
                response = self.context.post(CREATE, json=MINIMAL, headers={"idempotency-key": key})
                if response.status_code not in PASSING:
                    return str(response.raise_for_status().json()["id"])
                self.pause(response)
                key = uuid.uuid4().hex
            except (httpx.TransportError, ValueError):
                time.sleep(3)
        raise RuntimeError("no answer")


def drawn(client: Right, examples: int, check_id: str) -> tuple[str, ...]:
    """The behaviour that is shown for a check after a campaign of drawn behaviours alone, a line a deviation."""
    judge = Judge(checks(Layer.CLIENT))
    with InProcess(client, profile="documented", seed=3) as played:
        campaign = Campaign(played.player, judge, str, confirm=False)
        campaign.open()
        campaign.drawn(examples, 3)
    [finding] = [one.finding for one in judge.results() if one.finding and one.check == check(check_id)]
    return finding.when


def test_a_drawn_behaviour_is_shrunk_to_what_matters() -> None:
    [line] = drawn(NewKeyEachTry(), 60, "CLIENT-PAYS-ONCE")
    assert "submission" in line


@pytest.mark.long
def test_what_only_two_things_together_show_is_shrunk_to_the_two() -> None:
    lost, refused = drawn(NewKeyOnceRefused(), 300, "CLIENT-PAYS-ONCE")
    assert "answer" in lost
    assert "submission" in lost
    assert "submission is answered" in refused


def test_the_message_shows_behaviour_journal_and_replay() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_client(NoKey(), behaviours=["lost-answer"])
    message = str(caught.value)
    assert "CLIENT-PAYS-ONCE" in message
    assert "the first submission is taken, and the answer lost" in message
    assert f"POST {CREATE} -> never arrived (closed_after_accept)" in message
    assert "client_contract(behaviours=['lost-answer'], seed=0" in message


def test_the_fixture_judges_a_client(evolink_client_contract: Callable[..., None]) -> None:
    evolink_client_contract(Right(), behaviours=["plain", "query-trouble"])


def test_time_is_given_back() -> None:
    before = (time.sleep, asyncio.sleep, time.monotonic, time.time)
    judge_client(Right(), behaviours=["plain"])
    assert before == (time.sleep, asyncio.sleep, time.monotonic, time.time)


class Stuck(Right):
    def wait(self, task_id: str) -> None:
        while True:
            """Does nothing at all, for ever."""


def test_a_client_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "_LIMIT_S", 0.5)
    assert broken(judge_client(Stuck(), behaviours=["plain"])) == {"CLIENT-ENDS-IN-TIME"}


def test_what_sleeps_together_sleeps_once() -> None:
    moved: list[float] = []
    virtual = VirtualTime(moved.append)

    def client() -> None:
        async def both() -> None:
            await asyncio.gather(asyncio.sleep(5), asyncio.sleep(5), asyncio.sleep(7))

        started = time.monotonic()
        asyncio.run(both())
        took.append(time.monotonic() - started)

    took: list[float] = []
    with virtual.patched():
        thread = threading.Thread(target=client)
        thread.start()
        thread.join()
    assert moved == [5, 2]
    assert 7 <= took[0] < 8


class Parallel(Right):
    """Twelve tasks at the same time, all for the same thing; each with a key of its own."""

    def __call__(self, base_url: str, api_key: str) -> None:
        asyncio.run(self.all(base_url, api_key))

    async def all(self, base_url: str, api_key: str) -> None:
        done = await asyncio.gather(*(right_async(base_url, api_key) for _ in range(12)), return_exceptions=True)
        for error in filter(None, done):
            raise error


class OneIsEnough(Parallel):
    """Is content if any of its tasks comes to something."""

    async def all(self, base_url: str, api_key: str) -> None:
        done = await asyncio.gather(*(right_async(base_url, api_key) for _ in range(3)), return_exceptions=True)
        if all(done):
            raise RuntimeError("none of them")


def test_one_failure_among_several_tasks_counts() -> None:
    judge = judge_client(OneIsEnough(), behaviours=["service_error", "first-of-several-fails"])
    assert broken(judge) == {"CLIENT-FAILURE-IS-ERROR"}
    assert not broken(judge_client(Parallel(), behaviours=["service_error", "first-of-several-fails"]))


def test_tasks_in_parallel_are_not_taken_for_repeats() -> None:
    behaviours = ["plain", "submission-busy", "no-credits", "lost-answer", "query-lost-often", "service_error"]
    assert not broken(judge_client(Parallel(), behaviours=behaviours))


class KnowsNoCancelled(Right):
    def wait(self, task_id: str) -> None:
        while self.call("GET", f"/v1/tasks/{task_id}")["status"] not in ("completed", "failed"):
            time.sleep(3)


def test_a_matter_of_taste_is_a_warning() -> None:
    with pytest.warns(ClientWarning, match="CLIENT-KNOWS-CANCELLED"):
        assert_client(KnowsNoCancelled(), behaviours=["cancelled"])


class Misspells(Right):
    def submit(self) -> str:
        return str(self.call("POST", CREATE, json={**MINIMAL, "keep_orignal_sound": True})["id"])


def test_what_has_nothing_to_do_with_a_redirect_is_not_put_down_to_it() -> None:
    with pytest.warns(ClientWarning) as warned:
        assert_client(Misspells(), behaviours=["submission-redirected", "query-redirected"])
    assert [str(one.message).partition(":")[0] for one in warned] == ["CLIENT-REQUEST-MEANT"]


@pytest.mark.parametrize("behaviour", ["submission-busy", "submission-busy-until-a-date"])
def test_what_a_client_works_counts_as_waiting(monkeypatch: pytest.MonkeyPatch, behaviour: str) -> None:
    """Its clocks go on meanwhile, the fake's don't: as if it had begun three seconds ago."""

    def waits_until(base_url: str, api_key: str) -> None:
        headers = {"authorization": f"Bearer {api_key}", "idempotency-key": uuid.uuid4().hex}
        with httpx.Client(base_url=base_url, headers=headers, verify=SSL) as api:
            while (response := api.post(CREATE, json=MINIMAL)).status_code == 429:
                asked = response.headers["retry-after"]
                waits_s = float(asked) if asked.isdigit() else parsedate_to_datetime(asked).timestamp() - time.time()
                time.sleep(max(0, waits_s))
            task_id = response.raise_for_status().json()["id"]
            while api.get(f"/v1/tasks/{task_id}").raise_for_status().json()["status"] != "completed":
                time.sleep(3)

    real_ns = time.time_ns
    monkeypatch.setattr(stage, "time", SimpleNamespace(time_ns=lambda: real_ns() - 3_000_000_000))
    assert not broken(judge_client(waits_until, examples=0, behaviours=[behaviour]))
