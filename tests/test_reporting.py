"""Reports: whole and well-formed whatever a server sent, without secrets, and true about what was judged."""

import json
import os
from collections import Counter
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import click
import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from contract_tests.check import Layer
from contract_tests.exchange import BODY_LIMIT, Exchange
from contract_tests.judge import Outcome
from contract_tests.report import Report
from contract_tests.reporting import progress, publish, report_options
from contract_tests.reporting.clean import clean, printable
from contract_tests.reporting.har import as_har
from contract_tests.reporting.html import as_html
from contract_tests.reporting.json_report import as_json
from contract_tests.reporting.junit import as_junit
from contract_tests.reporting.words import FOUND
from tests import reports

SHAPE = Path(__file__).parent.parent / "contract_tests" / "reporting" / "report.schema.json"
REPORT = jsonschema_rs.validator_for(json.loads(SHAPE.read_text()), validate_formats=True)
HAR = jsonschema_rs.validator_for(
    json.loads(Path(__file__).with_name("har.schema.json").read_text()), validate_formats=True
)
WRITERS = {"junit": as_junit, "json_file": as_json, "html": as_html, "har": as_har}
keys = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_+/=", min_size=8, max_size=40).map("sk-Zq".__add__)


def summary(of: Report) -> str:
    console = Console(file=StringIO())
    publish(of, console=console)
    return console.file.getvalue()


class Page(HTMLParser):
    """What a browser would see: how often each tag opens, its attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@reports.DRAWN
@given(reports.reports())
def test_every_format_is_well_formed_whatever_came(drawn: Report) -> None:
    of = clean(drawn)
    REPORT.validate(json.loads(as_json(of)))
    HAR.validate(json.loads(as_har(of)))
    suite = ElementTree.fromstring(as_junit(of).encode())
    assert len(suite.findall(".//testcase")) == len(of.results)
    for write in WRITERS.values():
        write(of).encode()


@reports.DRAWN
@given(reports.reports())
def test_a_page_has_no_tag_that_is_not_its_own(drawn: Report) -> None:
    page = Page(as_html(clean(drawn)))
    assert not page.tags.keys() & {"script", "img", "iframe", "object", "form"}
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name.startswith("on") or name in ("src", "srcdoc", "style")}
    assert {value for name, value in page.attributes if name == "href"} == {"data:,"}
    assert page.tags["article"] == sum(len(drawn.of(outcome)) for outcome in FOUND)


@reports.DRAWN
@given(reports.texts)
def test_a_page_shows_the_very_text_that_came(text: str) -> None:
    of = clean(reports.report(reports.result(Outcome.BROKEN, received=text)))
    received = of.results[0].finding.received
    assert received in Page(as_html(of)).text
    assert json.loads(as_json(of))["checks"][0]["finding"]["received"] == received


@reports.DRAWN
@given(reports.reports())
def test_the_summary_obeys_nothing_that_came(drawn: Report) -> None:
    shown = summary(drawn)
    assert printable(shown) == shown


def test_markup_in_an_answer_is_text() -> None:
    of = reports.report(reports.result(Outcome.BROKEN, received="[red]no[/red] [/nothing] :smile:"))
    assert "[red]no[/red] [/nothing] :smile:" in summary(of)


@reports.DRAWN
@given(keys, st.sampled_from(["Authorization", "x-api-key", "Cookie"]), st.sampled_from(["Bearer ", "", "Basic "]))
def test_no_secret_is_in_any_format(key: str, header: str, scheme: str) -> None:
    told = f"the key {key} and {json.dumps(key)} do not fit"
    step = reports.exchange(
        url=f"http://127.0.0.1/v1?token={key}&a=1",
        request_headers={header: f"{scheme}{key}"},
        request_body=json.dumps({"callback_url": f"https://example.com/hook?secret={key}"}),
        headers={"Set-Cookie": f"session={key}; Path=/", "location": f"/x?key={key}"},
        body=told,
        failure=told,
    )
    broken = reports.result(Outcome.BROKEN, received=told, documented=told, steps=(step,), notes=(told,), replay=told)
    of = reports.report(broken, subject=told, facts={"key": told}, exchanges=(step,), aborted=told)
    for write in WRITERS.values():
        assert key not in write(clean(of))
    assert key not in summary(of)


@reports.DRAWN
@given(reports.exchanges())
def test_safe_twice_is_safe_once(one: Exchange) -> None:
    assert one.safe().safe() == one.safe()


@reports.DRAWN
@given(reports.reports())
def test_clean_twice_is_clean_once(drawn: Report) -> None:
    assert clean(clean(drawn)) == clean(drawn)


def test_bodies_are_bounded() -> None:
    step = reports.exchange(body="b" * 10**6, request_body="a" * 10**6)
    of = clean(reports.report(reports.result(Outcome.BROKEN, steps=(step,)), exchanges=(step,)))
    for name, write in WRITERS.items():
        assert len(write(of)) < 8 * BODY_LIMIT, name


@pytest.mark.parametrize(
    ("outcomes", "aborted", "exit_code", "verdict"),
    [
        ([Outcome.HELD], "", 0, "Holds: 1 check, judged 3 times"),
        ([Outcome.HELD, Outcome.WARNED], "", 0, "Holds: 2 checks, judged 6 times, 1 warned"),
        ([Outcome.HELD, Outcome.NOT_JUDGED], "", 0, "Holds: 1 check, judged 3 times"),
        ([Outcome.HELD, Outcome.ACCEPTED], "", 0, "Holds: 1 check, judged 6 times, 1 accepted"),
        ([Outcome.HELD, Outcome.ACCEPTED, Outcome.BROKEN], "", 1, "Broken: 1 of 2 checks, 1 accepted"),
        ([Outcome.HELD, Outcome.BROKEN], "", 1, "Broken: 1 of 2 checks"),
        ([Outcome.BROKEN], "budget", 1, "Broken: 1 of 1 check; the run ended early: budget"),
        ([Outcome.HELD], "budget", 3, "Could not judge: budget"),
        ([Outcome.NOT_JUDGED], "", 3, "Could not judge: nothing in this run came to any check"),
        ([], "", 3, "Could not judge: nothing in this run came to any check"),
    ],
)
def test_exit_code_and_verdict(outcomes: list[Outcome], aborted: str, exit_code: int, verdict: str) -> None:
    of = reports.report(*(reports.result(outcome) for outcome in outcomes), aborted=aborted)
    assert of.exit_code == exit_code
    assert summary(of).startswith(f"{verdict}  (1.5 s, seed 7)\n")
    written = json.loads(as_json(of))
    assert (written["exit_code"], written["summary"]) == (exit_code, verdict)
    assert verdict in Page(as_html(of)).text


def test_a_finding_says_all_in_every_format() -> None:
    broken = reports.result(Outcome.BROKEN, notes=("6 s pass",), replay="contract-tests server URL --seed 7")
    of = reports.report(broken)
    said = [
        "A task ends.",
        "TASK-ENDS",
        "pending",
        "completed or failed",
        "documented",
        "6 s pass",
        "contract-tests server URL --seed 7",
        "http://127.0.0.1:8787/v1/tasks/task-unified-1-a",
        "$EVOLINK_API_KEY",
        '200 {"status":"pending"}',
    ]
    junit = "".join(ElementTree.fromstring(as_junit(of)).itertext()) + as_junit(of)
    for shown in (summary(of), Page(as_html(of)).text, junit, json.dumps(json.loads(as_json(of))).replace("\\", "")):
        assert [text for text in said if text not in shown and text != '200 {"status":"pending"}'] == []
    for shown in (summary(of), Page(as_html(of)).text, junit):
        assert said[-1] in shown


def test_junit_tells_outcomes_apart() -> None:
    of = reports.report(*(reports.result(outcome) for outcome in Outcome))
    suite = ElementTree.fromstring(as_junit(of)).find("testsuite")
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["5", "1", "0", "2"]
    held, broken, warned, accepted, not_judged = suite.findall("testcase")
    assert held.get("classname") == "contract_tests.behaviour"
    assert broken.find("failure").get("message") == "pending  |  documented: completed or failed"
    assert accepted.find("skipped").get("message") == "accepted: known since May"
    assert "pending" in accepted.findtext("system-out")
    assert "Warning" in warned.findtext("system-out")
    assert warned.find("failure") is None
    assert not_judged.find("skipped").get("message") == "nothing came to it"


def test_the_archive_keeps_order_and_silence() -> None:
    first = reports.exchange(started_s=1000.0, elapsed_s=0.25, url="http://127.0.0.1/v1?page=2&empty=")
    second = reports.exchange(started_s=1001.5, status=None, body="", headers={}, failure="timed out")
    one, two = json.loads(as_har(reports.report(exchanges=(first, second))))["log"]["entries"]
    assert (one["startedDateTime"], two["startedDateTime"]) == (
        "2026-11-23T05:20:00+00:00",
        "2026-11-23T05:20:01.500000+00:00",
    )
    assert one["time"] == 250
    assert one["request"]["queryString"] == [{"name": "page", "value": "2"}, {"name": "empty", "value": ""}]
    assert (two["response"]["status"], two["comment"]) == (0, "timed out")


def test_a_shape_that_is_not_ours_is_refused() -> None:
    written = json.loads(as_json(reports.report(reports.result(Outcome.BROKEN))))
    del written["checks"][0]["finding"]
    assert not REPORT.is_valid(written)


@click.command()
@report_options(Layer.RECEIVER)
def command(**files: Path | None) -> None:
    publish(reports.report(reports.result(Outcome.HELD)), **files)


def test_the_options_write_the_files(tmp_path: Path) -> None:
    names = {"--junit": "r.xml", "--json": "r.json", "--html": "r.html", "--har": "r.har"}
    arguments = [part for flag, name in names.items() for part in (flag, str(tmp_path / name))]
    done = CliRunner().invoke(command, arguments)
    assert (done.exit_code, "Holds: 1 check" in done.stdout) == (0, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names.values())


def test_a_file_in_no_folder_is_wrong_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["--html", str(tmp_path / "missing" / "r.html")])
    assert done.exit_code == 2
    assert "there is no folder" in done.stderr


def test_a_folder_that_takes_no_files_is_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda _, mode, **__: mode != os.W_OK)
    done = CliRunner().invoke(command, ["--html", str(tmp_path / "r.html")])
    assert (done.exit_code, "nothing can be written to" in done.stderr) == (2, True)
    assert CliRunner().invoke(command, ["--html", "/dev/null"]).exit_code == 0


def test_a_file_that_cant_be_written_costs_neither_the_verdict_nor_the_others(tmp_path: Path) -> None:
    too_long = tmp_path / ("r" * 254)
    done = CliRunner().invoke(command, ["--json", str(too_long), "--html", str(tmp_path / "r.html")])
    assert (done.exit_code, done.exception) == (0, None)
    assert "can't be written: File name too long" in done.stderr
    assert (tmp_path / "r.html").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("RECEIVER-ODER=why", "did you mean RECEIVER-ORDER?"),
        ("CLIENT-PAYS-ONCE=why", "which is no check of this command"),
        ("RECEIVER-ORDER", "needed: RECEIVER-ORDER=REASON"),
        ("RECEIVER-ORDER= ", "needed: RECEIVER-ORDER=REASON"),
    ],
)
def test_what_can_not_be_accepted_is_wrong_usage(given: str, told: str) -> None:
    done = CliRunner().invoke(command, ["--accept", given])
    assert done.exit_code == 2
    assert told in " ".join(done.stderr.split())


def test_what_is_like_no_check_is_taken_for_none() -> None:
    assert "did you mean" not in CliRunner().invoke(command, ["--accept", "NOPE=why"]).stderr


def test_a_link_to_a_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "file").write_text("old")
    publish(reports.report(), json_file=tmp_path / "link", console=Console(file=StringIO()))
    assert (tmp_path / "link").is_symlink()
    assert json.loads((tmp_path / "file").read_text())["version"] == 1


def test_progress_is_silent_where_nobody_watches(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("Judging") as tell:
        tell("[bold]part", 1, 2)
    assert capfd.readouterr() == ("", "")


def test_progress_shows_where_it_is(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress("Judging [x]") as tell:
        tell("[/bold] part", 1, 2)
    shown = capfd.readouterr()
    assert shown.out == ""
    assert "[/bold] part" in shown.err
    assert "1/2" in shown.err
