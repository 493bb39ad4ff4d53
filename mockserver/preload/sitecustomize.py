"""Loaded first by every Python program under `mockserver exec`; runs on any Python from 3.8 on.

Clients that obey the proxy variables need none of this. For the others, names are resolved here: the documented hosts
lead to the mock, all but this machine is refused. aiohttp is told to obey the variables; certifi names the run's CA.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import ipaddress
import json
import os
import socket
import sys
from typing import Any

_PORTS: dict[str, int] = json.loads(os.environ.get("MOCKSERVER_INTERCEPT", "{}"))
_SERVICES = {"https": 443, "http": 80}
_HERE = os.path.dirname(os.path.abspath(__file__))


def _refusal(host: str) -> str:
    hosts = " and ".join(sorted({target.rpartition(":")[0] for target in _PORTS}))
    return f"mockserver exec: refused {host}: only {hosts} are served here"


def _address(host: str) -> Any:
    """The address that a host is written as; None for a name."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0])
    return None


def _is_here(host: str) -> bool:
    address = _address(host)
    if address is None:
        return host in ("", "localhost", socket.gethostname().lower())
    return bool(address.is_loopback or address.is_unspecified)


def _text(host: Any) -> str:
    name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else str(host or "")
    return name.lower().rstrip(".")


def _lead(resolve: Any) -> Any:
    """socket.getaddrinfo, that knows the documented hosts, this machine and no other name."""

    @functools.wraps(resolve)
    def getaddrinfo(host: Any, port: Any, *arguments: Any, **named: Any) -> Any:
        name = _text(host)
        stand_in = _PORTS.get(f"{name}:{_SERVICES.get(port, port)}")
        if stand_in:
            return resolve("127.0.0.1", stand_in, *arguments, **named)
        if _address(name) is None and not _is_here(name):
            raise socket.gaierror(socket.EAI_NONAME, _refusal(name))
        return resolve(host, port, *arguments, **named)

    return getaddrinfo


def _guard(event: str, arguments: tuple[Any, ...]) -> None:
    """No TCP connection leaves this machine, whoever resolved its address."""
    if event != "socket.connect":
        return
    connecting, address = arguments
    if connecting.family in (socket.AF_INET, socket.AF_INET6) and connecting.type == socket.SOCK_STREAM:
        host = _text(address[0])
        if not _is_here(host):
            raise ConnectionRefusedError(errno.ECONNREFUSED, _refusal(host))


def _obey(aiohttp_client: Any) -> None:
    """Have all sessions read the environment."""
    session = aiohttp_client.ClientSession
    begin = session.__init__

    @functools.wraps(begin)
    def begin_obedient(self: Any, *arguments: Any, **named: Any) -> None:
        begin(self, *arguments, **{**named, "trust_env": True})

    session.__init__ = begin_obedient


def _trust(certifi: Any) -> None:
    """Many programs name certifi's bundle themselves."""
    certifi.where = lambda: os.environ["SSL_CERT_FILE"]


def _trust_in_c(pycurl: Any) -> None:
    """libcurl trusts what it was built to; the proxy it reads from the variables."""

    class Curl(pycurl.Curl):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            self.setopt(pycurl.CAINFO, os.environ["SSL_CERT_FILE"])

    pycurl.Curl = Curl


_CHANGES = {"aiohttp.client": _obey, "certifi": _trust, "pycurl": _trust_in_c}


class _Changing(importlib.abc.MetaPathFinder):
    """Finds what is to be changed as the other finders do, and changes it once it is loaded."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        change = _CHANGES.get(fullname)
        if change is None:
            return None
        others = (finder.find_spec(fullname, path, target) for finder in sys.meta_path if finder is not self)
        spec: Any = next(filter(None, others), None)
        return spec and _changed(spec, change)


def _changed(spec: Any, change: Any) -> Any:
    load = spec.loader.exec_module

    def exec_module(module: Any) -> None:
        load(module)
        change(module)

    spec.loader.exec_module = exec_module
    return spec


def _load_next() -> None:
    """The sitecustomize that this one stands before, if there is one."""
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    spec: Any = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if _PORTS:
    socket.getaddrinfo = _lead(socket.getaddrinfo)
    sys.addaudithook(_guard)
    sys.meta_path.insert(0, _Changing())
    for _name, _change in _CHANGES.items():  # what a .pth file has loaded already
        if _name in sys.modules:
            _change(sys.modules[_name])
_load_next()
