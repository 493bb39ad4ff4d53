"""Which slots the parts of an answer speak for."""

from mockserver.log.slot import SLOTS
from mockserver.web.nodes.coverage import bits, missing, read_head


def test_each_slot_is_spoken_for_once() -> None:
    even, odd = range(0, SLOTS, 2), range(1, SLOTS, 2)
    assert missing([bits(even), bits(odd)]) == ([], False)
    assert missing([bits(even), bits(odd[:-2])]) == ([SLOTS - 3, SLOTS - 1], False)
    assert missing([bits(even), bits(odd), bits([7])]) == ([], True)


def test_the_head_of_an_answer_tells_its_slots() -> None:
    head = f"HTTP/1.1 200 OK\r\nx-mock-slots: {bits([0, 9, 4095]):x}\r\n\r\n"
    assert read_head(head.encode()) == bits([0, 9, 4095])
    assert read_head(b"HTTP/1.1 421 Misdirected Request\r\n\r\n") == 0
