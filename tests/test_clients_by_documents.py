"""Clients of other models and of other providers, judged by their documents: the right hold, mistakes are found."""

import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import CliRunner
from hypothesis import given, settings

from contract_tests.cli import main
from contract_tests.client.behaviours.behaviour import PLAIN, Behaviour
from contract_tests.client.behaviours.fates import NoCredits
from contract_tests.client.campaign import Campaign
from contract_tests.client.fitting import Fitting
from contract_tests.client.inprocess import judge_client
from contract_tests.client.run import REAL, Ending, Run
from contract_tests.contract.mounted import contract_of
from contract_tests.judge import Judge, Outcome
from tests.any_client import (
    AnyClient,
    Api,
    IgnoresRetryAfter,
    SaysANumber,
    TakesFailureForDone,
    WithoutKey,
)
from tests.mounted import INVENTED, PUBLISHED

PROVIDERS = Path(__file__).parent / "providers"
POSTER = Path(__file__).parent / "bad_servers" / "specs" / "poster.yaml"
SEVERAL = (
    "fails:code=service_error",
    "answers:operation=query,status=503",
    "answers:operation=submission,status=429,wait=4",
    "answers:operation=query,status=429,wait=5",
    "breaks:operation=submission,fault=closed_after_accept",
    "unknown-fields",
    "odd-ids",
    "absent-fields",
)
"""What each client meets: everything of which a mistake below makes a finding, and what is open."""
MISTAKES: dict[str, tuple[type[AnyClient], str]] = {
    "failed": (TakesFailureForDone, "CLIENT-FAILURE-IS-ERROR"),
    "hurries": (IgnoresRetryAfter, "CLIENT-RETRY-AFTER"),
    "number": (SaysANumber, "CLIENT-REQUEST-VALID"),
}
SKETCH = Api(
    "/v2/sketches",
    {"text": "A cat"},
    "/v1/jobs/{}",
    id="job.id",
    status="state",
    results="output.drawings.file.href",
    done="DRAWN",
    lost=("TORN",),
)
VOICE = Api(
    "/voices",
    {"model": "alto", "text": "Hello"},
    "/voices/{}",
    id="request_id",
    results="audio.url",
    done="succeeded",
    lost=("failed", "canceled"),
)
FAMILIES = {
    "image": ("/v1/images/generations", {"model": "poster-1", "prompt": "A lighthouse"}, POSTER),
    "audio": ("/v1/audios/generations", {"model": "hum", "prompt": "A lighthouse"}, INVENTED / "audio.json"),
    "video": ("/v1/videos/generations", {"model": "flicker", "prompt": "A lighthouse"}, INVENTED / "video.json"),
}


def test_what_is_drawn_rests_on_nothing_that_another_provider_leaves_unsaid() -> None:
    """It goes by what this API leaves open: a right client was told the end without the result."""
    contract = contract_of([PROVIDERS / "sketch.yaml"])
    plain = Run(PLAIN, (), Ending(None, 0), REAL, contract=contract)
    campaign = Campaign(cast(Any, None), cast(Any, None), str, fitting=Fitting(plain))

    @settings(database=None)
    @given(campaign.strategy())
    def says(behaviour: Behaviour) -> None:
        assert all(one.is_anybodys for one in behaviour.openings)
        assert not behaviour.has(NoCredits)

    says()


def judged(client: AnyClient, spec: Path, model: str | None) -> Judge:
    return judge_client(client, examples=0, behaviours=SEVERAL, specs=[spec], model=model)


def broken(judge: Judge) -> set[str]:
    return {one.check.id for one in judge.results() if one.outcome is Outcome.BROKEN}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_right_client_of_another_model_holds(family: str) -> None:
    path, body, spec = FAMILIES[family]
    judge = judged(AnyClient(Api(path, body)), spec, body["model"])
    assert not broken(judge), [one.finding for one in judge.results() if one.finding]
    held = {one.check.id for one in judge.results() if one.outcome is Outcome.HELD}
    assert held >= {"CLIENT-REQUEST-VALID", "CLIENT-PAYS-ONCE", "CLIENT-FAILURE-IS-ERROR", "CLIENT-RETRY-AFTER"}


@pytest.mark.parametrize(
    "family", ["image", *(pytest.param(one, marks=pytest.mark.long) for one in ("audio", "video"))]
)
@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_a_client_of_another_model_is_found(family: str, mistake: str) -> None:
    path, body, spec = FAMILIES[family]
    kind, owner = MISTAKES[mistake]
    assert broken(judged(kind(Api(path, body)), spec, body["model"])) == {owner}


@pytest.mark.parametrize(("api", "model"), [(SKETCH, "sketch-1"), (VOICE, "alto")])
def test_a_client_of_another_provider_is_judged_in_its_words(api: Api, model: str) -> None:
    judge = judged(WithoutKey(api), PROVIDERS, model)
    assert not broken(judge), [one.finding for one in judge.results() if one.finding]
    told = {one.check.id: one for one in judge.results()}
    assert told["CLIENT-FAILURE-IS-ERROR"].outcome is Outcome.HELD
    assert told["CLIENT-PAYS-ONCE"].reason.endswith("has no operation that tells the credits")


@pytest.mark.long
@pytest.mark.parametrize(("api", "model"), [(SKETCH, "sketch-1"), (VOICE, "alto")])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_a_client_of_another_provider_is_found(api: Api, model: str, mistake: str) -> None:
    kind, owner = MISTAKES[mistake]
    client = kind(api)
    client.with_key = False
    assert broken(judged(client, PROVIDERS, model)) == {owner}


# --- the command, as a program in any language is judged


@pytest.mark.long
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="EVOLINK_PUBLISHED names no folder of documents")
@pytest.mark.parametrize("model", ["gpt-image-2", "suno-v5-beta", "wan3.0-text-to-video"])
@pytest.mark.parametrize("mistake", ["", *MISTAKES])
def test_a_program_of_a_published_model(model: str, mistake: str, tmp_path: Path) -> None:
    contract, file = contract_of([PUBLISHED], model), tmp_path / "report.json"
    program = tmp_path / "client.py"
    kind = MISTAKES[mistake][0].__name__ if mistake else "AnyClient"
    api = f"Api({contract.create.path!r}, {contract.requests.example()!r})"
    program.write_text(
        f"import os, sys, time\nsys.path.insert(0, {str(Path(__file__).parent.parent)!r})\n"
        "real = time.sleep\ntime.sleep = lambda seconds: real(seconds / 15 if seconds == 3 else seconds)\n"
        f"from tests.any_client import Api, {kind}\n"
        f"{kind}({api})(os.environ['EVOLINK_BASE_URL'], os.environ['EVOLINK_API_KEY'])\n"
    )
    asked = [f"--behaviour={one}" for one in SEVERAL]
    words = ["client", "--spec", str(PUBLISHED), "--model", model, *asked, "--json", str(file)]
    done = CliRunner().invoke(main, [*words, "--parallel", "2", "--", sys.executable, str(program)])
    found: dict[str, Any] = json.loads(file.read_text())
    assert {one["id"] for one in found["checks"] if one["outcome"] == "broken"} == (
        {MISTAKES[mistake][1]} if mistake else set()
    ), done.output
    assert found["facts"]["model"].startswith(f"{model} (")
    assert done.exit_code == (1 if mistake else 0)
