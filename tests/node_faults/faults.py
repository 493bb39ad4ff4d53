"""What happens to the nodes and to Redis. Each ends with everything up again."""

import random
import signal
import time
from collections.abc import Callable

from tests.node_faults.proxy import Proxy
from tests.nodes import Node, RedisServer, wait_until

Fault = Callable[["Cluster", random.Random], None]
LEASE_S = 3.0


class Cluster:
    """Redis, nodes, and a wire from each node to Redis."""

    def __init__(self, redis: RedisServer, nodes: list[Node], wires: list[Proxy]) -> None:
        self.redis, self.nodes, self.wires = redis, nodes, wires


def kill_a_node(cluster: Cluster, drawn: random.Random) -> None:
    node = drawn.choice(cluster.nodes)
    node.kill()
    time.sleep(drawn.choice([0, 0.5, LEASE_S + 1]))
    node.start()


def stop_a_node_past_its_lease(cluster: Cluster, drawn: random.Random) -> None:
    node = drawn.choice(cluster.nodes)
    node.send(signal.SIGSTOP)
    time.sleep(drawn.choice([LEASE_S - 0.2, LEASE_S + 0.5, LEASE_S + 2]))
    node.send(signal.SIGCONT)


def kill_redis(cluster: Cluster, drawn: random.Random) -> None:
    cluster.redis.kill()
    time.sleep(drawn.choice([0, 0.3, 1.5]))
    cluster.redis.start()


def cut_a_node_off(cluster: Cluster, drawn: random.Random) -> None:
    wire = drawn.choice(cluster.wires)
    wire.delay_s = drawn.choice([0.1, 0.5, 1.0])
    wire.mode = drawn.choice(["drop", "delay", "halve"])
    time.sleep(drawn.choice([0.5, 1.5, LEASE_S + 1]))
    if drawn.random() < 0.5:
        wire.cut()
    wire.mode = "pass"


def restart_two_at_once(cluster: Cluster, drawn: random.Random) -> None:
    two = drawn.sample(cluster.nodes, 2)
    for node in two:
        if drawn.random() < 0.5:
            node.kill()
        else:
            node.send(signal.SIGTERM)
    for node in two:
        node.stop()
        node.start(wait=False)
    for node in two:
        wait_until(f"{node.name} answers", node.answers)


def rolling_update(cluster: Cluster, drawn: random.Random) -> None:
    for node in cluster.nodes:
        node.stop()
        node.start()


FAULTS: list[Fault] = [
    kill_a_node,
    stop_a_node_past_its_lease,
    kill_redis,
    cut_a_node_off,
    restart_two_at_once,
    rolling_update,
]
