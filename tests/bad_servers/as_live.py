"""A bad server judged as the live API is: real time, checked keys, no control API, callbacks by https."""

import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import trustme
import yaml

from contract_tests.contract.mounted import contract_of
from contract_tests.report import Report
from contract_tests.server.probes.live import NOWHERE
from contract_tests.server.run import Options, Run, judge_server, opened
from contract_tests.server.talk.target import Settings
from mockserver.simulation.clock import Mode
from tests.bad_servers.house import Bad, served

KEY, OTHER_KEY = "sk-real-money-0123456789", "sk-other-money-987654321"
CAP = 1_000
"""Credits: more than a run buys, so that only the plan bounds it."""
_IMAGE = "https://example.com/winter.jpg"


class Judged(NamedTuple):
    """`most_uc` is what the plan said before, `spent_uc` what the fake's own ledger reserved."""

    report: Report
    most_uc: int
    spent_uc: int


def _quiet(_: Run) -> None:
    """Nobody wants to know how far it is."""


def judged_as_live(
    bad: Bad,
    folder: Path,
    *,
    task_s: float = 1.0,
    poll_s: float = 0.1,
    tell: Callable[[Run], None] = _quiet,
    **options: Any,
) -> Judged:
    """A whole run, with whatever of its options is to be otherwise; `tell` hears of its progress."""
    certificate, authority = _certificate()
    (folder / "ca.pem").write_bytes(authority)
    rule = {"when": {"url_contains": NOWHERE}, "then": {"fail": "resource_not_found"}}
    (folder / "nowhere.yaml").write_text(yaml.safe_dump({"name": "nowhere", "rules": [rule]}))
    fake = {"clock": Mode.REAL, "task_seconds": task_s, "only_keys": (KEY, OTHER_KEY)}
    fake |= {"scenarios": (folder / "nowhere.yaml",), "callback_ca": folder / "ca.pem"}
    with served(bad, folder, **fake) as url:
        told = {"control": False, "quick": True, "max_credits": CAP, "profile": bad.profile, "examples": 5} | options
        contract = contract_of(bad.specs, bad.model)
        settings = Settings(url=url, key=KEY, other_key=OTHER_KEY, poll_s=poll_s, image_url=_IMAGE, contract=contract)
        with opened(Options(settings=settings, certificate=certificate, **told)) as run:
            most_uc = run.plan().most_uc
            report = judge_server(run, lambda *_: tell(run))
        books = httpx.get(f"{url}/_mock/ledger").json()["accounts"]
    spent_uc = sum(one["amount_uc"] for book in books for one in book["transfers"] if one["kind"] == "pending")
    return Judged(report, most_uc, spent_uc)


@cache
def _certificate() -> tuple[ssl.SSLContext, bytes]:
    """That of the receiver, and the authority that a server has to trust for it."""
    authority = trustme.CA()
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(certificate)
    return certificate, authority.cert_pem.bytes()
