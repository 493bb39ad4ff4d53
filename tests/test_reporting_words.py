"""Reports in few words: what is accepted, what is alike, what would only repeat, why something is not judged."""

import json
from io import StringIO
from xml.etree import ElementTree

from rich.console import Console

from contract_tests.exchange import abridged
from contract_tests.judge import Outcome
from contract_tests.reporting import publish
from contract_tests.reporting.html import as_html
from contract_tests.reporting.json_report import as_json
from contract_tests.reporting.junit import as_junit
from tests import reports
from tests.test_reporting import Page, summary


def test_what_is_accepted_is_never_held_and_says_why_in_every_format() -> None:
    broken, warned = reports.result(Outcome.BROKEN), reports.result(Outcome.WARNED, check=reports.check("POLITE"))
    held = reports.result(Outcome.HELD, check=reports.check("HELD"))
    accepted = {"TASK-ENDS": "known since May", "POLITE": "a matter of taste", "HELD": "was broken once"}
    console = Console(file=StringIO(), width=200)
    of = publish(reports.report(broken, warned, held), accepted=accepted, console=console)
    assert of.exit_code == 0
    assert [result.outcome for result in of.results] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.HELD]
    for shown in (console.file.getvalue(), Page(as_html(of)).text, as_junit(of), as_json(of)):
        assert "known since May" in shown
        assert "a matter of taste" in shown
        assert "accepted, but held" in shown
    assert json.loads(as_json(of))["counts"] == {
        "held": 1,
        "broken": 0,
        "warned": 0,
        "accepted": 2,
        "not_judged": 0,
    }


def test_of_a_long_case_the_beginning_and_the_end_are_shown() -> None:
    urls = [f"http://127.0.0.1:8787/{letter}" for letter in "abcdefghijklmnopqrst"]
    steps = tuple(reports.exchange(url=url) for url in urls)
    of = reports.report(reports.result(Outcome.BROKEN, steps=steps))
    shown = summary(of)
    assert [url[-1] for url in urls if f"{url} " in shown] == [*"abcdmnopqrst"]
    assert "... (8 more requests)" in shown


def test_of_many_lines_the_beginning_and_the_end_are_left() -> None:
    assert abridged([*"abcdefgh"], 5) == ["a", "b", "c", "... 3 more requests", "g", "h"]
    assert abridged([*"abc"], 5) == abridged([*"abc"], 3) == [*"abc"]


def test_requests_that_are_alike_are_told_in_two_lines() -> None:
    ids = [f"task-unified-{number}-ab{number}" for number in range(12)]
    steps = [reports.exchange(url=f"http://127.0.0.1/v1/tasks/{one}", status=500, body="") for one in ids]
    steps += [reports.exchange(status=200, body="at last", url=steps[0].url), reports.exchange(method="DELETE")]
    of = reports.report(reports.result(Outcome.BROKEN, steps=tuple(steps)))
    failure = ElementTree.fromstring(as_junit(of)).find(".//failure").text
    for shown in (summary(of), Page(as_html(of)).text, failure):
        assert shown.count("curl ") == 2
        assert "the same, but for its ids and numbers" in shown
        assert "11 x 500; 1 x 200 at last" in shown
    assert len(json.loads(as_json(of))["checks"][0]["finding"]["steps"]) == len(steps)


def test_a_promise_is_not_told_twice() -> None:
    of = reports.report(reports.result(Outcome.BROKEN, received="", documented="A task ends."))
    assert summary(of).count("A task ends.") == 1
    assert "received    nothing" in summary(of)


def test_what_is_not_judged_is_grouped_by_its_reason() -> None:
    names = [f"CHECK-{number}" for number in range(9)]
    blind = [
        reports.result(Outcome.NOT_JUDGED, check=reports.check(name), reason="it is dark", remedy="--light")
        for name in names
    ]
    other = reports.result(Outcome.NOT_JUDGED, check=reports.check("OTHER"), reason="nobody came")
    of = reports.report(other, *blind, reports.result(Outcome.HELD))
    assert "CHECK-5 and 3 more: it is dark\n  to have them judged: --light" in summary(of)
    assert json.loads(as_json(of))["not_judged"] == [
        {"reason": "it is dark", "remedy": "--light", "checks": names},
        {"reason": "nobody came", "remedy": "", "checks": ["OTHER"]},
    ]
    assert Page(as_html(of)).text.count("it is dark") == 1
    assert as_junit(of).count("it is dark; to have it judged: --light") == len(names)
