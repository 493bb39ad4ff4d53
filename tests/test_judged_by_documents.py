"""Servers of other models and of other providers, judged by their documents; a document more is a case more."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from contract_tests.check import Layer, checks
from contract_tests.cli import main
from contract_tests.contract.contract import Contract, built_in
from contract_tests.contract.mounted import contract_of
from contract_tests.contract.silence import silences
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.server.fake import fake
from contract_tests.server.run import LAYERS, Options, judge_server, opened
from contract_tests.server.talk.target import Settings
from tests.mounted import MODELS, PUBLISHED, SPECS

PROVIDERS = Path(__file__).parent / "providers"
DRAWN = {
    "id": "job-1",
    "state": "DRAWN",
    "attempts": 1,
    "output": {"drawings": [{"file": {"href": "https://example.com/cat.png"}, "width": 640}]},
}
POSTER = Path(__file__).parent / "bad_servers" / "specs" / "poster.yaml"
DOCUMENTS = {one.operation.document: model for model, one in reversed(MODELS.items())}
"""One model of each document that is there: invented ones, and the provider's own if EVOLINK_PUBLISHED names them."""
FEW = frozenset({"FIELDS-REQUIRED", "TASK-CANCEL-READS-AS-DOCUMENTED", "BILLING-PRICE", "CALLBACK-AFTER-BILLING"})
"""What a quick test asks for: a request that is refused, a life, money and a callback."""


def judged(
    contract: Contract, *specs: Path, only: frozenset[str] = frozenset(), layers: tuple[Layer, ...] = LAYERS
) -> Report:
    with fake("documented", 0, specs) as started:
        settings = Settings(url=started.url, contract=contract)
        options = Options(settings=settings, certificate=started.certificate, quick=True, only=only, layers=layers)
        with opened(options) as run:
            return judge_server(run, lambda *_: None)


def findings(report: Report) -> list[Any]:
    return [(one.check.id, one.finding and one.finding.received) for one in report.of(Outcome.BROKEN)]


def test_a_model_of_this_api_is_judged_by_its_page() -> None:
    report = judged(contract_of([POSTER]), POSTER, only=FEW)
    assert not findings(report)
    assert len(report.of(Outcome.HELD)) == len(FEW)


@pytest.mark.long
@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_fake_holds_for_every_document(document: str) -> None:
    report = judged(contract_of(SPECS, DOCUMENTS[document]), *SPECS)
    assert not findings(report)
    assert len(report.of(Outcome.HELD)) > 70
    assert not report.aborted


@pytest.mark.parametrize("model", ["sketch-1", "alto"])
def test_another_provider_is_judged_in_its_own_words(model: str) -> None:
    only = frozenset({"TASK-ENDS", "TASK-CANCELLED-BY-ITS-OWNER", "RESULT-LINK-WORKS", "CALLBACK-URL-UNTOUCHED"})
    report = judged(contract_of([PROVIDERS], model), PROVIDERS, only=only)
    assert not findings(report)
    assert len(report.of(Outcome.HELD)) == 3


@pytest.mark.long
@pytest.mark.parametrize(("model", "held"), [("sketch-1", 30), ("alto", 30)])
def test_another_provider_holds_in_every_layer(model: str, held: int) -> None:
    report = judged(contract_of([PROVIDERS], model), PROVIDERS)
    assert not findings(report)
    assert len(report.of(Outcome.HELD)) >= held


def test_a_document_that_shows_one_state_and_forgets_that_a_body_is_required(tmp_path: Path) -> None:
    """One example of a finished task tells nothing of a waiting one, and nobody draws without a body."""
    sketch = yaml.safe_load((PROVIDERS / "sketch.yaml").read_text())
    del sketch["paths"]["/v2/sketches"]["post"]["requestBody"]["required"]
    answer = sketch["paths"]["/v1/jobs/{id}"]["get"]["responses"]["200"]["content"]["application/json"]
    answer.pop("examples", None)
    answer["example"] = DRAWN
    (tmp_path / "sketch.yaml").write_text(yaml.safe_dump(sketch))
    shutil.copy(PROVIDERS / "sketch.overlay.yaml", tmp_path)
    report = judged(contract_of([tmp_path]), tmp_path, only=frozenset({"ANSWER-COMPLETE", "SCHEMA-ACCEPTS-VALID"}))
    assert not findings(report)
    assert len(report.of(Outcome.HELD)) == 2


def test_what_a_document_does_not_say_is_not_judged_and_says_why() -> None:
    contract = contract_of([PROVIDERS], "alto")
    report = judged(contract, PROVIDERS, only=frozenset({"BILLING-PRICE", "IDEMPOTENCY-SAME-TASK", "CALLBACK-SENT"}))
    assert {one.check.id: one.reason for one in report.of(Outcome.NOT_JUDGED)} == {
        "BILLING-PRICE": "voice.json has no operation that tells the credits",
        "IDEMPOTENCY-SAME-TASK": "voice.json has no header Idempotency-Key",
        "CALLBACK-SENT": "voice.json has no field that says where to report the end",
    }


def test_silence_names_checks_that_there_are() -> None:
    known = {one.id for one in checks(*LAYERS)}
    for contract in (built_in(), contract_of([PROVIDERS], "sketch-1"), contract_of([PROVIDERS], "alto")):
        assert set(silences(contract)) <= known


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="EVOLINK_PUBLISHED names no folder of documents")
def test_the_published_page_of_the_built_in_model_says_what_the_built_in_document_says() -> None:
    page = contract_of([PUBLISHED], built_in().model)
    assert (page.requests.required, page.statuses) == (built_in().requests.required, built_in().statuses)
    assert page.requests.properties.keys() == built_in().requests.properties.keys()
    assert page.error_kinds(page.create, 400) == built_in().error_kinds(built_in().create, 400)


# --- the command


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["server", "fake", *arguments])


def test_the_command_names_the_model_and_how_to_show_a_finding_again(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    done = run("--spec", str(POSTER), "--check", "FIELD-PATTERN", "--quick", "--json", str(file))
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text())["facts"]["model"] == "poster-1 (poster.yaml)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spec", str(PROVIDERS)], "--model: received nothing; allowed: alto, bass, sketch-1"),
        (["--spec", str(PROVIDERS), "--model", "altoo"], "--model: received altoo; allowed: alto"),
        (["--model", "altoo"], "--model: received altoo; allowed: kling-o1-video-edit-fast, or --spec"),
        (["--spec", "no-such-file"], "'no-such-file' does not exist"),
    ],
)
def test_a_wrong_document_or_model_is_told(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in " ".join(done.output.split())


def test_a_document_without_a_request_to_send_can_not_be_judged_by(tmp_path: Path) -> None:
    told = POSTER.read_text().replace("example: {model: poster-1,", "example: {model: poster-1, other: 1,")
    impossible = told.replace("prompt: {type: string, maxLength: 200}", "prompt: {not: {}}")
    (tmp_path / "poster.yaml").write_text(impossible)
    done = run("--spec", str(tmp_path / "poster.yaml"))
    assert done.exit_code == 2
    assert "poster.yaml has no valid example of poster-1, nor does its schema make one" in " ".join(
        done.output.split()
    )
