"""Behaviours drawn by Hypothesis: a few deviations together, shrinking towards fewer and simpler ones."""

from hypothesis import strategies as st

from contract_tests.client.behaviours import openings
from contract_tests.client.behaviours.behaviour import Behaviour
from contract_tests.client.behaviours.deviation import Deviation, Operation
from contract_tests.client.behaviours.fates import FAILURES, Callbacks, Fails, LinkExpires, NoCredits, Queued, Slow
from contract_tests.client.behaviours.troubles import FORMS, Answers, Breaks, LinkDies, Vanishes

MOST = 3
_STATUSES = (429, 500, 502, 503)
_QUICK_FAULTS = (
    "closed_before_answer",
    "closed_after_accept",
    "reset",
    "cut_head",
    "truncated_body",
    "short_length",
    "malformed_json",
)
_OPENINGS = (
    openings.UnknownFields(),
    openings.AbsentFields(),
    openings.OddNumbers(),
    openings.EarlyResults(),
    openings.EmptyResults(),
    openings.LowerCaseHeaders(),
)
_ASKED = frozenset({Operation.SUBMISSION, Operation.QUERY})


def deviations(*, callbacks: bool, asked: frozenset[Operation] = _ASKED) -> st.SearchStrategy[Deviation]:
    """One deviation that asks for little patience at a time, of what this client asks. Trouble is drawn more often
    than what is quiet."""
    kinds: list[st.SearchStrategy[Deviation]] = [
        st.sampled_from(_OPENINGS),
        _trouble(Operation.QUERY, skip=st.integers(0, 1)),
        _trouble(Operation.SUBMISSION, skip=st.just(0)),
        st.builds(Fails, code=st.sampled_from(FAILURES), first=st.booleans()),
        st.builds(Slow, seconds=st.integers(3, 8)),
        st.builds(Queued, seconds=st.integers(1, 5)),
        st.builds(Vanishes, after=st.integers(0, 2)),
        st.builds(LinkExpires, seconds=st.sampled_from((0, 4))),
        st.just(NoCredits()),
    ]
    kinds += [_trouble(one, skip=st.just(0)) for one in sorted(asked - _ASKED - {Operation.OTHER})]
    if Operation.FETCH in asked:
        kinds.append(st.builds(LinkDies, status=st.sampled_from((403, 404, 410)), renewed=st.booleans()))
    if callbacks:
        late = st.builds(Callbacks, delay=st.integers(0, 30), copies=st.integers(0, 3), overtaken=st.booleans())
        kinds.append(late)
    return st.one_of(kinds)


def _trouble(operation: Operation, skip: st.SearchStrategy[int]) -> st.SearchStrategy[Deviation]:
    """An error, or a fault on the wire, once or twice."""
    these, times = st.just(operation), st.integers(1, 2)
    wait = st.just(0) if operation is Operation.FETCH else st.integers(0, 2)
    form = st.sampled_from(FORMS)
    return st.one_of(
        st.builds(Answers, these, status=st.sampled_from(_STATUSES), times=times, skip=skip, wait=wait, form=form),
        st.builds(Breaks, these, fault=st.sampled_from(_QUICK_FAULTS), times=times, skip=skip),
    )


def behaviours(*, callbacks: bool = False, asked: frozenset[Operation] = _ASKED) -> st.SearchStrategy[Behaviour]:
    """One to MOST deviations, of one kind not twice for the same operation (a task can't fail with two codes)."""
    several = st.lists(deviations(callbacks=callbacks, asked=asked), min_size=1, max_size=MOST, unique_by=_sort)
    return several.map(lambda drawn: Behaviour(tuple(drawn)))


def _sort(deviation: Deviation) -> tuple[str, str]:
    return deviation.kind, str(getattr(deviation, "operation", ""))
