"""Credits: reserved, then charged or released exactly once, and never out of balance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.simulation import ledger
from mockserver.simulation.command import Steer
from mockserver.simulation.ledger import BOTH, TOKEN, USER, Balance, Book, Kind, Transfer
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.task import Event, Task
from tests.orders import DAY_MS, START_MS, WORK_MS, accepted, new_world, pass_to, submit, terms

AMOUNT = 70_000


def book_of(available_uc: int, token_uc: int | None = None) -> Book:
    book = Book.opened(available_uc, at_ms=0)
    if token_uc is not None:
        book.limit_token(token_uc, at_ms=0)
    return book


def reserved(book: Book, task_id: str = "task", amount_uc: int = AMOUNT) -> Task:
    """A task whose reservation this book has just accepted."""
    task = draft(book, task_id, amount_uc)
    assert book.reserve(task) is None
    return task


def refusal(book: Book) -> Refusal | None:
    return book.reserve(draft(book, "task", AMOUNT))


def draft(book: Book, task_id: str, amount_uc: int) -> Task:
    times = {"submitted_ms": 1, "starts_ms": 1, "ends_ms": 2}
    return Task(id=task_id, terms=terms(reserve_uc=amount_uc), held_from=book.account, **times)


def parts(balance: Balance | None) -> tuple[int, int, int, int]:
    """(granted, available, reserved, charged)."""
    assert balance is not None
    return balance.granted, balance.available, balance.reserved, balance.charged


def test_what_is_granted_is_available() -> None:
    assert parts(book_of(100).user) == (100, 100, 0, 0)


def test_reserving_moves_credits_from_available_to_reserved() -> None:
    book = book_of(AMOUNT + 1)
    assert refusal(book) is None
    assert parts(book.user) == (AMOUNT + 1, 1, AMOUNT, 0)


def test_charging_moves_the_reservation_to_charged() -> None:
    book = book_of(AMOUNT)
    book.charge(reserved(book), at_ms=2)
    assert parts(book.user) == (AMOUNT, 0, 0, AMOUNT)


def test_releasing_gives_the_reservation_back() -> None:
    book = book_of(AMOUNT)
    book.release(reserved(book), at_ms=2)
    assert parts(book.user) == (AMOUNT, AMOUNT, 0, 0)


@pytest.mark.parametrize("first", ["charge", "release"])
@pytest.mark.parametrize("second", ["charge", "release"])
def test_a_reservation_that_ends_twice_is_noticed(first: str, second: str) -> None:
    book = book_of(AMOUNT)
    task = reserved(book)
    getattr(book, first)(task, at_ms=2)
    with pytest.raises(AssertionError, match="out of balance"):
        getattr(book, second)(task, at_ms=3)


@pytest.mark.parametrize("first", [Event.COMPLETE, Event.FAIL, Event.CANCEL])
@pytest.mark.parametrize("second", [Event.COMPLETE, Event.FAIL, Event.CANCEL, None], ids=str)
def test_a_reservation_ends_only_once(first: Event, second: Event | None) -> None:
    """Not a second time by hand, and (None) not by the timeline; also where others are open."""
    world = new_world()
    task, _ = accepted(world, submit()), accepted(world, submit(terms=terms(work_ms=DAY_MS)))
    world.apply(Steer(at_ms=START_MS, task_id=task.id, event=first))
    before, count = parts(world.book.user), len(world.book.transfers)
    if second:
        world.apply(Steer(at_ms=START_MS, task_id=task.id, event=second))
    pass_to(world, 2 * WORK_MS)
    assert (parts(world.book.user), len(world.book.transfers)) == (before, count)


def test_exactly_enough_is_enough() -> None:
    assert refusal(book_of(AMOUNT)) is None


def test_one_uc_too_little_is_refused_and_moves_nothing() -> None:
    book = book_of(AMOUNT - 1)
    assert refusal(book) is Refusal.INSUFFICIENT_CREDITS
    assert parts(book.user) == (AMOUNT - 1, AMOUNT - 1, 0, 0)
    assert (book.held_uc, len(book.transfers)) == (0, 1)


def test_a_token_with_exactly_enough_lets_through() -> None:
    book = book_of(10 * AMOUNT, token_uc=AMOUNT)
    assert refusal(book) is None
    assert (parts(book.token), book.user.reserved) == ((AMOUNT, 0, AMOUNT, 0), AMOUNT)


def test_a_token_one_uc_short_is_refused_and_moves_neither_balance() -> None:
    book = book_of(10 * AMOUNT, token_uc=AMOUNT - 1)
    assert refusal(book) is Refusal.INSUFFICIENT_TOKEN_CREDITS
    assert (book.user.reserved, book.token and book.token.reserved, book.held_uc) == (0, 0, 0)


def test_the_users_balance_is_judged_before_the_tokens() -> None:
    book = book_of(AMOUNT - 1, token_uc=AMOUNT - 1)
    assert refusal(book) is Refusal.INSUFFICIENT_CREDITS


@pytest.mark.parametrize(
    ("end", "expected"), [("charge", (AMOUNT, 0, 0, AMOUNT)), ("release", (AMOUNT, AMOUNT, 0, 0))]
)
def test_user_and_token_end_together(end: str, expected: tuple[int, ...]) -> None:
    book = book_of(AMOUNT, token_uc=AMOUNT)
    getattr(book, end)(reserved(book), at_ms=2)
    assert parts(book.user) == parts(book.token) == expected


def test_a_limit_set_while_a_task_runs_leaves_that_task_to_the_user() -> None:
    book = book_of(3 * AMOUNT)
    before = reserved(book, "before")
    book.limit_token(AMOUNT, at_ms=2)
    after = reserved(book, "after")
    book.charge(before, at_ms=4)
    assert parts(book.token) == (AMOUNT, 0, AMOUNT, 0)
    book.charge(after, at_ms=5)
    assert (parts(book.token), book.user.charged) == ((AMOUNT, 0, 0, AMOUNT), 2 * AMOUNT)


def test_a_limit_lifted_while_a_task_runs_leaves_the_charge_to_the_user() -> None:
    book = book_of(AMOUNT, token_uc=AMOUNT)
    task = reserved(book)
    book.limit_token(None, at_ms=2)
    book.charge(task, at_ms=3)
    assert (book.token, parts(book.user)) == (None, (AMOUNT, 0, 0, AMOUNT))
    assert book.held_uc == 0


def test_a_limit_set_again_knows_the_open_reservations_made_under_it() -> None:
    book = book_of(3 * AMOUNT, token_uc=2 * AMOUNT)
    under_a_limit = reserved(book, "under a limit")
    book.limit_token(None, at_ms=2)
    without = reserved(book, "without")
    book.limit_token(5, at_ms=4)
    assert parts(book.token) == (AMOUNT + 5, 5, AMOUNT, 0)
    for task in (under_a_limit, without):
        book.release(task, at_ms=5)
    assert parts(book.token) == (AMOUNT + 5, AMOUNT + 5, 0, 0)


@pytest.mark.parametrize("available", [0, 5, 2 * AMOUNT])
def test_setting_what_is_available_leaves_reserved_and_charged(available: int) -> None:
    book = book_of(3 * AMOUNT)
    charged, _ = reserved(book, "charged"), reserved(book, "open")
    book.charge(charged, at_ms=2)
    book.set_available(USER, available, at_ms=3)
    assert parts(book.user) == (available + 2 * AMOUNT, available, AMOUNT, AMOUNT)


def test_setting_what_is_there_already_writes_no_transfer() -> None:
    book = book_of(AMOUNT)
    book.set_available(USER, AMOUNT, at_ms=1)
    assert [transfer.kind for transfer in book.transfers] == [Kind.GRANT]


def test_every_move_is_one_immutable_transfer() -> None:
    book = book_of(3 * AMOUNT, token_uc=2 * AMOUNT)
    book.charge(reserved(book, "a"), at_ms=2)
    book.set_available(TOKEN, 0, at_ms=3)
    assert [(one.kind, one.amount_uc, one.account, one.task_id, one.at_ms) for one in book.transfers] == [
        (Kind.GRANT, 3 * AMOUNT, USER, None, 0),
        (Kind.GRANT, 2 * AMOUNT, TOKEN, None, 0),
        (Kind.PENDING, AMOUNT, BOTH, "a", 1),
        (Kind.POSTED, AMOUNT, BOTH, "a", 2),
        (Kind.WITHDRAW, AMOUNT, TOKEN, None, 3),
    ]
    with pytest.raises(AttributeError):
        book.transfers[0].amount_uc = 1  # type: ignore[misc]


def test_the_history_is_bounded_and_the_balances_are_not_touched_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "HISTORY_LIMIT", 10)
    book = book_of(1_000)
    for number in range(50):
        book.charge(reserved(book, str(number), 2), at_ms=number)
    assert [transfer.task_id for transfer in book.transfers] == [str(n) for n in range(45, 50) for _ in "ab"]
    assert parts(book.user) == (1_000, 900, 0, 100)


def test_the_default_history_is_bounded() -> None:
    assert book_of(1).entries.maxlen == ledger.HISTORY_LIMIT == 1_000


@pytest.mark.parametrize("bucket", ["granted", "available", "reserved", "charged"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_corrupted_balance_is_noticed_at_the_next_transfer(bucket: str, by: int) -> None:
    book = book_of(10 * AMOUNT)
    task = reserved(book)
    setattr(book.user, bucket, getattr(book.user, bucket) + by)
    with pytest.raises(AssertionError, match="out of balance"):
        book.charge(task, at_ms=2)


def test_no_bucket_ever_falls_below_zero() -> None:
    with pytest.raises(AssertionError, match="out of balance"):
        Balance(granted=1, available=1).move(Kind.PENDING, 2)


MOVES = {
    Kind.GRANT: (33, 13, 10, 10),
    Kind.WITHDRAW: (27, 7, 10, 10),
    Kind.PENDING: (30, 7, 13, 10),
    Kind.POSTED: (30, 10, 7, 13),
    Kind.VOIDED: (30, 13, 7, 10),
}
"""What (30, 10, 10, 10) becomes by 3 uc of each kind."""


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_moves_credits_between_two_buckets(kind: Kind) -> None:
    balance = Balance(granted=30, available=10, reserved=10, charged=10)
    balance.move(kind, 3)
    assert parts(balance) == MOVES[kind]


ENDS = st.sampled_from(["charge", "release", "open"])


@given(st.lists(st.tuples(ENDS, st.integers(0, 400)), max_size=30))
def test_the_transfers_alone_make_the_balances_again(ends: list[tuple[str, int]]) -> None:
    book = book_of(2_000, token_uc=1_000)
    for number, (end, amount) in enumerate(ends):
        task = draft(book, str(number), amount)
        if book.reserve(task) is None and end != "open":
            getattr(book, end)(task, at_ms=number)
    for account, balance in ((USER, book.user), (TOKEN, book.token)):
        assert parts(balance) == summed([one for one in book.transfers if account in one.account.split("+")])


@given(st.lists(st.tuples(ENDS, st.integers(0, 400), st.none() | st.integers(0, 1_000)), max_size=30))
def test_what_is_held_is_what_the_open_reservations_made_under_a_limit_hold(
    ends: list[tuple[str, int, int | None]],
) -> None:
    """Whatever limits come and go meanwhile; a limit that is there holds just that much."""
    book = book_of(2_000)
    held: dict[str, int] = {}
    waiting: list[tuple[str, Task]] = []
    for number, (end, amount, limit) in enumerate(ends):
        book.limit_token(limit, at_ms=number)
        task = draft(book, str(number), amount)
        if book.reserve(task) is None:
            held |= {task.id: amount} if task.held_from == BOTH else {}
            waiting.append((end, task))
        if number % 2 and waiting:
            ending, oldest = waiting.pop(0)
            if ending != "open":
                getattr(book, ending)(oldest, at_ms=number)
                held.pop(oldest.id, None)
        assert book.held_uc == sum(held.values())
        assert book.token is None or book.token.reserved == book.held_uc


def summed(transfers: list[Transfer]) -> tuple[int, int, int, int]:
    """(granted, available, reserved, charged) as the transfers add up."""
    total = {kind: sum(one.amount_uc for one in transfers if one.kind is kind) for kind in Kind}
    granted = total[Kind.GRANT] - total[Kind.WITHDRAW]
    reserved = total[Kind.PENDING] - total[Kind.POSTED] - total[Kind.VOIDED]
    return granted, granted - reserved - total[Kind.POSTED], reserved, total[Kind.POSTED]
