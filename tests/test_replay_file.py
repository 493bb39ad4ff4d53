"""A replay file makes the same world again: bodies, ledger and callbacks to the byte, however the log was kept."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.simulation import snapshot
from mockserver.web.options import Bounds
from tests.conftest import MakeMock
from tests.house import CREATE, KEY, MINIMAL, Mock
from tests.receiver import Receiver
from tests.test_overlay import document

KEYS = [KEY, "sk-other-9876543210", "sk-third-5555555555"]
SCENARIO: dict[str, Any] = {
    "name": "busy",
    "rules": [
        {"times": 1, "chance": 1, "then": {"fail": "service_error", "callback": {"copies": 2, "delay_seconds": 2.0}}},
        {"skip": 2, "times": 1, "then": {"answer": {"status": 503, "retry_after": "soon"}}},
        {"when": {"operation": "getTask"}, "chance": 0.3, "then": {"answer": {"status": 500}}},
    ],
    "media": {"https://example.com/street.mp4": {"duration_seconds": 12.5}},
}


def live(mock: Mock, receiver: Receiver) -> None:
    """A bit of everything, with tasks, retries and stalled keys left open."""
    mock.post("/_mock/scenarios", SCENARIO)
    mock.account(KEYS[1], credits=1095.3996, token_credits=40, user_group="vip", models=None)
    for turn in range(6):
        for key in KEYS:
            headers = {"idempotency-key": f"turn-of-this-run-{turn // 2}"}
            response = mock.submit(key=key, callback_url=f"{receiver.url}/{turn}", headers=headers)
            if response.status_code == 200:
                mock.get(f"/v1/tasks/{response.json()['id']}", key=key)
        mock.advance(2.5)
    task_id = mock.task_id(key=KEYS[2], headers={"idempotency-key": "the-last-one-of-all"})
    mock.post(f"/_mock/tasks/{task_id}/cancel")
    mock.submit(key=KEYS[1], prompt="mock:seconds=600", callback_url=receiver.url)
    mock.account(KEYS[2], credits=3, requests_per_minute=5)


def shown(file: Path, show: str, *arguments: str) -> bytes:
    done = CliRunner().invoke(main, ["replay", str(file), "--show", show, *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


def lines(*bodies: bytes) -> bytes:
    return b"".join(body + b"\n" for body in bodies)


def queried(mock: Mock) -> list[bytes]:
    """What a query of each task answers at this moment, oldest first."""
    owners = {mock.book(key)["tenant"]: key for key in KEYS}
    listed = mock.get("/_mock/tasks", params={"limit": 1000}).json()["tasks"]
    return [persisted(mock, f"/v1/tasks/{task['id']}", owners[task["tenant"]]) for task in reversed(listed)]


def persisted(mock: Mock, path: str, key: str) -> bytes:
    """The answer once the scenario lets it through."""
    while (response := mock.get(path, key=key)).status_code == 500:
        """The next one may."""
    assert response.status_code == 200
    return response.content


def compare(mock: Mock, file: Path) -> None:
    """The world of the file is the living one."""
    bodies = queried(mock)
    file.write_bytes(mock.get("/_mock/log").content)
    assert shown(file, "tasks") == lines(*bodies)
    accounts = mock.get("/_mock/ledger").content.removeprefix(b'{"accounts":[').removesuffix(b"]}")
    assert shown(file, "ledger").replace(b"\n", b",").removesuffix(b",") == accounts
    callbacks = mock.get("/_mock/callbacks", params={"limit": 1000}).content
    listed = shown(file, "callbacks").replace(b"\n", b",").removesuffix(b",")
    assert listed == callbacks.removeprefix(b'{"callbacks":[').removesuffix(b"]}")
    assert shown(file, "state") == lines(*snapshot.dump(mock.app.node.world))


@pytest.mark.parametrize("profile", ["documented", "observed"])
def test_a_replay_is_the_same_to_the_byte(make_mock: MakeMock, tmp_path: Path, profile: Any) -> None:
    mock = make_mock(allow_local_callbacks=True, seed=7, profile=profile)
    with Receiver(mock, 200, 500, 200, 500, 500, 500) as receiver:
        live(mock, receiver)
        compare(mock, tmp_path / "run.jsonl")
        mock.advance(3600)
        mock.task_id(key=KEYS[0])
    compare(mock, tmp_path / "run.jsonl")


def test_the_bodies_of_a_replay_are_those_that_clients_got(mock: Mock, tmp_path: Path) -> None:
    ids = [mock.task_id(), mock.task_id(prompt="mock:fail=unknown_error")]
    mock.advance(5)
    got = [mock.get(f"/v1/tasks/{task_id}").content for task_id in ids]
    (tmp_path / "run.jsonl").write_bytes(mock.get("/_mock/log").content)
    assert shown(tmp_path / "run.jsonl", "tasks") == lines(*got)


def test_the_replay_of_a_mounted_document_needs_no_document(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = make_mock(specs=(document(tmp_path),))
    for prompt in ("a", "mock:fail=service_error"):
        assert mock.post("/v1/images/generations", {"model": "m", "prompt": prompt}).status_code == 200
    compare(mock, tmp_path / "run.jsonl")
    mock.advance(60)
    compare(mock, tmp_path / "run.jsonl")
    assert b'"model":"m"' in shown(tmp_path / "run.jsonl", "tasks")


def fill_the_log(mock: Mock) -> None:
    """Commands of some hundred kilobytes each, so that the log has to fold what came before them."""
    for _ in range(4):
        mock.account("sk-somebody-with-many-models", models=[f"{number:0200}" for number in range(1000)])


def folded(mock: Mock) -> bool:
    return b'{"snapshot":' in mock.get("/_mock/log").content


def test_a_replay_is_the_same_after_the_log_was_folded(make_mock: MakeMock, tmp_path: Path) -> None:
    mock = make_mock(allow_local_callbacks=True, bounds=Bounds(log_bytes=4000))
    file = tmp_path / "run.jsonl"
    with Receiver(mock, *[500, 200] * 20) as receiver:
        for turn in range(3):
            live(mock, receiver)
            compare(mock, file)
            fill_the_log(mock)
            assert folded(mock), turn
            compare(mock, file)


def test_a_folded_log_still_answers_a_repeat(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(log_bytes=1000))
    headers = {"idempotency-key": "invoice-2025-09-06.0001"}
    first = mock.submit(headers=headers)
    fill_the_log(mock)
    assert folded(mock)
    assert mock.submit(headers=headers).json() == first.json()


def test_a_server_on_a_sqlite_log_goes_on_where_it_was(make_mock: MakeMock, tmp_path: Path) -> None:
    log = f"sqlite:{tmp_path / 'log.db'}"
    first = make_mock(log=log, allow_local_callbacks=True)
    with Receiver(first, 500, 200) as receiver:
        live(first, receiver)
    before = first.get("/_mock/ledger").content, list(snapshot.dump(first.app.node.world))
    first.run(first.app.stop())
    second = make_mock(log=log, allow_local_callbacks=True)
    assert (second.get("/_mock/ledger").content, list(snapshot.dump(second.app.node.world))) == before
    compare(second, tmp_path / "run.jsonl")


def test_a_replay_travels_in_time(mock: Mock, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    mock.task_id()
    mock.advance(5)
    file.write_bytes(mock.get("/_mock/log").content)
    commands = shown(file, "commands").splitlines()
    assert [b'"command":"submit"' in line for line in commands] == [True, False, False]
    assert b'"status":"pending"' in shown(file, "tasks", "--until", "1")
    assert b'"status":"completed"' in shown(file, "tasks", "--until", str(len(commands)))
    assert shown(file, "tasks", "--until", "0") == b""
    assert b"3 commands" in shown(file, "summary")


def test_a_replay_can_be_shaped_by_another_profile(mock: Mock, tmp_path: Path) -> None:
    mock.task_id()
    mock.advance(5)
    (tmp_path / "run.jsonl").write_bytes(mock.get("/_mock/log").content)
    assert b"result_data" in shown(tmp_path / "run.jsonl", "tasks", "--profile", "observed")
    assert b"result_data" not in shown(tmp_path / "run.jsonl", "tasks")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "line 1"),
        (b"nonsense\n", "line 1"),
        (b'{"replay": 2}\n', "line 1"),
        (None, "is neither snapshot nor command"),
    ],
)
def test_what_is_no_replay_file_is_told_with_its_line(
    mock: Mock, tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "run.jsonl"
    file.write_bytes(mock.get("/_mock/log").content + b'{"command":"explode"}\n' if content is None else content)
    done = CliRunner().invoke(main, ["replay", str(file)])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert told in done.output
    assert file.name in done.output


def test_refused_requests_leave_nothing_in_the_log(mock: Mock) -> None:
    before = mock.get("/_mock/log").content
    mock.submit(prompt=None)
    mock.post(CREATE, MINIMAL, key=None)
    mock.get("/v1/tasks/nonsense")
    assert mock.get("/_mock/log").content == before
