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


def deviations(*, callbacks: bool, wait_s: int = 2) -> st.SearchStrategy[Deviation]:
    """One deviation that asks for at most `wait_s` seconds of patience at a time."""
    times, skip = st.integers(1, 2), st.integers(0, 1)
    answers = st.builds(
        Answers,
        operation=st.sampled_from(sorted(Operation)),
        status=st.sampled_from(_STATUSES),
        times=times,
        skip=skip,
        wait=st.integers(0, wait_s),
        date=st.just(False),
    )
    kinds: list[st.SearchStrategy[Deviation]] = [
        st.just(UnknownFields()),
        st.builds(Slow, seconds=st.integers(3, 8)),
        st.builds(Fails, code=st.sampled_from(FAILURES)),
        answers,
        st.builds(
            Breaks,
            operation=st.sampled_from(sorted(Operation)),
            fault=st.sampled_from(_QUICK_FAULTS),
            times=times,
            skip=skip,
        ),
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


def behaviours(*, callbacks: bool = False, wait_s: int = 2) -> st.SearchStrategy[Behaviour]:
    """One to MOST deviations, of one kind not twice (a task can't fail with two codes)."""
    one = deviations(callbacks=callbacks, wait_s=wait_s)
    several = st.lists(one, min_size=1, max_size=MOST, unique_by=lambda deviation: deviation.kind)
    return several.map(lambda drawn: Behaviour(tuple(drawn)))
