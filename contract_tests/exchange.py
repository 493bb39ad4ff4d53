"""One request and what came back, as reports show it: secrets masked, bodies bounded, a curl line to repeat it."""

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

BODY_LIMIT = 4_096
"""Characters of a body that a report keeps."""
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"})
_SECRET_QUERY = re.compile(r"(?i)([?&](?:key|token|secret|api_key|access_token|signature|sig)=)[^&#\s\"']+")
_SHOWN = 4
_LEAST = 8


def masked(secret: str) -> str:
    """The last 4 characters, of a secret long enough that they give nothing away."""
    return f"...{secret[-_SHOWN:]}" if len(secret) >= _LEAST else "..."


def sanitised(name: str, value: str) -> str:
    """A header's value as a report may show it."""
    if name.lower() not in _SECRET_HEADERS:
        return _SECRET_QUERY.sub(r"\1...", value)
    scheme, _, secret = value.rpartition(" ")
    return f"{scheme} {masked(secret)}".strip()


def cut(text: str, limit: int = BODY_LIMIT) -> str:
    """Text of at most this many characters, saying how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text) - limit} more)"


@dataclass(frozen=True, slots=True)
class Exchange:
    """`status` is None where no answer came; then `failure` says why. Times in seconds."""

    method: str
    url: str
    request_headers: dict[str, str]
    request_body: str
    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    started_s: float = 0.0
    elapsed_s: float = 0.0
    failure: str = ""

    def safe(self) -> "Exchange":
        """The same without secrets and with bodies cut: the only form that leaves the process."""
        return Exchange(
            self.method,
            _SECRET_QUERY.sub(r"\1...", self.url),
            {name: sanitised(name, value) for name, value in self.request_headers.items()},
            cut(self.request_body),
            self.status,
            {name: sanitised(name, value) for name, value in self.headers.items()},
            cut(self.body),
            self.started_s,
            self.elapsed_s,
            self.failure,
        )

    def curl(self) -> str:
        """A line that repeats it; the key comes from the environment."""
        parts = ["curl", "-sS"] + (["-X", self.method] if self.method != "GET" else [])
        parts.append(shlex.quote(_SECRET_QUERY.sub(r"\1...", self.url)))
        for name, value in self.request_headers.items():
            if name.lower() == "authorization":
                parts.append('-H "Authorization: Bearer $EVOLINK_API_KEY"')
            elif name.lower() in ("content-type", "idempotency-key"):
                parts.append(f"-H {shlex.quote(f'{name}: {value}')}")
        if self.request_body:
            parts.append(f"-d {shlex.quote(cut(self.request_body))}")
        return " ".join(parts)

    def answer_line(self) -> str:
        """What came back, in one line."""
        if self.status is None:
            return f"no answer: {self.failure}"
        return f"{self.status} {cut(' '.join(self.body.split()), 300)}"


def as_text(body: Any) -> str:
    """A JSON value as sent; text stays text."""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
