"""Clients in this process may set what programs set: handlers of signals, and alarms on virtual time."""

import asyncio
import signal

from contract_tests.client.inprocess import judge_client
from tests.right_client import Right
from tests.test_client_inprocess import broken, right_async


class Careful(Right):
    """Sets what programs set at their start: handlers, and an alarm as a time-out for all of it."""

    limit_s = 900

    def __call__(self, base_url: str, api_key: str) -> None:
        before = signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGALRM, self.stop)
        signal.alarm(self.limit_s)
        super().__call__(base_url, api_key)
        assert 0 < signal.alarm(0) <= self.limit_s
        assert signal.signal(signal.SIGTERM, before) == self.stop

    def stop(self, number: int, frame: object) -> None:
        raise TimeoutError(f"signal {number}")


class Hasty(Careful):
    limit_s = 30


async def right_with_signals(base_url: str, api_key: str) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, loop.stop)
    await right_async(base_url, api_key)
    assert loop.remove_signal_handler(signal.SIGTERM)


def test_a_client_may_set_signals() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]
    assert not broken(judge_client(Careful(), behaviours=["plain", "slow", "service_error"]))
    assert not broken(judge_client(right_with_signals, behaviours=["plain", "slow"]))
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)]


def test_an_alarm_rings_on_virtual_time() -> None:
    judge = judge_client(Hasty(), behaviours=["slow-as-estimated"])
    assert broken(judge) == {"CLIENT-WAITS-LONG-ENOUGH"}


def test_an_alarm_that_nobody_handles_ends_the_client_and_not_the_process() -> None:
    def client(base_url: str, api_key: str) -> None:
        signal.alarm(5)
        Right()(base_url, api_key)

    assert broken(judge_client(client, behaviours=["slow"])) == {"CLIENT-WAITS-LONG-ENOUGH"}
