"""Where a Redis is, as `--log` says it: one server, over TLS or a Unix socket, behind Sentinel, or a Cluster."""

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import redis.asyncio as aio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from mockserver.log import LogError

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
ANSWER_S = 0.7
"""How long Redis may take for anything that a client waits for: a 503 has to come within a second."""
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_SENTINEL_PORT, _CLUSTER_PORT = 26379, 6379


class Address(NamedTuple):
    """A URL that redis-py takes, and the prefix that every key has."""

    url: str
    prefix: str

    @classmethod
    def of(cls, written: str) -> "Address":
        """`prefix` is the one parameter of ours. Raises LogError where it can't be one, or where redis-py would pass
        over what is written."""
        parts = urlsplit(written)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = dict(pairs)
        if len(query) < len(pairs):
            raise LogError("a parameter of the address: received several values; allowed: one")
        if parts.scheme in ("redis", "rediss") and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
            raise LogError(f"DB: received {parts.path.strip('/')!r}; allowed: its number")
        prefix = query.pop("prefix", "evolink-mock")
        if _PREFIX.fullmatch(prefix) is None:
            raise LogError(f"prefix: received {prefix!r}; allowed: 1 to 64 of A-Z a-z 0-9 . _ : -")
        return cls(urlunsplit(parts._replace(query=urlencode(query))), prefix)

    @property
    def shown(self) -> str:
        """Without the password."""
        parts = urlsplit(self.url)
        user, _, place = parts.netloc.rpartition("@")
        if not user:
            return self.url.partition("?")[0]
        return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}:***@{place}", query=""))

    def key(self, *parts: str) -> str:
        """All keys of one prefix have one hash tag: a Cluster keeps them together, so that a script may use them."""
        return ":".join((f"{{{self.prefix}}}", *parts))

    def client(self, answer_s: float = ANSWER_S) -> Any:
        """A client of redis-py that tries nothing twice: what was sent may have been done. Raises LogError."""
        options = _options(answer_s)
        kind = urlsplit(self.url).scheme
        try:
            if kind.endswith("+sentinel"):
                return self._behind_sentinel(options)
            if kind.endswith("+cluster"):
                return self._in_cluster(options)
            client = aio.Redis.from_url(self.url, **options)
            client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # refuses an unknown parameter
            return client
        except (RedisError, ValueError, TypeError) as error:
            raise LogError(f"{self.shown}: {error}") from error

    def _behind_sentinel(self, options: dict[str, Any]) -> Any:
        """redis+sentinel://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]/SERVICE[/DB]; the password is that of Redis."""
        from redis.asyncio.sentinel import Sentinel

        parts = urlsplit(self.url)
        service, _, database = parts.path.strip("/").partition("/")
        sentinel: Any = Sentinel(self._places(_SENTINEL_PORT), socket_timeout=ANSWER_S)  # type: ignore[no-untyped-call]
        return sentinel.master_for(
            service or "mymaster",
            db=int(database or 0),
            ssl=parts.scheme.startswith("rediss"),
            **self._credentials(),
            **options,
        )

    def _in_cluster(self, options: dict[str, Any]) -> Any:
        """redis+cluster://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]"""
        from redis.asyncio.cluster import ClusterNode, RedisCluster

        return RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in self._places(_CLUSTER_PORT)],
            ssl=urlsplit(self.url).scheme.startswith("rediss"),
            **self._credentials(),
            **options,
        )

    def _places(self, port: int) -> list[tuple[str, int]]:
        places = urlsplit(self.url).netloc.rpartition("@")[2].split(",")
        told = [urlsplit(f"//{place}") for place in places]
        return [(one.hostname or "127.0.0.1", one.port or port) for one in told]

    def _credentials(self) -> dict[str, Any]:
        user, _, _ = urlsplit(self.url).netloc.rpartition("@")
        name, _, password = user.partition(":")
        return {key: unquote(value) for key, value in (("username", name), ("password", password)) if value}


def _options(answer_s: float) -> dict[str, Any]:
    return {
        "socket_connect_timeout": answer_s,
        "socket_timeout": answer_s,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
