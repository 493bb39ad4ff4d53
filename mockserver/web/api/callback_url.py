"""The URL that a callback goes to, as far as `--allow-local-callbacks` decides whether a request may name it."""

from typing import Any

from mockserver.contract.operation import Operation
from mockserver.contract.request.objection import Objection, shown
from mockserver.runtime.delivery.target import TargetPolicy

OPTION = "--allow-local-callbacks"
_OPENED = TargetPolicy(allow_local=True)
"""What may be called with the option."""


class CallbackUrls:
    """Judges bodies by their schema, which may ask for https, where the option lets plain http go to this machine."""

    def __init__(self, policy: TargetPolicy) -> None:
        self._policy = policy

    def objection(self, operation: Operation, body: Any) -> Objection | None:
        """What the schema has against a body, an http URL of this machine taken for one of https where it may be."""
        if operation.request is None:
            return None
        objection = operation.request.objection(body)
        field = operation.callback_field
        if objection is None or objection.field != field or not isinstance(body, dict):
            return objection
        url = body.get(field)
        if isinstance(url, str) and url[:5].lower() == "http:" and self._is_local(url):
            safe = f"https{url[4:]}"
            return _told_of(url, safe, operation.request.objection({**body, field: safe}))
        return self.hinted(operation, objection, body)

    def hinted(self, operation: Operation, objection: Objection, body: dict[str, Any]) -> Objection:
        """With the option that would let the callback go to this machine, if that is what stands in its way."""
        url = body.get(operation.callback_field)
        if objection.field != operation.callback_field or self._policy.allow_local or not isinstance(url, str):
            return objection
        if self._policy.objection(url) is None or _OPENED.objection(url) is not None:
            return objection
        return objection._replace(allowed=f"{objection.allowed}, or this machine with {OPTION}")

    def _is_local(self, url: str) -> bool:
        return self._policy.allow_local and self._policy.objection(url) is None


def _told_of(url: str, safe: str, objection: Objection | None) -> Objection | None:
    """What is wrong beside the scheme, told of the URL that came."""
    if objection is None or objection.received != shown(safe):
        return objection
    return objection._replace(received=shown(url))
