"""One request and what came back, as reports show it: secrets masked, bodies bounded, a curl line to repeat it."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote_plus

BODY_LIMIT = 4_096
"""Characters of a body that a report keeps."""
_SECRET_HEADERS = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key"})
_SECRET_QUERY = re.compile(r"(?i)([?&](?:key|token|secret|api_key|access_token|signature|sig)=)[^&#\s\"']+")
_SECRET_VARIABLE = re.compile(r"\b([A-Z0-9_]*(?:KEY|TOKEN|SECRET|PASSWORD)=)[^\s\"']+")
"""As command lines set them."""
_SCHEMES = ("bearer", "basic", "digest", "token")
_SHOWN = 4
_LEAST = 8
_REMARK = 24
"""Characters that the remark of a cut may take: to cut less than that away would save nothing."""


def masked(secret: str) -> str:
    """The last 4 characters, of a secret long enough that they give nothing away; masked twice is masked once."""
    if secret.startswith("...") and len(secret) <= len("...") + _SHOWN:
        return secret
    return f"...{secret[-_SHOWN:]}" if len(secret) >= _LEAST else "..."


def sanitised(name: str, value: str) -> str:
    """A header's value as a report may show it."""
    if name.lower() not in _SECRET_HEADERS:
        return _SECRET_QUERY.sub(r"\1...", value)
    scheme, secret = _credentials(value)
    return f"{scheme} {masked(secret)}".strip()


def redacted(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """Text without these secrets, as they are or quoted for JSON or a URL, or in a URL or a variable."""
    if secrets:
        text = _any_of(secrets).sub(lambda match: masked(match[0]), text)
    return _SECRET_VARIABLE.sub(r"\1...", _SECRET_QUERY.sub(r"\1...", text)) if "=" in text else text


@lru_cache(maxsize=1_024)
def _any_of(secrets: frozenset[str]) -> re.Pattern[str]:
    """One pattern for all: a run against a mock has a key for each of its thousands of cases."""
    spellings = {
        form
        for one in secrets
        for form in (one, json.dumps(one)[1:-1], quote(one, safe="", errors="backslashreplace"))
    }
    return re.compile("|".join(re.escape(one) for one in sorted(spellings, key=len, reverse=True)))


def cut(text: str, limit: int = BODY_LIMIT) -> str:
    """About this many characters of a text, saying how many were left out; cut twice is cut once."""
    return text if len(text) <= limit + _REMARK else f"{text[:limit]}... ({len(text) - limit} more)"


def abridged(lines: Sequence[str], most: int) -> list[str]:
    """So many lines of what happened at most: its beginning and its end, and how many were left out between."""
    left = len(lines) - most
    if left <= 0:
        return [*lines]
    half = most // 2
    return [*lines[: most - half], f"... {left} more requests", *lines[-half:]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """`status` is None where no answer came; then `failure` says why. Times in seconds; `started_s` counts from
    wherever the run's clock does: only its differences mean something."""

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

    def secrets(self) -> frozenset[str]:
        """The secrets that its headers and its URL carry, as far as they are long enough to be told from words."""
        headers = [*self.request_headers.items(), *self.headers.items()]
        found = [_credentials(value)[1] for name, value in headers if name.lower() in _SECRET_HEADERS]
        for match in _SECRET_QUERY.finditer(self.url):
            value = match[0].partition("=")[2]
            found += [value, unquote_plus(value)]
        return frozenset(one for one in found if len(one) >= _LEAST)

    def safe(self) -> "Exchange":
        """The same without secrets and with bodies cut: the only form that leaves the process."""
        secrets = self.secrets()
        return Exchange(
            self.method,
            redacted(self.url, secrets),
            {name: redacted(sanitised(name, value), secrets) for name, value in self.request_headers.items()},
            cut(redacted(self.request_body, secrets)),
            self.status,
            {name: redacted(sanitised(name, value), secrets) for name, value in self.headers.items()},
            cut(redacted(self.body, secrets)),
            self.started_s,
            self.elapsed_s,
            redacted(self.failure, secrets),
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


def _credentials(value: str) -> tuple[str, str]:
    """The scheme, where there is one, and the secret of a header such as `Authorization`."""
    scheme, _, secret = value.partition(" ")
    return (scheme, secret) if scheme.lower() in _SCHEMES else ("", value)


def as_text(body: Any) -> str:
    """A JSON value as sent; text stays text."""
    return body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
