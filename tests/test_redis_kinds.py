"""A node on other kinds of Redis: behind Sentinel, as a Cluster, over a Unix socket, with a password, over TLS."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from tests.nodes import Child, Node, RedisServer, ask, free_port, needs_redis, redis_server, submit, wait_until

pytestmark = [needs_redis, pytest.mark.long]
KEY = "sk-of-another-kind"


def works(log: str) -> None:
    """It takes a task, and has it after it was killed and started again."""
    node = Node("alone", log)
    try:
        node.start()
        status, task = submit(node.url, KEY)
        assert status == 200, task
        node.kill()
        node.start()
        assert ask(node.url, "GET", f"/v1/tasks/{task['id']}", KEY)[0] == 200
        assert node.health["owned"] == 4096
    finally:
        node.kill()


def test_with_a_user_and_a_password(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis:
        redis.ask("ACL", "SETUSER", "me", "on", ">secret", "~{team}*", "+@all")
        works(f"redis://me:secret@127.0.0.1:{redis.port}/0?prefix=team")


def test_over_a_unix_socket(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--unixsocket", str(tmp_path / "redis.sock")):
        works(f"unix://{tmp_path}/redis.sock?db=2")


def test_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    pem, port = str(tmp_path / "server.pem"), free_port()
    tls = ["--tls-port", str(port), "--tls-cert-file", pem, "--tls-key-file", pem, "--tls-auth-clients", "no"]
    with redis_server(tmp_path, *tls, "--tls-ca-cert-file", str(tmp_path / "ca.pem")):
        works(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path / 'ca.pem'}")


def test_a_cluster(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--cluster-enabled", "yes") as redis:
        redis.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        wait_until("the cluster is up", lambda: b"cluster_state:ok" in redis.ask("CLUSTER", "INFO"))
        works(f"redis+cluster://127.0.0.1:{redis.port}")


class Sentinel(Child):
    def __init__(self, folder: Path, master: RedisServer) -> None:
        self.port, self._file = free_port(), folder / "sentinel.conf"
        self._file.write_text(f"port {self.port}\nsentinel monitor mine 127.0.0.1 {master.port} 1\n")

    def start(self) -> None:
        self.process = subprocess.Popen(["redis-server", str(self._file), "--sentinel"], stdout=subprocess.DEVNULL)


@contextmanager
def sentinel(folder: Path, master: RedisServer) -> Iterator[Sentinel]:
    made = Sentinel(folder, master)
    try:
        made.start()
        yield made
    finally:
        made.kill()


def test_behind_sentinel(tmp_path: Path) -> None:
    with redis_server(tmp_path) as redis, sentinel(tmp_path, redis) as watcher:
        watching = RedisServer(tmp_path, watcher.port)
        wait_until("the sentinel knows", lambda: b"127.0.0.1" in watching.ask("SENTINEL", "MASTERS"))
        works(f"redis+sentinel://127.0.0.1:{watcher.port}/mine/0")
