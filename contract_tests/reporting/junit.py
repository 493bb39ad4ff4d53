"""The report as JUnit XML: one test case a check, its layer as the class."""

from io import BytesIO

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from contract_tests.judge import Finding, Outcome, Result
from contract_tests.report import Report
from contract_tests.reporting.words import case_lines, contrast, verdict


def as_junit(report: Report) -> str:
    """A clean report as XML text. A warning is a passed case that tells of it; what is accepted is a skipped one."""
    suite = TestSuite(f"{verdict(report)} - contract-tests {report.title}: {report.subject}")
    suite.timestamp = report.started.isoformat()
    for name, fact in {"verdict": verdict(report), "seed": f"{report.seed}", **report.facts}.items():
        suite.add_property(name, fact)
    suite.add_testcases([_case(result) for result in report.results])
    suite.time = report.elapsed_s
    xml = JUnitXml("contract-tests")
    xml.add_testsuite(suite)
    file = BytesIO()
    xml.write(file, pretty=False)
    return file.getvalue().decode()


def _case(result: Result) -> TestCase:
    case = TestCase(f"{result.check.id}: {result.check.promise}", classname=f"contract_tests.{result.check.layer}")
    case.time = 0.0
    told = [f"judged {result.times} times; {result.check.source} ({result.check.evidence})"]
    if result.finding is not None:
        told.append(_told(result.finding))
    if result.outcome is Outcome.BROKEN and result.finding is not None:
        failure = Failure(contrast(result.finding)[0][1], "BrokenPromise")
        failure.text = _told(result.finding)
        case.result = failure
    elif result.outcome is Outcome.WARNED:
        told.insert(0, f"Warning: this is {result.check.evidence}, so no failure.")
    elif result.outcome is Outcome.ACCEPTED:
        case.result = Skipped(f"accepted: {result.reason}")
    elif result.outcome is Outcome.NOT_JUDGED:
        case.result = Skipped(
            f"{result.reason}; to have it judged: {result.remedy}" if result.remedy else result.reason
        )
    case.system_out = "\n".join(told)
    return case


def _told(finding: Finding) -> str:
    lines = [f"when: {line}" for line in finding.when]
    lines += [f"{label}: {text}" for label, text in contrast(finding)]
    for line in case_lines(finding):
        lines += [line.request if line.is_curl else f"{line.number}: {line.request}", f"-> {line.answer}"]
    lines += [f"note: {note}" for note in finding.notes]
    return "\n".join([*lines, f"replay: {finding.replay}"] if finding.replay else lines)
