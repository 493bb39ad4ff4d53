"""The judges as tools: each is a command of `contract-tests`, run as somebody would in a shell."""

import asyncio
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TEXT = {"type": "string"}
_TIME_LIMIT_S = 1800
_LONGEST = 60_000


@dataclass(frozen=True, slots=True)
class Judge:
    """One command. `only_reads`: whatever it judges is asked, and not changed."""

    told: str
    schema: dict[str, Any]
    only_reads: bool

    def words(self, name: str, arguments: dict[str, Any], mock_url: str) -> list[str]:
        """The arguments of `contract-tests`."""
        options = arguments.get("options", [])
        if name == "client":
            return [name, *options, "--", *arguments["command"]]
        return [name, *options, arguments.get("url", mock_url)]


_OPTIONS = {
    "type": "array",
    "items": _TEXT,
    "description": "More options, one word each, as `contract-tests COMMAND --help` tells them.",
}


def _schema(needed: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    known = {**properties, "options": _OPTIONS}
    return {"type": "object", "properties": known, "required": list(needed), "additionalProperties": False}


JUDGES = {
    "client": Judge(
        "Run a program that submits one task and waits for its end against a fake, through every way the API can "
        "behave, and judge it. It finds the API at EVOLINK_BASE_URL and its key in EVOLINK_API_KEY.",
        _schema(
            ("command",), command={"type": "array", "items": _TEXT, "minItems": 1, "description": "One word each."}
        ),
        only_reads=False,
    ),
    "receiver": Judge(
        "Send a callback receiver whatever callbacks can be, and judge it. --state-url tells what it has done.",
        _schema(("url",), url={**_TEXT, "description": "Where the receiver listens."}),
        only_reads=False,
    ),
    "server": Judge(
        "Judge a server against the contract. `fake` is a mock that is started for it; of a server that is no mock "
        "nothing is bought without --max-credits and --yes.",
        _schema(("url",), url={**_TEXT, "description": "An address, or `fake`."}),
        only_reads=False,
    ),
    "traffic": Judge(
        "Judge what talked to the mock of these tools (or to one at `url`), from its journal.",
        _schema(url={**_TEXT, "description": "Another mock, or a file with what GET /_mock/requests answered."}),
        only_reads=True,
    ),
}


async def judge(name: str, arguments: dict[str, Any], mock_url: str) -> tuple[str, dict[str, Any] | None]:
    """What the command printed, and its report; None where it wrote none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        words = JUDGES[name].words(name, arguments, mock_url)
        words[1:1] = ["--json", str(report)]
        printed = await _run(words)
        return printed, json.loads(report.read_text("utf-8")) if report.is_file() else None


async def _run(words: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "contract_tests",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), _TIME_LIMIT_S)
    finally:
        if process.returncode is None:
            process.terminate()
    return printed.decode("utf-8", "replace")[-_LONGEST:]
