"""The catalogue judged as the live API is: what a few tasks can show is found, what nobody can make happen is said to
be not judged, and the plan's bound holds by the fake's own ledger."""

from pathlib import Path

import pytest

from contract_tests.judge import Outcome
from contract_tests.server.course import course
from contract_tests.server.probes.probe import Need
from contract_tests.server.run import LAYERS
from tests.bad_servers.as_live import Judged, judged_as_live
from tests.bad_servers.house import Bad
from tests.test_bad_servers import BAD, BAD_SCHEMAS, needs_patience

ALL: dict[str, Bad] = {**BAD, **BAD_SCHEMAS}
BEYOND = {
    "a few tasks": {
        "rarely_without_results",
        "rarely_charged_twice",
        "forgets_tasks",
        "ids_again",
        "html_now_and_then",
    },
    "the time that a run may take": {"never_ends"},
    "a minute": {"progress_falls_late", "links_move", "completed_fails_later", "links_die_early"},
    "the one video and image given": {"mov_is_refused", "webp_is_refused", "rounded_to_9", "whole_credits"},
    "the one failure that can be provoked": {"unknown_failure", "silent_on_cancel"},
    "a purse that is not empty": {"negative", "refused_402_reserves"},
    "tasks that have ended, submitted in the same second": {"oldest_first", "list_is_stale", "list_is_late"},
    "requests without a text that a program can't hold": {"crashes_on_nul"},
    "the models that the key may use": {"models_of_all"},
    "ended tasks in a list": {"pending_left_out"},
    "a few callbacks": {"one_in_twenty_twice", "one_in_twenty_lost"},
    "another answer than these": {"truncated_now_and_then", "cut_now_and_then", "without_message"},
}
"""What is broken only beyond this, and so is not seen in a live run of a few tasks."""
UNSEEN = frozenset[str]().union(*BEYOND.values())
SHARE = 2 / 3


NEVER_CAUSED = {"BILLING-RELEASED-ON-CANCEL", "RATE-LIMIT-RESERVES-NOTHING", "BILLING-TOKEN-LIMIT"}
"""Differences between balances that the auditor would name, if only somebody could make them happen."""


def _out_of_reach() -> set[str]:
    """Those whose promise only a control API can put to the test: the run says so of its check."""
    probes = course(LAYERS, frozenset(), has_control=False).probes
    steered = {check_id for one in probes if Need.CONTROL in one.needs for check_id in one.judges}
    reached = {check_id for one in probes if Need.CONTROL not in one.needs for check_id in one.judges}
    return {name for name, bad in ALL.items() if bad.owner in steered - reached | NEVER_CAUSED} - UNSEEN


OUT_OF_REACH = _out_of_reach()
FOUND = sorted(ALL.keys() - UNSEEN - OUT_OF_REACH)


def judged(name: str, folder: Path) -> Judged:
    done = judged_as_live(ALL[name], folder, quick=not needs_patience(ALL[name]))
    assert done.spent_uc <= done.most_uc
    return done


def test_most_of_the_catalogue_is_within_reach() -> None:
    assert ALL.keys() >= UNSEEN
    assert len(FOUND) >= SHARE * len(ALL), f"{len(FOUND)} of {len(ALL)}"


@pytest.mark.parametrize("name", ["links_once", "any_size"])
def test_one_is_found_as_live(name: str, tmp_path: Path) -> None:
    assert judged(name, tmp_path).report.of(Outcome.BROKEN)


@pytest.mark.long
@pytest.mark.parametrize("name", FOUND)
def test_it_is_found_as_live(name: str, tmp_path: Path) -> None:
    report = judged(name, tmp_path).report
    owner = next(one for one in report.results if one.check.id == ALL[name].owner)
    if "too busy" in owner.reason:
        pytest.skip(owner.reason)
    assert report.of(Outcome.BROKEN) or report.of(Outcome.WARNED)


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(OUT_OF_REACH))
def test_it_is_said_not_to_be_judged(name: str, tmp_path: Path) -> None:
    owner = next(one for one in judged(name, tmp_path).report.results if one.check.id == ALL[name].owner)
    assert owner.outcome is Outcome.NOT_JUDGED
    assert Need.CONTROL in owner.reason
