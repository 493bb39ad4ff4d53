"""Behaviours drawn by Hypothesis: a few deviations together, shrinking towards fewer and simpler ones."""

from hypothesis import strategies as st

from contract_tests.client.behaviour import (
    FAILURES,
    Answers,
    Behaviour,
    Breaks,
    Callbacks,
    Deviation,
    Fails,
    LinkExpires,
    NoCredits,
    Operation,
    Queued,
    Slow,
    UnknownFields,
    Vanishes,
)

MOST = 3
_STATUSES = (429, 500, 502, 503)
_QUICK_FAULTS = ("closed_before_answer", "closed_after_accept", "truncated_body", "malformed_json")


def deviations(*, callbacks: bool) -> st.SearchStrategy[Deviation]:
    """One deviation that asks for little patience at a time. Trouble is drawn more often than what is quiet."""
    kinds: list[st.SearchStrategy[Deviation]] = [
        st.just(UnknownFields()),
        _trouble(Operation.QUERY, skip=st.integers(0, 1)),
        _trouble(Operation.SUBMISSION, skip=st.just(0)),
        st.builds(Fails, code=st.sampled_from(FAILURES), first=st.booleans()),
        st.builds(Slow, seconds=st.integers(3, 8)),
        st.builds(Queued, seconds=st.integers(1, 5)),
        st.builds(Vanishes, after=st.integers(0, 2)),
        st.builds(LinkExpires, seconds=st.sampled_from((0, 4))),
        st.just(NoCredits()),
    ]
    if callbacks:
        kinds.append(
            st.builds(Callbacks, delay=st.integers(0, 30), copies=st.integers(0, 3), overtaken=st.booleans())
        )
    return st.one_of(kinds)


def _trouble(operation: Operation, skip: st.SearchStrategy[int]) -> st.SearchStrategy[Deviation]:
    """An error, or a fault on the wire, once or twice."""
    these, times = st.just(operation), st.integers(1, 2)
    wait, date = st.integers(0, 2), st.just(False)
    return st.one_of(
        st.builds(Answers, these, status=st.sampled_from(_STATUSES), times=times, skip=skip, wait=wait, date=date),
        st.builds(Breaks, these, fault=st.sampled_from(_QUICK_FAULTS), times=times, skip=skip),
    )


def behaviours(*, callbacks: bool = False) -> st.SearchStrategy[Behaviour]:
    """One to MOST deviations, of one kind not twice for the same operation (a task can't fail with two codes)."""
    several = st.lists(deviations(callbacks=callbacks), min_size=1, max_size=MOST, unique_by=_sort)
    return several.map(lambda drawn: Behaviour(tuple(drawn)))


def _sort(deviation: Deviation) -> tuple[str, str]:
    return deviation.kind, str(getattr(deviation, "operation", ""))
