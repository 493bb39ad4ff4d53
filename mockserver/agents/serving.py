"""A server of the Model Context Protocol on standard input and output."""

import asyncio
from typing import Any

import httpx
import mcp_types as types
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server

from mockserver import __version__
from mockserver.agents.calls import Call, calls, objection
from mockserver.agents.judges import JUDGES, judge
from mockserver.data import data
from mockserver.testing import MockServer

_TIMEOUT_S = 120.0
_JUDGE = "judge_"
_SCHEME = "evolink-mock://"
_DOCUMENTS = ("evolink.yaml", "files.yaml", "control.yaml")


class Toolbox:
    """The tools, on one mock at `url`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self._url, self._calls = url, calls()
        self._checked = {name: call.checked for name, call in self._calls.items()} | {
            _JUDGE + name: one.schema for name, one in JUDGES.items()
        }
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def server(self) -> Server[Any]:
        """The protocol's server with these tools, and the documents to read."""
        return Server(
            "evolink-mock",
            version=__version__,
            instructions=f"A mock of EvoLink's generation API serves at {self._url}; any bearer token is an account "
            "of its own. Point programs there, move the key's clock instead of waiting, then judge.",
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_list_resources=self._resources,
            on_read_resource=self._read,
        )

    async def _list(self, context: ServerRequestContext[Any], params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[*map(_of_call, self._calls.values()), *map(_of_judge, JUDGES)])

    async def _call(self, context: ServerRequestContext[Any], params: Any) -> types.CallToolResult:
        name, arguments = params.name, dict(params.arguments or {})
        if (schema := self._checked.get(name)) is None:
            return _result(f"{name}: there is no such tool", is_error=True)
        if (words := objection(schema, arguments)) is not None:
            return _result(f"{name}: {words}", is_error=True)
        if name in self._calls:
            return await self._ask(self._calls[name], arguments)
        told, report = await judge(name.removeprefix(_JUDGE), arguments, self._url)
        return _result(told, report, is_error=report is None)

    async def _ask(self, call: Call, arguments: dict[str, Any]) -> types.CallToolResult:
        at = httpx.AsyncClient(base_url=self._url, headers=self._headers, timeout=_TIMEOUT_S, trust_env=False)
        try:
            async with at:
                answer = await at.request(**call.request(arguments))
        except httpx.HTTPError as error:
            return _result(f"{call.name}: {type(error).__name__} {error}", is_error=True)
        return _result(answer.text, is_error=answer.is_error)

    async def _resources(self, context: ServerRequestContext[Any], params: Any) -> types.ListResourcesResult:
        known = [types.Resource(name=name, uri=_SCHEME + name, mime_type="application/yaml") for name in _DOCUMENTS]
        return types.ListResourcesResult(resources=known)

    async def _read(self, context: ServerRequestContext[Any], params: Any) -> types.ReadResourceResult:
        name = str(params.uri).removeprefix(_SCHEME)
        if str(params.uri) != _SCHEME + name or name not in _DOCUMENTS:
            known = ", ".join(_SCHEME + one for one in _DOCUMENTS)
            raise MCPError(types.INVALID_PARAMS, f"uri: received {params.uri}; allowed: {known}")
        text = data("openapi", name).read_text("utf-8")
        return types.ReadResourceResult(contents=[types.TextResourceContents(uri=str(params.uri), text=text)])


def _of_call(call: Call) -> types.Tool:
    hints = types.ToolAnnotations(
        read_only_hint=call.only_reads, destructive_hint=call.takes_away, open_world_hint=False
    )
    return types.Tool(name=call.name, description=call.told, input_schema=call.schema, annotations=hints)


def _of_judge(name: str) -> types.Tool:
    one = JUDGES[name]
    hints = types.ToolAnnotations(read_only_hint=one.only_reads, open_world_hint=not one.only_reads)
    return types.Tool(name=_JUDGE + name, description=one.told, input_schema=one.schema, annotations=hints)


def _result(text: str, report: dict[str, Any] | None = None, *, is_error: bool = False) -> types.CallToolResult:
    content: list[Any] = [types.TextContent(type="text", text=text)]
    return types.CallToolResult(content=content, structured_content=report, is_error=is_error)


def run(url: str | None, token: str | None) -> None:
    """Until standard input ends, on the mock at `url`, or on one of its own."""
    if url is not None:
        asyncio.run(_serve(url, token))
    else:
        with MockServer(clock="real") as mock:
            asyncio.run(_serve(mock.url, None))


async def _serve(url: str, token: str | None) -> None:
    server = Toolbox(url, token).server()
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
