"""Talks with a fake that are recorded: what drift is looked for in."""

from typing import Any

import httpx

from contract_tests.contract.contract import built_in
from contract_tests.exchange import Exchange
from mockserver.testing import MockServer

KEYS = ("sk-the-first-secret", "sk-the-second-secret")


class Talk:
    """Speaks to a fake and keeps what was said."""

    def __init__(self, mock: MockServer) -> None:
        self.mock, self.exchanges = mock, list[Exchange]()

    def send(self, method: str, path: str, **arguments: Any) -> Any:
        return self.send_raw(method, path, **arguments).json()

    def send_raw(self, method: str, path: str, *, key: str | None = KEYS[0], **arguments: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        with httpx.Client(base_url=self.mock.url, trust_env=False, headers=headers) as http:
            answer = http.request(method, path, **arguments)
        sent = answer.request
        parts = (sent.method, str(sent.url), dict(sent.headers), sent.content.decode(), answer.status_code)
        self.exchanges.append(Exchange(*parts, dict(answer.headers), answer.text))
        return answer

    def submit(self, **fields: Any) -> str:
        return self.send("POST", built_in().create.path, json=built_in().requests.example() | fields)["id"]


def whole_story(talk: Talk) -> None:
    """Every status of a task, the credits, and each refusal that follows from the request alone."""
    control = talk.mock
    done = talk.submit(callback_url="https://example.com/hook?secret=s3cr3t-of-the-hook")
    path = f"/v1/tasks/{done}"
    talk.send("GET", path)
    control.post("/clock/advance", {"ms": 1_100})
    talk.send("GET", path)
    control.post(f"/tasks/{done}/complete")
    talk.send("GET", path)
    for ending, body in (("fail", {"code": "generation_timeout"}), ("cancel", None)):
        task = talk.submit()
        control.post(f"/tasks/{task}/{ending}", body)
        talk.send("GET", f"/v1/tasks/{task}")
    talk.send("GET", path)
    talk.send("GET", path, key=KEYS[1])
    talk.send("GET", path, key=None)
    talk.send("GET", "/v1/tasks/task-unified-1-unknown")
    talk.send("GET", "/v1/tasks/wrong")
    talk.send("GET", "/v1/credits")
    talk.send("POST", built_in().create.path, json={"model": "kling-o1-video-edit-fast"})


def probed(talk: Talk) -> None:
    """What a judge asks beside the operations, and what the past of an account decides."""
    link = httpx.URL(next(iter(finished(talk)["results"])))
    for path in (link.raw_path.decode(), "/media/of/nobody.mp4"):
        talk.send_raw("GET", path)
    for method, path in (("PUT", "/v1/credits"), ("GET", "/v1/tasks/batch"), ("QUERY", built_in().create.path)):
        talk.send_raw(method, path)
    for prompt in ("one", "another"):
        body = built_in().requests.example() | {"prompt": prompt}
        talk.send("POST", built_in().create.path, json=body, headers={"idempotency-key": "of-one-intent"})
    del talk.exchanges[-2]  # recordings keep only some of many that are alike


def finished(talk: Talk) -> dict[str, Any]:
    task = talk.submit()
    talk.mock.post(f"/tasks/{task}/complete")
    return talk.send("GET", f"/v1/tasks/{task}")
