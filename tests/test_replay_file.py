"""A replay file makes the same world again: bodies, ledger and callbacks to the byte, however the log was kept."""

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mockserver.cli import main
from mockserver.log import memory, sqlite
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
    """A bit of everything, with tasks, retries and stalled keys left open. The keys come in their order."""
    mock.account(KEYS[0], user_group="default")
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


def queried(mock: Mock, key: str) -> list[bytes]:
    """What a query of each task of a key answers at this moment, oldest first."""
    listed = mock.get("/_mock/tasks", params={"key": key, "limit": 1000}).json()["tasks"]
    return [persisted(mock, f"/v1/tasks/{task['id']}", key) for task in reversed(listed)]


def persisted(mock: Mock, path: str, key: str) -> bytes:
    """The answer once the scenario lets it through."""
    while (response := mock.get(path, key=key)).status_code == 500:
        """The next one may."""
    assert response.status_code == 200
    return response.content


def records(mock: Mock, path: str, **params: Any) -> bytes:
    """What a call lists, a line each."""
    content = mock.get(path, params=params).content
    listed = content[content.index(b"[") + 1 :].removesuffix(b"]}")
    return re.sub(rb"(?<=}),(?={\"(tenant|id)\":)", rb"\n", listed) + (b"\n" if listed else b"")


def compare(mock: Mock, file: Path, keys: list[str] = KEYS) -> None:
    """The worlds of the file are the living ones."""
    bodies = [body for key in keys for body in queried(mock, key)]
    file.write_bytes(mock.get("/_mock/log").content)
    assert shown(file, "tasks") == lines(*bodies)
    assert shown(file, "ledger") == records(mock, "/_mock/ledger")
    assert shown(file, "callbacks") == records(mock, "/_mock/callbacks", limit=1000)
    assert shown(file, "state") == lines(*mock.state())


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
    compare(mock, tmp_path / "run.jsonl", [KEY])
    mock.advance(60)
    compare(mock, tmp_path / "run.jsonl", [KEY])
    assert b'"model":"m"' in shown(tmp_path / "run.jsonl", "tasks")


@pytest.fixture
def often_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logs give way to snapshots every few commands."""
    for module in (memory, sqlite):
        monkeypatch.setattr(module, "FEW_COMMANDS", 5)
    monkeypatch.setattr(memory, "_LEAST_BYTES", 0)


def folded(mock: Mock, key: str = KEY) -> bool:
    """Whether the log of a key begins with a snapshot, once whatever is being folded is whole."""
    mock.get("/_mock/ledger")
    return mock.get("/_mock/log", params={"key": key}).content.splitlines()[1].startswith(b'{"snapshot":')


@pytest.mark.usefixtures("often_folded")
@pytest.mark.parametrize("kind", ["memory", "sqlite:{}/log.db"])
def test_a_replay_is_the_same_after_the_log_was_folded(make_mock: MakeMock, tmp_path: Path, kind: str) -> None:
    log = kind.format(tmp_path)
    mock = make_mock(allow_local_callbacks=True, log=log, bounds=Bounds(log_bytes=1))
    file = tmp_path / "run.jsonl"
    with Receiver(mock, *[500, 200] * 20) as receiver:
        for turn in range(3):
            live(mock, receiver)
            for _ in range(120 if log != "memory" else 10):
                mock.account(KEYS[turn], user_group="vip")
            assert folded(mock, KEYS[turn]), turn
            compare(mock, file)


@pytest.mark.usefixtures("often_folded")
def test_a_folded_log_still_answers_a_repeat(make_mock: MakeMock) -> None:
    mock = make_mock(bounds=Bounds(log_bytes=1))
    headers = {"idempotency-key": "invoice-2025-09-06.0001"}
    first = mock.submit(headers=headers)
    for _ in range(20):
        mock.account(user_group="vip")
    assert folded(mock)
    assert mock.submit(headers=headers).json()["id"] == first.json()["id"]


def test_a_server_on_a_sqlite_log_goes_on_where_it_was(make_mock: MakeMock, tmp_path: Path) -> None:
    log = f"sqlite:{tmp_path / 'log.db'}"
    first = make_mock(log=log, allow_local_callbacks=True)
    with Receiver(first, 500, 200) as receiver:
        live(first, receiver)
    before = first.get("/_mock/ledger").content, first.state()
    first.run(first.app.stop())
    second = make_mock(log=log, allow_local_callbacks=True)
    assert (second.get("/_mock/ledger").content, second.state()) == before
    compare(second, tmp_path / "run.jsonl")


@pytest.mark.parametrize("kind", ["memory", "sqlite:{}/log.db"])
def test_the_replay_of_one_key_is_all_of_it_and_of_nobody_else(
    make_mock: MakeMock, tmp_path: Path, kind: str
) -> None:
    mock = make_mock(allow_local_callbacks=True, seed=7, log=kind.format(tmp_path))
    with Receiver(mock, 200, 500, 200, 500, 500, 500) as receiver:
        live(mock, receiver)
        mock.advance(1)
    file, names = tmp_path / "one.jsonl", {key: mock.book(key)["tenant"] for key in KEYS}
    for key in KEYS:
        bodies = queried(mock, key)
        content = mock.get("/_mock/log", params={"key": key}).content
        file.write_bytes(content)
        assert shown(file, "tasks") == lines(*bodies)
        assert shown(file, "ledger") == records(mock, "/_mock/ledger", key=key)
        assert shown(file, "callbacks") == records(mock, "/_mock/callbacks", key=key, limit=1000)
        assert shown(file, "state") == lines(*snapshot.dump(mock.world(key)))
        assert content.count(b'{"replay":') == 1
        assert not any(name.encode() in content for other, name in names.items() if other != key)


def test_the_replay_of_a_key_that_nobody_used_is_a_world_without_a_past(mock: Mock, tmp_path: Path) -> None:
    mock.task_id()
    (tmp_path / "run.jsonl").write_bytes(mock.get("/_mock/log", params={"key": "sk-never-used-000"}).content)
    assert b"0 commands, 1 keys, 0 tasks, 0 callbacks" in shown(tmp_path / "run.jsonl", "summary")


def test_the_replay_of_a_server_that_nobody_used_is_one_without_keys(mock: Mock, tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_bytes(mock.get("/_mock/log").content)
    assert b"0 keys" in shown(tmp_path / "run.jsonl", "summary")


def test_a_replay_travels_in_time(mock: Mock, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    mock.task_id()
    mock.advance(5)
    file.write_bytes(mock.get("/_mock/log").content)
    commands = shown(file, "commands").splitlines()
    assert [b'"command":"submit"' in line for line in commands] == [True, False]
    assert b'"status":"pending"' in shown(file, "tasks", "--until", "1")
    assert b'"status":"completed"' in shown(file, "tasks", "--until", str(len(commands)))
    assert shown(file, "tasks", "--until", "0") == b""
    assert b"2 commands" in shown(file, "summary")


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
        (None, "line 3: neither snapshot nor command"),
    ],
)
def test_what_is_no_replay_file_is_told_with_its_line(
    mock: Mock, tmp_path: Path, content: bytes | None, told: str
) -> None:
    file = tmp_path / "run.jsonl"
    mock.account(user_group="default")
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


# --- files of the version before, and what it showed of them

OLD = Path(__file__).parent / "replays"


def old_file(folder: Path, name: str) -> Path:
    file = folder / f"{name}.jsonl"
    file.write_bytes(gzip.decompress((OLD / f"{name}.jsonl.gz").read_bytes()))
    return file


def as_it_was(callbacks: bytes) -> bytes:
    """Attempts did not tell when they fell due."""
    return re.sub(rb'({"number":\d+),"due_ms":\d+', rb"\1", callbacks)


@pytest.mark.parametrize("name", ["whole", "folded"])
def test_an_old_file_shows_what_it_showed(tmp_path: Path, name: str) -> None:
    """But that each key's tasks and callbacks now stand together."""
    file = old_file(tmp_path, name)
    tasks, ledger, callbacks = (
        (OLD / f"{name}.{show}.jsonl").read_bytes() for show in ("tasks", "ledger", "callbacks")
    )
    assert sorted(shown(file, "tasks").splitlines()) == sorted(tasks.splitlines())
    assert shown(file, "ledger") == ledger
    assert sorted(as_it_was(shown(file, "callbacks")).splitlines()) == sorted(callbacks.splitlines())


def test_an_old_file_travels_in_time(tmp_path: Path) -> None:
    file = old_file(tmp_path, "whole")
    assert shown(file, "tasks", "--until", "0") == b""
    assert shown(file, "tasks", "--until", "4").count(b"\n") == 1
    assert b"4 keys, 12 tasks, 10 callbacks" in shown(file, "summary")
    assert b'"command":"forget_tenant"' not in shown(file, "commands")


DAMAGED = [
    b"?",
    b'{"snapshot":"riddle"}',
    b'{"snapshot":"moment"}',
    b'{"snapshot":"task","task":{"id":1}}',
    b'{"command":"x"}',
]


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", ["whole", "folded"])
def test_a_damaged_line_of_an_old_file_is_told(tmp_path: Path, name: str, damage: bytes) -> None:
    file = old_file(tmp_path, name)
    written = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*written[:5], damage + b"\n", *written[5:]]))
    done = CliRunner().invoke(main, ["replay", str(file)])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert "line 6: " in done.output
