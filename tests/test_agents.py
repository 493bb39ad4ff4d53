"""The mock and the judges as a coding agent sees them: over the protocol, by the official client."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
import yaml

from mockserver.agents.calls import calls
from mockserver.data import data
from mockserver.testing import MockServer
from tests.house import MODEL

mcp = pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters, stdio_client  # noqa: E402
from mcp_types import INVALID_PARAMS  # noqa: E402

from mockserver.agents.serving import Toolbox  # noqa: E402

KEY = "sk-agent"


@pytest.fixture(scope="module")
def mock() -> Iterator[MockServer]:
    with MockServer() as server:
        yield server


def told(mock: MockServer, talk: Callable[[Client], Awaitable[Any]]) -> Any:
    async def whole() -> Any:
        async with Client(Toolbox(mock.url).server()) as client:
            return await talk(client)

    return asyncio.run(whole())


def called(mock: MockServer, name: str, **arguments: Any) -> Any:
    return told(mock, lambda client: client.call_tool(name, arguments))


def test_every_call_that_ends_is_a_tool(mock: MockServer) -> None:
    listed = told(mock, lambda client: client.list_tools()).tools
    document = yaml.safe_load(data("openapi", "control.yaml").read_text())
    known = {
        one["operationId"] for item in document["paths"].values() for one in item.values() if "operationId" in one
    }
    names = {tool.name for tool in listed}
    assert known - names == {"streamEvents", "addReplay"}
    assert names - known == {"judge_client", "judge_receiver", "judge_server", "judge_traffic"}


def test_what_only_reads_is_marked(mock: MockServer) -> None:
    listed = told(mock, lambda client: client.list_tools()).tools
    reads = {tool.name for tool in listed if tool.annotations.read_only_hint}
    assert {"getHealth", "listTasks", "getLedger", "judge_traffic"} <= reads
    assert not {"advanceClock", "reset", "failTask", "judge_client"} & reads
    assert {tool.name for tool in listed if tool.annotations.destructive_hint} >= {"reset", "removeScenarios"}


def test_arguments_go_where_the_document_has_them() -> None:
    sent = calls()["failTask"].request({"task_id": "task/../1", "code": "service_error"})
    assert sent["url"] == "/_mock/tasks/task%2F..%2F1/fail"
    assert sent["json"] == {"code": "service_error"}
    assert calls()["advanceClock"].request({"key": KEY, "ms": 5})["params"] == {"key": KEY}


def test_a_task_is_seen_through(mock: MockServer) -> None:
    assert not called(mock, "setClock", key=KEY, mode="manual").is_error
    body = {"model": MODEL, "prompt": "Snow", "video_urls": ["https://example.com/street.mp4"]}
    headers = {"authorization": f"Bearer {KEY}"}
    task = httpx.post(f"{mock.url}/v1/videos/generations", json=body, headers=headers).json()
    fired = json.loads(called(mock, "advanceClock", key=KEY, ms=10_000).content[0].text)
    assert fired["fired_count"] > 0
    seen = json.loads(called(mock, "listTasks", key=KEY).content[0].text)
    assert [one["id"] for one in seen["tasks"]] == [task["id"]]


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("setClock", {"key": KEY, "mode": "sideways"}, "sideways"),
        ("setClock", {"key": KEY, "hurry": True}, "hurry"),
        ("getTask", {}, "getTask: task_id: received nothing; allowed: a value"),
        ("failTask", {"id": "task-1"}, "failTask: task_id: received nothing"),
        ("noSuchTool", {}, "no such tool"),
        ("judge_client", {}, "command: received nothing"),
        (
            "judge_client",
            {"command": "python client.py"},
            'command: received string "python client.py"; allowed: array',
        ),
        ("judge_client", {"command": []}, "command: received"),
        ("judge_receiver", {"url": 3}, "url: received integer 3"),
        ("judge_traffic", {"options": "--json"}, "options: received"),
        ("judge_server", {"url": "fake", "max_credits": 1}, "max_credits: received a field that is not known here"),
    ],
)
def test_what_is_wrong_is_told(mock: MockServer, name: str, arguments: dict[str, Any], says: str) -> None:
    answer = called(mock, name, **arguments)
    assert answer.is_error
    assert says in answer.content[0].text


def test_documents_can_be_read(mock: MockServer) -> None:
    async def talk(client: Client) -> str:
        listed = (await client.list_resources()).resources
        return str((await client.read_resource(listed[0].uri)).contents[0].text)

    assert told(mock, talk) == data("openapi", "evolink.yaml").read_text()


@pytest.mark.parametrize("uri", ["evolink-mock://nothing.yaml", "evolink.yaml", "file:///etc/hosts"])
def test_a_document_that_there_is_not_is_told_with_those_there_are(mock: MockServer, uri: str) -> None:
    async def talk(client: Client) -> int:
        with pytest.raises(mcp.MCPError, match=r"evolink-mock://control\.yaml") as refusal:
            await client.read_resource(uri)
        return refusal.value.code

    assert told(mock, talk) == INVALID_PARAMS


@pytest.mark.long
def test_the_program_serves_and_judges() -> None:
    """Over standard input and output, with a mock of its own."""

    async def talk() -> Any:
        command = StdioServerParameters(command=sys.executable, args=["-m", "mockserver", "mcp"])
        async with Client(stdio_client(command)) as client:
            await client.call_tool("getHealth", {})
            return await client.call_tool("judge_server", {"url": "fake", "options": ["--check", "TASK-ID-UNIQUE"]})

    answer = asyncio.run(talk())
    assert "Holds" in answer.content[0].text
    assert answer.structured_content["verdict"]
