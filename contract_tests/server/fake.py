"""A mock started for the run: to be steered, or to be judged as if it were live, with checked keys and in real
time."""

import secrets
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contract_tests.contract.document import UC_PER_CREDIT
from contract_tests.server.probes.live import BUYING, NOWHERE

FAKE = "fake"
"""In place of a URL: a mock that the run starts itself."""
AS_LIVE_TASK_S = 2.0
AS_LIVE_POLL_S = 0.25
_PURSE = 1_000.0
"""Credits of each key of a rehearsal, unless a run may take more."""


@dataclass(frozen=True, slots=True)
class Fake:
    """A mock for this run, and the certificate of a receiver that it trusts. `keys` are the only two that it knows,
    where it is judged as if it were live."""

    url: str
    certificate: ssl.SSLContext
    keys: tuple[str, ...] = ()


@contextmanager
def fake(
    profile: str, seed: int, specs: Sequence[Path] = (), *, as_live: bool = False, purse: float = 0.0
) -> Iterator[Fake]:
    """Start a mock that trusts our receiver, so that callbacks go by https as in life; `specs` are mounted, and each
    key of a rehearsal has at least `purse` credits."""
    import trustme

    from mockserver.testing import MockServer

    authority = trustme.CA()
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(certificate)
    keys = tuple(f"sk-rehearsal-{secrets.token_hex(8)}" for _ in range(2)) if as_live else ()
    with tempfile.TemporaryDirectory(prefix="contract-tests-") as folder:
        ca_file = Path(folder) / "ca.pem"
        authority.cert_pem.write_to_path(str(ca_file))
        extra = _live_options(Path(folder), keys, max(purse, _PURSE)) if as_live else {}
        with MockServer(profile=profile, seed=seed, specs=specs, callback_ca=ca_file, **extra) as mock:
            yield Fake(mock.url, certificate, keys)


def rehearsal_credits(highest_uc: int) -> float:
    """Enough for all that a run would buy, and for what a wrong server would charge beside it."""
    submissions = sum(one.paid + one.risked for one in BUYING)
    return submissions * highest_uc / UC_PER_CREDIT


def _live_options(folder: Path, keys: tuple[str, ...], purse: float) -> dict[str, Any]:
    """Real time, checked keys, a purse that is no endless one, a control API that is closed, and videos that lead
    nowhere fail, as a mock that fetches nothing has to be told."""
    rule = {"when": {"url_contains": NOWHERE}, "then": {"fail": "resource_not_found"}}
    scenario = folder / "nowhere.yaml"
    scenario.write_text(yaml.safe_dump({"name": "nowhere", "rules": [rule]}), "utf-8")
    return {
        "clock": "real",
        "task_seconds": AS_LIVE_TASK_S,
        "only_keys": keys,
        "credits": purse,
        "scenarios": [scenario],
        "control_token": secrets.token_hex(8),
    }
