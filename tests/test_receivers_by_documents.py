"""Receivers, traffic and a project's own pytest run, judged by the document of another model or provider."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from contract_tests.cli import main
from contract_tests.contract.mounted import contract_of
from contract_tests.judge import Outcome
from contract_tests.traffic.judging import judge_traffic
from contract_tests.traffic.source import of_control
from mockserver.testing import MockServer
from tests.any_client import AnyClient, SaysANumber
from tests.receivers.serving import at_desk
from tests.test_clients_by_documents import SKETCH

PROVIDERS = Path(__file__).parent / "providers"
POSTER = Path(__file__).parent / "bad_servers" / "specs" / "poster.yaml"
FEW = ("--cases", "1", "--settle", "0", "--seed", "5")


def receiver(*arguments: str) -> Any:
    return CliRunner().invoke(main, ["receiver", *arguments])


@contextmanager
def at_a_sketch_desk(keys: frozenset[str], **answers: int) -> Iterator[str]:
    """A receiver of sketches; what tells of a state that it knows is answered by that state's status."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            try:
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status = answers.get(told["state"], 204) if keys <= told.keys() else 400
            except (ValueError, TypeError, KeyError):
                status = 400
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook"
        server.shutdown()


def test_a_receiver_is_told_of_the_model_that_is_named(tmp_path: Path) -> None:
    file, asked = tmp_path / "report.json", ("--case", "completed", "--case", "cancelled")
    with at_desk("correct") as origin:
        done = receiver(f"{origin}/hook", "--spec", str(POSTER), *FEW, *asked, "--json", str(file))
    assert done.exit_code == 0, done.output
    assert json.loads(file.read_text())["facts"]["model"] == "poster-1 (poster.yaml)"


WORDS = ("--spec", str(PROVIDERS), "--model", "sketch-1", *FEW, "--case", "completed", "--case", "service_error")


def test_a_receiver_of_another_provider_gets_its_bodies() -> None:
    with at_a_sketch_desk(frozenset({"id", "state", "attempts"})) as url:
        assert receiver(url, *WORDS).exit_code == 0


@pytest.mark.long
def test_a_receiver_that_trips_over_a_word_of_its_provider_is_found() -> None:
    with at_a_sketch_desk(frozenset({"id", "state", "attempts"}), TORN=500) as url:
        done = receiver(url, *WORDS)
        assert (done.exit_code, "RECEIVER-ANSWERS-2XX" in done.output) == (1, True)
        assert f"--spec {PROVIDERS} --model sketch-1 --case" in done.output


def test_a_provider_that_does_not_call_back_has_no_receivers() -> None:
    done = receiver("http://127.0.0.1:9/hook", "--spec", str(PROVIDERS), "--model", "alto")
    assert done.exit_code == 2
    assert "voice.json has no field that says where to report the end" in " ".join(done.output.split())


@pytest.mark.parametrize(("kind", "broken"), [(AnyClient, set()), (SaysANumber, {"CLIENT-REQUEST-VALID"})])
def test_traffic_of_another_provider_is_read_in_its_words(
    kind: type[AnyClient], broken: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with MockServer(specs=[PROVIDERS], clock="polls", task_seconds=1) as mock:
        run(kind(SKETCH), mock, monkeypatch)
        seen = replace(of_control(mock.get), contract=contract_of([PROVIDERS], "sketch-1"))
        report = judge_traffic(seen, "a mock")
    assert {one.check.id for one in report.of(Outcome.BROKEN)} == broken
    if not broken:
        assert "CLIENT-STOPS-AT-TERMINAL" in {one.check.id for one in report.of(Outcome.HELD)}


def run(client: AnyClient, mock: MockServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its pauses, to whatever end it comes: what it asks is what counts."""
    monkeypatch.setattr("tests.any_client.time.sleep", lambda _: None)
    with suppress(httpx.HTTPStatusError):
        client(mock.url, mock.key)
    monkeypatch.undo()


@pytest.mark.long
def test_the_checks_of_a_model_as_tests_of_a_project() -> None:
    words = ["--pyargs", "contract_tests", "--evolink-url", "fake", "--evolink-spec", str(POSTER)]
    command = [sys.executable, "-m", "pytest", *words, "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout
