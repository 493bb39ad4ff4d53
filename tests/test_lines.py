"""What `serve` prints: a line for each thing, none harmful, a flood summed up; and nobody waits for a terminal."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver import config
from mockserver.web.api.identity import tenant_of
from mockserver.web.lines import printer
from mockserver.web.lines.feed import LINES_A_SECOND, Missed
from mockserver.web.lines.lines import Lines
from mockserver.web.lines.printer import JsonLines
from mockserver.web.lines.text import Text
from mockserver.web.lines.told import told
from tests.house import CREATE, KEY, MODEL, OTHER_KEY, Mock
from tests.receiver import Receiver

PLAIN, COLOURED = Text(colours=False), Text(colours=True)


class Paper:
    """A mock whose lines go into a pipe that the test reads."""

    def __init__(self, mock: Mock, *, as_json: bool = False) -> None:
        self.mock = mock
        self.reads, writes = os.pipe()
        self._out = os.fdopen(writes, "w", encoding="utf-8")
        self.lines = Lines(mock.app, JsonLines() if as_json else PLAIN, self._out)
        mock.run(self._start())

    async def _start(self) -> None:
        self.lines.start()

    def close(self) -> None:
        self.lines.close()
        if not self._out.closed:
            self._out.close()

    def read(self) -> list[str]:
        """Every line that was printed, once nothing more is."""
        self.close()
        with os.fdopen(self.reads, encoding="utf-8") as reader:
            return reader.read().splitlines()


MakePaper = Callable[..., Paper]


@pytest.fixture
def make_paper(local: Mock, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePaper]:
    monkeypatch.setattr(printer, "SECOND_S", 0.05)
    made: list[Paper] = []

    def make(**options: Any) -> Paper:
        made.append(Paper(local, **options))
        return made[-1]

    yield make
    for paper in made:
        paper.close()


def words(line: str) -> str:
    """A line without its time."""
    time, rest = line.split("  ", 1)
    assert re.fullmatch(r"[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}", time)
    return rest


# --- what is told


def test_a_life_in_lines(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    with Receiver(local, 500, 200) as receiver:
        task_id = local.task_id(callback_url=f"{receiver.url}?secret=x")
        local.advance(2)
        local.task(task_id)
        local.advance(20)
        lines = [words(line) for line in paper.read()]
    clock = r"  …6789  \[its clock: 2025-09-06 14:4[0-9]:[0-9]{2} UTC\]"
    told_of = [
        rf"POST {CREATE}  200  {MODEL}  {task_id}  pending 0%{clock}",
        r"POST /_mock/clock/advance  200",
        rf"GET  /v1/tasks/{task_id}  200  processing [0-9]+%{clock}",
        rf"task {task_id}  completed  after [0-9.]+ s  7 credits charged{clock}",
        rf"callback of {task_id}  attempt 1 to http://127.0.0.1:[0-9]+/done  -> 500  again in 1 s{clock}",
        rf"callback of {task_id}  attempt 2 to http://127.0.0.1:[0-9]+/done  -> 200{clock}",
        r"POST /_mock/clock/advance  200",
    ]
    assert len(lines) == len(told_of)
    for line, pattern in zip(lines, told_of, strict=True):
        assert re.fullmatch(pattern, line), line


def test_the_last_attempt_says_that_there_is_none_after_it(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    local.submit(callback_url="http://127.0.0.1:9/hook")
    local.advance(60)
    attempts = [line for line in paper.read() if "  attempt " in line]
    assert [line.partition("-> ")[2].partition("  …")[0] for line in attempts] == [
        "connection refused  again in 1 s",
        "connection refused  again in 2 s",
        "connection refused  again in 4 s",
        "connection refused  given up",
    ]


def test_a_failed_task_and_a_refusal_say_why(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    local.submit(prompt="mock:fail=service_error")
    local.submit(prompt=None)
    local.get("/v1/credits", key=None)
    local.get("/_mock/tasks")
    local.post("/_mock/scenarios/read", {"text": "name: half-writ"})
    local.post("/_mock/requests/verify", {})
    local.post("/_mock/clock/advance", {"mss": 1})
    local.advance(20)
    lines = "\n".join(paper.read())
    assert "failed  service_error  after 5 s  7 credits released  no callback_url" in lines
    assert "400  kling-o1-video-edit-fast  invalid_request: prompt: received nothing; allowed: a value" in lines
    assert "GET  /v1/credits  401  No valid API key came with the request" in lines
    assert "/_mock/clock/advance  400  invalid_request: mss: received a field that is not known here" in lines
    assert not re.search("/_mock/(tasks|scenarios/read|requests/verify)", lines)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("mock:callback_copies=0", "no callback, as was asked"),
        ("mock:callback_delay_seconds=9", "callback in 9 s, 1 times"),
    ],
)
def test_a_callback_that_is_not_sent_at_once_is_told(
    make_paper: MakePaper, local: Mock, prompt: str, words: str
) -> None:
    paper = make_paper()
    local.submit(prompt=prompt, callback_url="http://127.0.0.1:9/hook")
    local.advance(6)
    assert any("completed" in line and words in line for line in paper.read())


def test_a_hint_comes_after_what_it_is_about(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    local.submit(promt="x")
    request, hint = map(words, paper.read())
    assert request.startswith("POST")
    assert hint.startswith("hint  promt: no document names this field, so it does nothing; prompt was probably meant")


def test_no_line_has_a_key(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    local.submit(promt=KEY)
    local.submit(key=OTHER_KEY, callback_url=f"https://client.example/hook?secret={OTHER_KEY}")
    local.get("/v1/credits", params={"api_key": KEY})
    local.put(f"/_mock/accounts/{KEY}", {"credits": 1})
    text = "\n".join(paper.read())
    assert "…6789" in text
    assert "…3210" in text
    assert "/_mock/accounts/…6789  200" in text
    assert KEY not in text
    assert OTHER_KEY not in text


def test_short_keys_are_told_apart(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    for key in ("alice", "bob"):
        local.submit(key=key)
    ends = [line.partition("%  ")[2].partition("  ")[0] for line in paper.read()]
    assert ends == [f"key {tenant_of(key).partition('-')[2][:6]}" for key in ("alice", "bob")]


def test_json_lines_say_the_same(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper(as_json=True)
    task_id = local.task_id()
    local.submit(prompt=None)
    local.advance(20)
    records = [json.loads(line) for line in paper.read()]
    assert [one["type"] for one in records] == ["request", "request", "task.completed", "control"]
    accepted, refused, ended, _ = records
    assert (accepted["model"], accepted["task_id"], accepted["status"]) == (MODEL, task_id, 200)
    assert (refused["code"], refused["key"]) == ("invalid_request", "…6789")
    assert ended["credits_charged"] == 7
    assert all(re.fullmatch(r"20[0-9-]+T[0-9:.]+Z", one["time"]) for one in records)


# --- hostile text

TEXT = st.text(st.characters(), max_size=600)


@given(TEXT, TEXT, TEXT)
def test_nothing_in_a_line_moves_a_terminal(path: str, reason: str, model: str) -> None:
    record = {
        "type": "control",
        "real_ms": 1_757_169_743_000,
        "method": "PO\x1bST",
        "path": path,
        "status": 400,
        "model": model,
        "answer": {"error": {"code": "\x9b31m", "message": reason}},
    }
    line = PLAIN.line(told(record))
    assert line.isprintable()
    assert len(line) < 12_000
    again = json.loads(JsonLines().line(told(record)))
    assert again["path"][:400] == path[:400].encode("utf-8", "replace").decode()


def test_what_comes_over_the_wire_is_harmless(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    evil = "\x1b]0;owned\x07\x1b[2J\r\nfake line\u202e" + "x" * 100_000
    local.submit(model=evil, prompt=evil)
    local.submit(callback_url=f"https://example.com/{evil}")
    local.get("/v1/tasks/%1b%5b2J%0d%0afake")
    lines = paper.read()
    assert len(lines) == 3
    assert all(line.isprintable() and len(line) < 1_500 for line in lines)


# --- colour


def test_colour_is_for_terminals() -> None:
    record = told({"type": "control", "real_ms": 0, "method": "GET", "path": "/", "status": 500, "answer": None})
    assert "\x1b[31m500\x1b[0m" in COLOURED.line(record)
    assert "\x1b" not in PLAIN.line(record)


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [
        (True, {}, True),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, True),
    ],
)
def test_who_gets_colours(
    mock: Mock, monkeypatch: pytest.MonkeyPatch, terminal: bool, variables: dict[str, str], coloured: bool
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    reads, writes = os.openpty() if terminal else os.pipe()
    with os.fdopen(writes, "w") as out:
        lines = config.lines(mock.app, "text", out)
        assert lines is not None
        assert lines._printer._form._colours is coloured  # type: ignore[attr-defined]
        lines.close()
    os.close(reads)


def test_where_nothing_can_be_printed_nothing_is(mock: Mock) -> None:
    assert config.lines(mock.app, "text", None) is None


# --- floods, and readers that are slow or gone


def test_a_flood_is_summed_up(make_paper: MakePaper, local: Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printer, "SECOND_S", 30)
    paper = make_paper()
    for _ in range(LINES_A_SECOND + 20):
        local.submit()
    local.submit(promt="x", prompt=None)
    local.advance(10)
    assert local.app.node.listeners == []
    lines = paper.read()
    assert len([line for line in lines if "POST" in line]) == LINES_A_SECOND
    assert len([line for line in lines if "completed" in line]) == LINES_A_SECOND
    assert len([line for line in lines if "hint" in line]) == 2  # a repeat, and the field
    assert lines[-1] == (
        "… in the last second 22 more requests, 1 of them refused "
        "and more ends of tasks and callbacks than could be followed"
    )


def test_after_a_flood_events_are_heard_again(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    for _ in range(LINES_A_SECOND + 1):
        local.task_id()
    local.advance(10)

    async def renewed() -> None:  # where a second ended in mid-flood, the next one is nearly used up already
        while not local.app.node.listeners or paper.lines._feed._events_left < LINES_A_SECOND:
            await asyncio.sleep(0.005)

    local.run(asyncio.wait_for(renewed(), 8))
    late = local.task_id()
    local.advance(10)
    assert any(f"task {late}  completed" in line for line in paper.read())


@pytest.mark.parametrize(
    ("missed", "seconds", "words"),
    [
        (Missed(2_318, 0, 0), 1.0, "… in the last second 2,318 more requests"),
        (Missed(3, 1, 0), 7.2, "… in the last 7 s 3 more requests, 1 of them refused"),
    ],
)
def test_the_sum(missed: Missed, seconds: float, words: str) -> None:
    assert PLAIN.more(missed, seconds) == words


def test_a_terminal_that_stands_still_holds_nobody_up(
    make_paper: MakePaper, local: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(printer, "_END_S", 0.05)
    paper = make_paper()
    os.set_blocking(paper.reads, False)
    for _ in range(1_000):
        local.submit(model="x" * 300)
    assert len(paper.lines._feed._kept) <= LINES_A_SECOND
    paper.close()  # returns, though nobody reads
    os.close(paper.reads)


def test_a_reader_that_is_gone_ends_the_lines_alone(make_paper: MakePaper, local: Mock) -> None:
    paper = make_paper()
    os.close(paper.reads)
    local.submit()

    async def detached() -> None:
        while local.app.journal.listeners:
            await asyncio.sleep(0.005)

    local.run(asyncio.wait_for(detached(), 8))
    assert local.app.node.listeners == []
    assert local.submit().status_code == 200


def test_a_line_that_breaks_does_not_end_the_lines(
    make_paper: MakePaper, local: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = make_paper()
    monkeypatch.setattr(PLAIN, "_request", lambda record: 1 / 0)
    local.task_id()
    local.advance(20)
    assert any("completed" in line for line in paper.read())


# --- the command

SERVE = [sys.executable, "-m", "mockserver", "serve", "--port", "0"]
ROOT = Path(__file__).parent.parent


@contextmanager
def serving(*options: str, **how: Any) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([*SERVE, *options], cwd=ROOT, **{"stdout": subprocess.PIPE, **how}) as process:
        watch = threading.Timer(20, process.kill)
        watch.start()
        try:
            yield process
        finally:
            watch.cancel()
            process.kill()


def asked(url: str) -> None:
    subprocess.run(["curl", "-s", "-o", os.devnull, f"{url}/v1/credits?a=1"], check=True)


def test_serve_prints_json_lines_and_nothing_else() -> None:
    with serving("--log-format", "json") as process:
        assert process.stdout is not None
        asked(json.loads(process.stdout.readline())["url"])
        told_of = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert (told_of["type"], told_of["status"], process.wait(10)) == ("request", 401, 0)
        assert process.stdout.read() == b""


@pytest.mark.long
@pytest.mark.parametrize("options", [(), ("--quiet",)])
def test_a_pipe_that_nobody_reads_ends_no_server(options: tuple[str, ...]) -> None:
    with serving(*options) as process:
        assert process.stdout is not None
        url = next(re.findall(r"http://[0-9.:]+", line.decode())[0] for line in process.stdout if b"http" in line)
        process.stdout.close()
        for _ in range(3):
            asked(url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.mark.long
def test_a_closed_stdout_ends_no_server() -> None:
    script = f"exec {' '.join(SERVE)} --port 18977 >&-"
    with subprocess.Popen(["bash", "-c", script], cwd=ROOT) as process:
        try:
            retries = ["--retry", "50", "--retry-delay", "1", "--retry-connrefused", "--fail"]
            subprocess.run(["curl", "-s", *retries, "http://127.0.0.1:18977/healthz"], check=True)
            asked("http://127.0.0.1:18977")
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
