"""The grid of named cases: what a callback is, crossed with how it comes. `--case` plays one by its name."""

from contract_tests.receiver import probes, repeats
from contract_tests.receiver.bodies import BODIES, UNKNOWN_VALUES
from contract_tests.receiver.hostile import HOSTILE
from contract_tests.receiver.probes import DUPLICATE, FAILED_IS_NOT_SUCCESS, ORDER, UNKNOWN_TASK, WHOLE_ID, Probe
from contract_tests.receiver.repeats import AT_ONCE, LEAVES, PARALLEL, RESPELT
from contract_tests.receiver.stock import CANCELLED, COMPLETED, FAILURES
from contract_tests.receiver.trial import RETRY

FAILED = FAILURES[0]
_ENDS = {"completed": COMPLETED, "failed": FAILED, "cancelled": CANCELLED}
_MIXED = (COMPLETED, FAILED, COMPLETED, CANCELLED) * 2

BODY_CASES = {name: probes.told(body) for name, body in BODIES.items()}
"""Every body once, and its copy."""

STATUS_CASES = {
    "status-cancelled": Probe(
        (UNKNOWN_VALUES, FAILED_IS_NOT_SUCCESS),
        probes.status("cancelled", CANCELLED),
        "the status cancelled, which only some documents have",
    ),
    "new-status": Probe(
        (UNKNOWN_VALUES, FAILED_IS_NOT_SUCCESS),
        probes.status("brand_new", COMPLETED),
        "a status that no document has",
    ),
    "unknown-task": Probe((UNKNOWN_TASK,), probes.unknown_task, "a task that the receiver was not told of"),
}

REPEAT_CASES = {
    **{
        f"copy-later/{name}": Probe((DUPLICATE,), repeats.copy_later(kind), f"{name}, another task, and a copy")
        for name, kind in _ENDS.items()
    },
    **{
        f"copy-respelt/{name}": Probe((RESPELT,), repeats.copy_respelt(kind), f"{name}, and a copy in other bytes")
        for name, kind in _ENDS.items()
    },
    **{
        f"own-failure/{name}": Probe((RETRY,), repeats.own_failure(kind, 1), f"{name}, which the receiver fails once")
        for name, kind in _ENDS.items()
    },
    "own-failure/twice": Probe((RETRY,), repeats.own_failure(COMPLETED, 2), "completed, which it fails twice"),
    "own-failure/copy": Probe((DUPLICATE,), repeats.own_failure_at_copy, "a copy that the receiver fails"),
    **{
        f"sender-leaves/{name}": Probe(
            (LEAVES,), repeats.sender_leaves(kind), f"{name}; the sender hangs up before the answer, and comes again"
        )
        for name, kind in _ENDS.items()
    },
}

ORDER_CASES = {
    "later-first": Probe((ORDER,), probes.later_first, "two tasks, the later one first"),
    "report-before": Probe((ORDER,), probes.report_before, "a report of a task that goes on, and then its end"),
    **{
        f"report-after/{name}": Probe((ORDER,), probes.report_after(kind), f"{name}, and then an older report")
        for name, kind in _ENDS.items()
    },
}

ID_CASES = {
    "ids/letter-case": Probe(
        (WHOLE_ID,),
        probes.alike(lambda one: f"{one}a", lambda one: f"{one[:-1]}A"),
        "two ids that differ in the case of a letter",
    ),
    "ids/one-in-the-other": Probe(
        (WHOLE_ID,), probes.alike(str, lambda one: f"{one}0"), "an id that is the beginning of another"
    ),
    "ids/same-ending": Probe((WHOLE_ID,), probes.alike(str, probes.a_second_later), "two ids with the same ending"),
    "ids/same-second": Probe((WHOLE_ID,), probes.same_second, "two tasks that were created in the same second"),
    "ids/long": Probe(
        (WHOLE_ID,),
        probes.alike(lambda one: f"{one}{'x' * 90}1", lambda one: f"{one[:-1]}2"),
        "two ids of over 100 characters that differ in the last",
    ),
}

AT_ONCE_CASES = {
    **{
        f"at-once/{name}": Probe(
            (AT_ONCE,), repeats.copies_at_once(kind), f"{repeats.COPIES} copies of {name} at the same time"
        )
        for name, kind in _ENDS.items()
    },
    "together/completed": Probe(
        (PARALLEL,), repeats.parallel((COMPLETED,) * len(_MIXED)), f"{len(_MIXED)} tasks at the same time"
    ),
    "together/mixed": Probe((PARALLEL,), repeats.parallel(_MIXED), f"{len(_MIXED)} tasks of every end at once"),
}
"""A race does not show every time, so a run plays these more than once."""

LATE_CASES = {
    "copy-much-later": Probe(
        (DUPLICATE,),
        repeats.copies_much_later(tuple(_ENDS.values())),
        "a task of every end, hundreds of others, and copies of the first",
    )
}

EARLY = {**BODY_CASES, **STATUS_CASES, **REPEAT_CASES, **ORDER_CASES, **ID_CASES}
"""Before the drawn sequences."""
LATE = {**AT_ONCE_CASES, **LATE_CASES, **HOSTILE}
"""After them: what they found decides what these can tell; and some do not survive the last."""
CASES = EARLY | LATE


OWN_WORDS = frozenset(
    {"sparse", "images", "audio", "new-code", "new-model", "long-link", "long-message", *STATUS_CASES}
) - {"unknown-task"}
"""The cases that speak as this API does, and so say nothing to a receiver of another provider."""


def owner_of(name: str) -> str:
    """The check that a case is there for."""
    return CASES[name].owns[0]
