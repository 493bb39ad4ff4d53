"""Whose turn it is, whatever was put, sent and dropped before."""

from mockserver.runtime.delivery.lanes import Dispatch, Lanes


def dispatch(owner: str) -> Dispatch:
    return Dispatch(
        delivery_id="d1",
        attempt=1,
        url="http://receiver.example/hook",
        render=lambda: b"{}",
        now_ms=lambda: 0,
        timeout_ms=1000,
        owner=owner,
    )


def test_a_receiver_whose_waiting_attempts_were_dropped_is_sent_to_again() -> None:
    lanes = Lanes(2)
    lanes.put(dispatch("forgotten"))
    lanes.drop("forgotten")
    lanes.put(dispatch("new"))
    taken = lanes.take()
    assert taken is not None
    assert taken[1].owner == "new"
    assert lanes.waiting == 0
