"""The catalogue judged as the live API is: what a few tasks can show is found, what they can't is said not to be
judged, and the plan's bound holds by the fake's own ledger."""

from pathlib import Path

import httpx
import pytest
import yaml

from contract_tests.judge import Outcome
from contract_tests.server.probes.live import NOWHERE
from contract_tests.server.run import Options, judge_server, opened
from contract_tests.server.talk.target import Settings
from mockserver.simulation.clock import Mode
from tests.bad_servers.house import Bad, served
from tests.test_bad_servers import BAD, BAD_SCHEMAS

KEY, OTHER_KEY = "sk-real-money-0123456789", "sk-other-money-987654321"
BEYOND = {
    "a few tasks": {
        "rarely_without_results",
        "rarely_charged_twice",
        "forgets_tasks",
        "ids_again",
        "html_now_and_then",
    },
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
ALL: dict[str, Bad] = {**BAD, **BAD_SCHEMAS}
WAITING = {name for name, bad in ALL.items() if bad.owner == "CALLBACK-TIMEOUT"}


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(ALL.keys() - UNSEEN - WAITING))
def test_it_is_found_or_said_not_to_be_judged(name: str, tmp_path: Path) -> None:
    bad = ALL[name]
    nowhere = tmp_path / "nowhere.yaml"
    rule = {"when": {"url_contains": NOWHERE}, "then": {"fail": "resource_not_found"}}
    nowhere.write_text(yaml.safe_dump({"name": "nowhere", "rules": [rule]}))
    fake = {"clock": Mode.REAL, "task_seconds": 1.0, "only_keys": (KEY, OTHER_KEY), "scenarios": (nowhere,)}
    with served(bad, tmp_path, **fake) as url:
        settings = Settings(url=url, key=KEY, other_key=OTHER_KEY, poll_s=0.1, image_url="https://example.com/a.jpg")
        options = Options(
            settings=settings, control=False, quick=True, max_credits=400, profile=bad.profile, examples=5
        )
        with opened(options) as run:
            most_uc = run.plan().most_uc
            report = judge_server(run, lambda *_: None)
        books = httpx.get(f"{url}/_mock/ledger").json()["accounts"]
    spent_uc = sum(one["amount_uc"] for book in books for one in book["transfers"] if one["kind"] == "pending")
    assert spent_uc <= most_uc
    owner = next(one for one in report.results if one.check.id == bad.owner)
    found = report.of(Outcome.BROKEN) or report.of(Outcome.WARNED)
    assert found or (owner.outcome is Outcome.NOT_JUDGED and owner.reason)
