"""`mockserver demo`: the whole story of one task, in one terminal, in a few seconds."""

import time
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from mockserver.contract.behaviour import Role
from mockserver.contract.document.document import load
from mockserver.contract.registry import Registry
from mockserver.data import data
from mockserver.testing import CallbackReceiver, MockServer

_KEY = "sk-demo-any-key"
_ANSWERS = (500, 500, 200)
_STEP_S, _FRAME_S = 0.25, 0.06
"""How far the clock moves for each frame, and how long a frame is shown."""


def run(seed: int = 0, console: Console | None = None) -> None:
    """Play the story. Everything shown is read back from the mock over HTTP."""
    console = console or Console(highlight=False)
    with MockServer(seed=seed) as mock, CallbackReceiver(*_ANSWERS) as receiver, _client(mock) as client:
        console.rule("EvoLink mock: one task from submission to callback")
        task = _submit(console, client, receiver.url)
        _watch(console, mock, client, task["id"])
        mock.run_until_idle()
        _show_callbacks(console, mock, task["id"])
        _show_ledger(console, mock)
    _show_way_on(console)


def _client(mock: MockServer) -> httpx.Client:
    return httpx.Client(base_url=mock.url, headers={"authorization": f"Bearer {_KEY}"}, trust_env=False)


def _submit(console: Console, client: httpx.Client, callback_url: str) -> dict[str, Any]:
    create = Registry(load(data("openapi", "evolink.yaml"))).of_role(Role.CREATE_TASK)
    body = {**next(iter(create.examples.values())), "callback_url": callback_url}
    console.print(f"\n[bold]POST {create.path}[/]  with a callback to {callback_url}", soft_wrap=True)
    response = client.post(create.path, json=body)
    response.raise_for_status()
    task: dict[str, Any] = response.json()
    reserved = task["usage"]["credits_reserved"]
    console.print(f"  {response.status_code}  {task['id']}  {task['status']}, {reserved} credits reserved\n")
    return task


def _watch(console: Console, mock: MockServer, client: httpx.Client, task_id: str) -> None:
    """Poll until the end, the clock moving a quarter of a second for each query."""
    console.print(f"[bold]GET /v1/tasks/{task_id}[/]  again and again, the clock moved by hand", soft_wrap=True)
    columns = (TextColumn("  {task.description:<10}"), BarColumn(40), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("pending", total=100)
        while True:
            task = client.get(f"/v1/tasks/{task_id}").json()
            progress.update(bar, completed=task["progress"], description=task["status"])
            if task["status"] in ("completed", "failed"):
                break
            mock.advance(seconds=_STEP_S)
            time.sleep(_FRAME_S)
    console.print(f"  {task['results'][0]}\n", soft_wrap=True)


def _show_callbacks(console: Console, mock: MockServer, task_id: str) -> None:
    """Every attempt, as the control API tells it."""
    console.print("[bold]Callback[/]  the receiver fails twice, so it is retried after 1 s and after 2 s")
    table = Table("attempt", "after", "answer")
    attempts = mock.get("/callbacks", task_id=task_id)["callbacks"][0]["attempts"]
    before_ms = attempts[0]["at_ms"]
    for attempt in attempts:
        answer = str(attempt.get("status") or attempt.get("error"))
        table.add_row(str(attempt["number"]), f"{(attempt['at_ms'] - before_ms) / 1000:g} s", answer)
        before_ms = attempt["ended_ms"]
    console.print(table)


def _show_ledger(console: Console, mock: MockServer) -> None:
    book = mock.get("/ledger", key=_KEY)["accounts"][0]
    console.print("\n[bold]Ledger[/]  reserved at submission, charged at completion")
    table = Table("transfer", "credits")
    for transfer in book["transfers"]:
        table.add_row(transfer["kind"], f"{transfer['amount_uc'] / 10_000:,.10g}")
    console.print(table)
    user = {name: amount / 10_000 for name, amount in book["user"].items()}
    parts = " + ".join(f"{user[name]:,.10g} {name}" for name in ("available", "reserved", "charged"))
    console.print(f"  {user['granted']:,.10g} granted = {parts}\n")


def _show_way_on(console: Console) -> None:
    console.rule("Where to look next")
    for command, what in (
        ("mockserver serve", "the same at http://127.0.0.1:8787, with a curl line to paste"),
        ("mockserver serve --help", "clock, pace, credits, scenarios, bounds"),
        ("/_mock/tasks, ledger, callbacks, requests", "what happened, as JSON"),
        ("/_mock/openapi.json", "all that can be steered"),
    ):
        console.print(f"  {command:<42}{what}", soft_wrap=True)
