"""The checks of clients that the journal alone can tell, on whatever talked to a mock."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from contract_tests.check import Layer, checks
from contract_tests.client.verdicts import Judgement, judgements
from contract_tests.contract.silence import of_clients
from contract_tests.exchange import abridged
from contract_tests.judge import BrokenPromiseError, Judge
from contract_tests.report import Report
from contract_tests.traffic.source import Traffic
from contract_tests.traffic.talks import Talk, talks_of, without_scripted

VALID, MEANT = "CLIENT-REQUEST-VALID", "CLIENT-REQUEST-MEANT"
TOLD = frozenset(
    {
        VALID,
        MEANT,
        "CLIENT-PAYS-ONCE",
        "CLIENT-KEY-STAYS",
        "CLIENT-STOPS-AT-TERMINAL",
        "CLIENT-REFUSAL-IS-FINAL",
    }
)
"""What requests and answers tell by themselves."""
TIMED = frozenset({"CLIENT-RETRY-AFTER", "CLIENT-POLL-CADENCE", "CLIENT-NO-BUSY-LOOP", "CLIENT-FETCHES-IN-TIME"})
"""What only the times tell at which they came."""
_NEEDS_END = "only how a program ends, or what it prints, can tell", "contract-tests client -- COMMAND"
_BY_HAND = (
    "the clock is moved by hand, so no waiting shows in the journal",
    "a mock whose clock goes by itself (--clock real)",
)
_EMPTY = (
    "the journal is empty: nothing has talked to this mock, or it was reset, as the fixtures of pytest do after each "
    "test: there, pytest --evolink-judge"
)
_SHOWN = 20
"""Lines of the journal that a finding shows."""


def judge_traffic(traffic: Traffic, subject: str) -> Report:
    """One report for all keys. Nothing came, nothing is judged."""
    started, began = datetime.now(UTC), time.monotonic()
    judge = Judge(checks(Layer.CLIENT), silent=of_clients(traffic.contract))
    talks = talks_of(traffic)
    for talk in talks:
        _judge(judge, talk, traffic)
    for check in judge.checks:
        if check.id not in TOLD | TIMED:
            judge.not_judged(check.id, *_NEEDS_END)
        elif check.id in TIMED and traffic.by_hand:
            judge.not_judged(check.id, *_BY_HAND)
    return Report(
        title="Traffic",
        subject=subject,
        started=started,
        elapsed_s=time.monotonic() - began,
        seed=0,
        results=judge.results(),
        facts=_facts(traffic, talks),
        exchanges=tuple(entry.exchange() for talk in talks for entry in talk.entries),
        aborted="" if talks else _EMPTY,
    )


def _facts(traffic: Traffic, talks: list[Talk]) -> dict[str, str]:
    facts = {
        "model": f"{traffic.contract.model} ({traffic.contract.source})",
        "requests": f"{len(traffic.requests):,}",
        "keys": f"{len({talk.tenant for talk in talks} - {''}):,}",
        "tasks": f"{sum(len(talk.accepted) for talk in talks):,}",
    }
    cut = f"the journal keeps {traffic.bound:,} requests: older ones are not judged"
    return facts | ({"beginning": cut} if traffic.is_cut else {})


def _judge(judge: Judge, talk: Talk, traffic: Traffic) -> None:
    for judgement in _told(talk, traffic):
        try:
            judge.that(judgement.check_id, judgement.holds, judgement.received, judgement.allowed)
        except BrokenPromiseError as broken:
            notes = abridged([str(entry) for entry in talk.entries], _SHOWN)
            steps = [entry.exchange() for entry in judgement.entries]
            judge.found(broken, steps=steps, notes=notes, when=[_about(talk)])


def _told(talk: Talk, traffic: Traffic) -> Iterator[Judgement]:
    """What the journal tells of one talk. A refusal that a test made the mock give says nothing of the request."""
    known = TOLD if talk.tenant in traffic.by_hand else TOLD | TIMED
    for one in judgements(talk.run()):
        if one.check_id in known - {VALID} and (one.check_id != MEANT or _is_of(traffic, one)):
            yield one
    yield from (one for one in judgements(without_scripted(talk).run()) if one.check_id == VALID)


def _is_of(traffic: Traffic, judgement: Judgement) -> bool:
    """Whether its requests are of what the document describes: the names of other models are their own documents'."""
    create = traffic.contract.create
    return all(create.fits(*entry.target) for entry in judgement.entries)


def _about(talk: Talk) -> str:
    tasks = ", ".join(str(entry.record["task_id"]) for entry in talk.accepted[:3])
    key = f"key ...{talk.tenant}" if talk.tenant else "no valid key"
    return f"{key}, {tasks}" if tasks else key


def without_older(traffic: Traffic, sequence: int) -> Traffic:
    """What came after this request."""
    return replace(traffic, requests=tuple(one for one in traffic.requests if one["sequence"] > sequence))
