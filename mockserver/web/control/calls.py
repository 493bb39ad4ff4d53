"""Calls of the control API, for whoever prints them."""

from collections.abc import Callable

from mockserver.web.api.identity import masked
from mockserver.web.http.wire import Message, Scope, Send

ToldOfControl = Callable[[str, str, int, bytes], None]
"""(method, path, status, beginning of the body of a refusal)."""
_ACCOUNTS = "/_mock/accounts/"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_LOOKS = ("/_mock/scenarios/read", "/_mock/requests/verify")
"""What is posted there is asked about, and changes nothing."""


def noting(scope: Scope, send: Send, tell: ToldOfControl) -> Send:
    """The same `send`, that tells of each call which changes something or is refused: to look at things changes
    nothing, and whoever looks does so all the time."""
    status, path = 0, _masked(scope["path"])
    changes = scope["method"] not in _READS and path not in _LOOKS

    async def noted(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            if status < 400 and changes:
                tell(scope["method"], path, status, b"")
        elif status >= 400:
            tell(scope["method"], path, status, message.get("body", b""))
            status = 0
        await send(message)

    return noted


def _masked(path: str) -> str:
    """A path without the key that it may name."""
    before, named, key = path.partition(_ACCOUNTS)
    return f"{before}{named}{masked(key)}" if named and not before else path
