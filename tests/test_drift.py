"""Drift: recordings of the fake itself show none; altered in one small way, they show that and nothing else."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from contract_tests.check import Check, Evidence, Layer
from contract_tests.contract.document import contract_document
from contract_tests.drift.command import drift
from contract_tests.drift.drift import Drift, Kind, against_document, concerned, find_operation
from contract_tests.drift.overlay import proposed
from contract_tests.drift.recording import ALIKE, BODY_LIMIT, Recording, record
from contract_tests.drift.shape import Beyond, key_paths, kind_of, sightings
from contract_tests.drift.source import RecordingError
from contract_tests.drift.source import load as load_source
from contract_tests.exchange import Exchange
from mockserver.testing import MockServer
from tests import reports
from tests.recorded import KEYS, Talk, probed, whole_story

RUN = datetime(2026, 11, 23, 5, 20, tzinfo=UTC)
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module", params=["documented", "observed"])
def talked(request: pytest.FixtureRequest) -> Iterator[list[Exchange]]:
    with MockServer(profile=request.param) as mock:
        talk = Talk(mock)
        whole_story(talk)
        yield talk.exchanges


@pytest.fixture
def recorded(talked: list[Exchange], tmp_path: Path) -> Path:
    assert record(talked, tmp_path, RUN) == len(talked)
    return tmp_path


def alter(folder: Path, suffix: str, change: Change, *, status: int | None = None, having: str = "") -> str:
    """Change the body of the first recording of this kind; returns its name."""
    path = next(path for path in sorted(folder.glob(f"*{suffix}.json")) if having in path.read_text())
    kept = json.loads(path.read_text())
    body = json.loads(kept["answer"]["body"])
    change(body)
    kept["answer"]["body"] = json.dumps(body)
    kept["answer"]["status"] = status or kept["answer"]["status"]
    path.write_text(json.dumps(kept))
    return path.name


def run(*arguments: object) -> Result:
    return CliRunner().invoke(drift, [str(one) for one in arguments])


def load(source: Path) -> dict[str, Recording]:
    return load_source(source, contract_document()).recordings


def of_document(folder: Path) -> tuple[Drift, ...]:
    return against_document(load(folder), contract_document())


def test_the_fake_does_not_drift_from_itself(recorded: Path) -> None:
    done = run(recorded)
    assert done.output.endswith("No drift\n"), done.output
    assert done.exit_code == 0


def test_no_secret_is_recorded(recorded: Path) -> None:
    text = "".join(path.read_text() for path in recorded.iterdir())
    assert not [secret for secret in (*KEYS, "s3cr3t", "authorization", "user-agent") if secret in text]
    accounts = [one.request.account for one in load(recorded).values()]
    assert set(accounts) == {0, 1, 2}


def test_an_unknown_field_is_named_and_proposed(recorded: Path, tmp_path: Path) -> None:
    name = alter(recorded, "get-200", lambda body: body.update(mood={"score": 0.5, "words": ["glad"]}))
    (found,) = of_document(recorded)
    assert (found.kind, found.operation, found.place, found.recordings) == (Kind.FIELD, "getTask", "mood", (name,))
    done = run(recorded, "--overlay", tmp_path / "change.yaml")
    assert done.exit_code == 1
    assert "the document has no such field: getTask, 200, mood" in done.output
    assert done.output.endswith("Drift: 1\n"), done.output
    (action,) = yaml.safe_load((tmp_path / "change.yaml").read_text())["actions"]
    assert action["target"] == "$.components.schemas.Task.properties"
    assert action["update"]["mood"] == {
        "type": "object",
        "properties": {"score": {"type": "number"}, "words": {"type": "array", "items": {"type": "string"}}},
        "description": "Seen on 2026-11-23",
        "example": {"score": 0.5, "words": ["glad"]},
        "x-evolink-evidence": "observed",
    }


def test_a_changed_type_is_named(recorded: Path) -> None:
    alter(recorded, "get-200", lambda body: body.update(progress="half"), having="pending")
    (found,) = of_document(recorded)
    assert (found.kind, found.place, found.received) == (Kind.SCHEMA, "progress", '"half"')
    done = run(recorded)
    assert done.output.endswith("Drift: 1\n"), done.output
    assert "- integer\n    - string" in done.output


def test_an_unknown_status_of_a_task_is_named(recorded: Path) -> None:
    alter(recorded, "get-200", lambda body: body.update(status="queued"), having="pending")
    (found,) = of_document(recorded)
    assert (found.kind, found.place) == (Kind.SCHEMA, "status")
    assert found.documented == "pending, processing, completed, failed"
    shown = run(recorded).output
    assert "Task.properties.status" in shown
    assert "concerns    TASK-STATUS-KNOWN (documented)" in shown


def test_an_unknown_reason_of_a_failure_is_named(recorded: Path) -> None:
    alter(recorded, "get-200", lambda body: body["error"].update(code="gpu_on_fire"), having="failed")
    (found,) = of_document(recorded)
    assert (found.kind, found.received) == (Kind.FAILURE, "gpu_on_fire")
    done = run(recorded)
    assert "concerns    TASK-ERROR-CODE-KNOWN (documented)" in done.output
    assert done.output.endswith("Drift: 1\n"), done.output


def test_another_status_is_named(recorded: Path) -> None:
    alter(recorded, "get-404", lambda body: None, status=418)
    (found,) = of_document(recorded)
    assert (found.kind, found.operation, found.status) == (Kind.STATUS, "getTask", 418)
    assert run(recorded).output.endswith("Drift: 1\n")


def test_a_known_status_in_another_place_is_named(recorded: Path) -> None:
    """The document has both answers; only the fake shows that this request gets the other one."""
    alter(recorded, "get-404", lambda body: body["error"].update(code="invalid_task_id"), status=400)
    assert of_document(recorded) == ()
    done = run(recorded)
    assert "the fake answers differently: getTask, 400" in done.output
    assert "the fake answers 404 task_not_found" in done.output
    assert done.output.endswith("Drift: 1\n"), done.output


def test_another_error_code_is_named(recorded: Path) -> None:
    alter(recorded, "get-404", lambda body: body["error"].update(code="no_such_task"))
    (found,) = of_document(recorded)
    assert (found.kind, found.received) == (Kind.CODE, "no_such_task (invalid_request_error)")
    done = run(recorded)
    assert done.output.endswith("Drift: 1\n"), done.output
    assert done.exit_code == 1


def test_a_lost_field_is_named(recorded: Path) -> None:
    alter(recorded, "get-200", lambda body: body.pop("task_info"), having="pending")
    assert of_document(recorded) == ()
    done = run(recorded)
    assert "the fake answers differently: getTask, 200, task_info\n" in done.output
    assert done.output.endswith("Drift: 1\n"), done.output


def test_an_answer_that_is_no_json_is_named(recorded: Path) -> None:
    path = next(iter(sorted(recorded.glob("*get-200.json"))))
    kept = json.loads(path.read_text())
    kept["answer"]["body"] = "<html>"
    path.write_text(json.dumps(kept))
    (found,) = of_document(recorded)
    assert (found.kind, found.received) == (Kind.SCHEMA, "no JSON")


def test_an_unknown_operation_is_named(recorded: Path) -> None:
    path = next(iter(sorted(recorded.glob("*get-200.json"))))
    kept = json.loads(path.read_text())
    kept["request"]["path"] = "/v2/tasks?page=1"
    path.write_text(json.dumps(kept))
    assert [(found.kind, found.operation) for found in of_document(recorded)] == [(Kind.OPERATION, "GET /v2/tasks")]


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_what_a_judge_asks_beside_the_operations_is_no_drift(profile: str, tmp_path: Path) -> None:
    with MockServer(profile=profile) as mock:
        talk = Talk(mock)
        probed(talk)
        record(talk.exchanges, tmp_path / "kept", RUN)
    done = run(tmp_path / "kept", "--overlay", tmp_path / "change.yaml")
    assert done.output.endswith("No drift\n"), done.output
    assert "no change to propose" in done.output
    assert not (tmp_path / "change.yaml").exists()


def applied(overlay: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """The document with an overlay's updates in it, for the targets that proposals have."""
    changed = json.loads(json.dumps(document))
    for action in overlay["actions"]:
        node = changed
        for name, quoted, number in re.findall(r"\.(\w+)|\['([^']*)'\]|\[(\d+)\]", action["target"]):
            node = node[int(number) if number else name or quoted]
        merge(node, action["update"])
    return changed


def merge(node: dict[str, Any], update: dict[str, Any]) -> None:
    for key, value in update.items():
        if isinstance(value, dict) and isinstance(node.get(key), dict):
            merge(node[key], value)
        elif isinstance(value, list) and isinstance(node.get(key), list):
            node[key] = node[key] + value
        else:
            node[key] = value


def test_the_proposed_change_ends_the_drift(recorded: Path) -> None:
    alter(recorded, "get-404", lambda body: body["error"].update(code="no_such_task"))
    alter(recorded, "get-400", lambda body: body["error"].update(hint="look"), status=418)
    alter(recorded, "get-200", lambda body: body.update(status="queued", progress="half"), having="pending")
    alter(recorded, "get-200", lambda body: body["task_info"].update(queue=[{"place": 3}]), having="processing")
    document = contract_document()
    found = against_document(load(recorded), document)
    assert {one.kind for one in found} == {Kind.CODE, Kind.STATUS, Kind.SCHEMA, Kind.FIELD}
    change = yaml.safe_load(proposed(found, document, date(2026, 11, 23)))
    assert change["overlay"] == "1.0.0"
    assert against_document(load(recorded), applied(change, document)) == ()


def test_an_empty_folder_cannot_be_judged(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.exit_code, "no recordings" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    ("text", "place"),
    [("{", "malformed"), ("[]", "Expected `object`"), ('{"format": "x"}', "$.format"), ("\xff", "malformed")],
)
def test_a_file_that_is_no_recording_is_refused(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "0001.json").write_text(text, "latin-1")
    done = run(tmp_path)
    assert done.exit_code == 2
    assert "0001.json" in done.stderr.replace("\n", "")
    with pytest.raises(RecordingError):
        load(tmp_path)


def test_a_wrong_field_is_refused_with_its_place(recorded: Path) -> None:
    path = next(iter(sorted(recorded.iterdir())))
    path.write_text(path.read_text().replace('"status": 200', '"status": 1000'))
    with pytest.raises(RecordingError, match=rf"{path.name}: .*\$\.answer\.status"):
        load(recorded)


def test_recordings_are_bounded(tmp_path: Path) -> None:
    one = Exchange("GET", "http://127.0.0.1/v1/credits", {}, "", 200, {}, "{}")
    long = Exchange("GET", "http://127.0.0.1/v1/models", {}, "", 200, {}, "x" * (BODY_LIMIT + 1))
    silent = Exchange("GET", "http://[half", {}, "", None)
    assert record([long, silent, *[one] * 100], tmp_path) == ALIKE
    assert len(load(tmp_path)) == ALIKE


def test_two_runs_share_a_folder(talked: list[Exchange], recorded: Path) -> None:
    record(talked, recorded, RUN.replace(hour=6))
    assert len(load(recorded)) == 2 * len(talked)
    assert run(recorded).exit_code == 0


anything = st.text(st.characters(exclude_categories=()))


@reports.DRAWN
@given(anything, anything, anything, st.sampled_from(["GET", "M-SEARCH", "../X"]), st.sampled_from([200, 999]))
def test_any_answer_can_be_recorded(url: str, sent: str, got: str, method: str, status: int) -> None:
    one = Exchange(method, f"http://127.0.0.1/{url}", {}, sent, status, {"x-request-id": got}, got)
    with TemporaryDirectory() as folder:
        record([one], Path(folder))
        (read,) = load(Path(folder)).values()
    assert (read.request.method, read.answer.status) == (method, status)


def test_a_literal_path_comes_before_a_parameter() -> None:
    document = {"paths": {"/v1/tasks/{id}": {"get": {}}, "/v1/tasks/batch": {"get": {"operationId": "batch"}}}}
    assert find_operation(document, "GET", "/v1/tasks/batch?x=1").id == "batch"
    assert find_operation(document, "GET", "/v1/tasks/other").path == "/v1/tasks/{id}"
    assert find_operation(document, "PUT", "/v1/tasks/batch") is None


def test_the_contradicted_checks_are_named() -> None:
    def check(name: str, source: str) -> Check:
        return Check(name, Layer.BEHAVIOUR, "A promise.", source, Evidence.DOCUMENTED)

    whole, status, nested, other = (
        check("WHOLE", "getTask, 200"),
        check("STATUS", "getTask, 200, `status`"),
        check("NESTED", "getTask, 200, `task_info.can_cancel`"),
        check("OTHER", "getTask, 404"),
    )
    every = (whole, status, nested, other)

    def named(place: str, code: int = 200) -> tuple[Check, ...]:
        return concerned(Drift(Kind.SCHEMA, "getTask", code, place, "", "", ()), every)

    assert named("status") == (status,)
    assert named("task_info.can_cancel") == (nested,)
    assert named("") == (whole,)
    assert named("", 404) == (other,)
    assert named("progress") == ()
    spoken = check("SPOKEN", "the query, 200, `status`")
    assert concerned(Drift(Kind.SCHEMA, "getTask", 200, "status", "", "", ()), (spoken, other)) == (spoken,)
    code = Drift(Kind.CODE, "getTask", 404, "error.code", "", "", ())
    assert concerned(code, every) == (other,)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)
SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": ["string", "null"]},
        "b": {"$ref": "#/components/schemas/One"},
        "c": {
            "type": "array",
            "items": {"oneOf": [{"type": "object", "properties": {"a": {}}}, {"type": "integer"}]},
        },
    },
}
DOCUMENT = {"components": {"schemas": {"One": SCHEMA}}}


@reports.DRAWN
@given(st.dictionaries(st.sampled_from("abcd"), values, max_size=4))
def test_every_sighting_is_in_the_value(value: dict[str, Any]) -> None:
    seen = [*sightings(DOCUMENT, ("components", "schemas", "One"), value)]
    assert {one.place.replace("[]", "") for one in seen} <= {place.replace("[]", "") for place in key_paths(value)}
    assert ("d" in value) == any(one.beyond is Beyond.FIELD and one.place == "d" for one in seen)
    wrong = "a" in value and kind_of(value["a"]) not in ("string", "null")
    assert wrong == any(one.beyond is Beyond.TYPE and one.place == "a" for one in seen)


def test_a_reference_to_itself_ends() -> None:
    document = {"components": {"schemas": {"One": {"$ref": "#/components/schemas/One"}}}}
    with pytest.raises(LookupError):
        [*sightings(document, ("components", "schemas", "One"), {})]


def test_a_change_that_can_be_written_nowhere_is_wrong_usage(recorded: Path) -> None:
    done = run(recorded, "--overlay", recorded / "missing" / "change.yaml")
    assert (done.exit_code, "there is no folder" in done.stderr) == (2, True)
