"""The variables under which programs reach the mock at the live hosts: one line for each ecosystem's own rule."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mockserver.interception.authority import TRUST_STORE_PASSWORD
from mockserver.interception.interceptor import LOOPBACK, Interceptor

EXAMPLE_KEY = "sk-any-key-will-do"
_TRUSTING = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "PIP_CERT",
    "DENO_CERT",
)
_PRELOAD = Path(__file__).parent / "preload"


@dataclass(frozen=True, slots=True)
class Environment:
    """`replaced` win over what is set, `defaults` give way to it; `before` and `after` are joined to it."""

    replaced: dict[str, str]
    defaults: dict[str, str]
    before: dict[str, str]
    after: dict[str, str]

    def applied_to(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment of a program that would have had `inherited`."""
        joined = {name: _joined(own, inherited.get(name, ""), ":") for name, own in self.before.items()}
        joined |= {name: _joined(inherited.get(name, ""), own, " ") for name, own in self.after.items()}
        return {**self.defaults, **inherited, **self.replaced, **joined}

    def as_shell(self) -> str:
        """Lines for a POSIX shell that do the same there."""
        lines = [f"{name}={shlex.quote(value)}" for name, value in self.replaced.items()]
        lines += [f'{name}="${{{name}:-{value}}}"' for name, value in self.defaults.items()]
        lines += [f'{name}={shlex.quote(own)}"${{{name}:+:${name}}}"' for name, own in self.before.items()]
        lines += [f'{name}="${{{name}:+${name} }}"{shlex.quote(own)}' for name, own in self.after.items()]
        return "".join(f"export {line}\n" for line in lines)


def environment(interceptor: Interceptor, mock_url: str, key: str | None = EXAMPLE_KEY) -> Environment:
    """What makes curl, Python, Go, Java, Node, Ruby and PHP obey. `key` is one that the mock takes, None is none that
    may be told."""
    _write_ini(interceptor)
    return Environment(
        replaced={
            **_proxies(interceptor.proxy_port),
            **_certificates(str(interceptor.authority.ca)),
            "NODE_USE_ENV_PROXY": "1",
            "PHP_INI_SCAN_DIR": f":{interceptor.authority.folder}",  # what it read before, and then this
            "MOCKSERVER_INTERCEPT": msgspec.json.encode(interceptor.ports).decode(),
            "MOCKSERVER_URL": mock_url,
        },
        defaults={
            "EVOLINK_BASE_URL": mock_url,
            "EVOLINK_API_BASE": mock_url,
            **({} if key is None else {"EVOLINK_API_KEY": key}),
        },
        before={"PYTHONPATH": str(_PRELOAD)},
        after={"NODE_OPTIONS": f'--require "{_PRELOAD / "node.cjs"}"', "JAVA_TOOL_OPTIONS": _java(interceptor)},
    )


def _write_ini(interceptor: Interceptor) -> None:
    """PHP reads settings, no variables: its curl and its streams trust by them, and a script before each of its
    programs leads its streams to the proxy."""
    ca = interceptor.authority.ca
    settings = {"curl.cainfo": ca, "openssl.cafile": ca, "auto_prepend_file": _PRELOAD / "streams.php"}
    lines = "".join(f'{name}="{value}"\n' for name, value in settings.items())
    (interceptor.authority.folder / "mockserver.ini").write_bytes(os.fsencode(lines))


def _proxies(port: int) -> dict[str, str]:
    proxy = f"http://{LOOPBACK}:{port}"
    names = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": "localhost,127.0.0.1,::1"}
    return names | {name.lower(): value for name, value in names.items()}


def _certificates(ca: str) -> dict[str, str]:
    """OpenSSL (so Ruby), Go, httpx and uv read the first; then requests, curl, Node and bun, git, pip, deno."""
    return dict.fromkeys(_TRUSTING, ca)


def _java(interceptor: Interceptor) -> str:
    """Properties of the virtual machine. Java 11 and newer send https through the proxy by these."""
    proxy = {"proxyHost": LOOPBACK, "proxyPort": str(interceptor.proxy_port)}
    properties = {f"{scheme}.{name}": value for scheme in ("http", "https") for name, value in proxy.items()}
    properties["http.nonProxyHosts"] = "localhost|127.*|[::1]"
    properties["javax.net.ssl.trustStore"] = str(interceptor.authority.trust_store)
    properties["javax.net.ssl.trustStoreType"] = "PKCS12"
    properties["javax.net.ssl.trustStorePassword"] = TRUST_STORE_PASSWORD
    return " ".join(f'"-D{name}={value}"' for name, value in properties.items())


def _joined(first: str, second: str, joint: str) -> str:
    return joint.join(part for part in (first, second) if part)
