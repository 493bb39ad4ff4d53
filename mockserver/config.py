"""From the command line to Options, and what `serve` says of itself."""

import os
import re
import socket
from pathlib import Path
from typing import Any, TextIO

import click
import msgspec
from click.core import ParameterSource
from msgspec import structs

from mockserver.contract.behaviour import Profile, Role
from mockserver.simulation.clock import Mode
from mockserver.web.app import Application
from mockserver.web.control import guard
from mockserver.web.docs.curl import curl
from mockserver.web.lines.lines import Lines
from mockserver.web.lines.printer import JsonLines
from mockserver.web.lines.text import Text
from mockserver.web.options import Bounds, Options

_FEW = 3


_CLOCKS = {Mode.MANUAL: ", moved by POST /_mock/clock/advance alone", Mode.POLLS: ", moved by each query of a task"}


_ORIGIN = re.compile(r"\*|null|[a-z][a-z0-9+.-]*://[^/?#\s]+/?", re.IGNORECASE)


class ConfigError(Exception):
    """The options contradict each other or ask for what is not safe; says which."""


BOUND_OPTIONS = {
    "max_body_bytes": "body_bytes",
    "max_upload_bytes": "upload_bytes",
    "max_log_bytes": "log_bytes",
    "max_journal_entries": "journal_entries",
    "max_tasks": "tasks_per_tenant",
    "max_keys": "tenants",
    "max_loaded_keys": "tenants_loaded",
}
"""Which options of the command line set which bounds."""


def options(host: str, arguments: dict[str, Any]) -> Options:
    """Options from the arguments of `serve`. Raises ConfigError."""
    chosen = dict(arguments)
    loopback = guard.is_loopback(host)
    _check(host, loopback, chosen)
    chosen["only_keys"] = tuple(dict.fromkeys(chosen["only_keys"]))
    bounds = Bounds(**{bound: chosen.pop(name) for name, bound in BOUND_OPTIONS.items()})
    chosen["profile"], chosen["clock"] = Profile(chosen["profile"]), Mode(chosen["clock"])
    chosen["task_seconds"] = _task_seconds(chosen["task_seconds"], realistic=chosen.pop("realistic"))
    try:
        return Options(loopback=loopback, bounds=bounds, **chosen)
    except ValueError as error:
        name, _, reason = str(error).partition(":")
        raise ConfigError(f"--{name.replace('_', '-')}:{reason}") from error


def _check(host: str, loopback: bool, chosen: dict[str, Any]) -> None:
    if not host.strip():
        raise ConfigError(f"--host: received {host!r}; allowed: an address, such as 127.0.0.1 or 0.0.0.0")
    if not loopback and not chosen["control_token"]:
        raise ConfigError(
            f"--host {host} is not loopback: the control API then needs a token "
            "(MOCKSERVER_SERVE_CONTROL_TOKEN or --control-token)"
        )
    token = chosen["control_token"] or ""
    if token != token.strip() or not token.isprintable():
        what = "a blank at an end" if token.isprintable() else "what can't be printed"
        raise ConfigError(f"--control-token: received one with {what}; allowed: what a header can carry")
    if chosen["callback_ca"] and not _has_certificate(chosen["callback_ca"]):
        raise ConfigError(
            f"--callback-ca: received {chosen['callback_ca']}, without a certificate; allowed: a PEM file"
        )
    if wrong := [key for key in chosen["only_keys"] if not key or key != "".join(key.split())]:
        raise ConfigError(
            f"--only-key: received {len(wrong)} empty or with a blank; allowed: what a header can carry"
        )
    if odd := [origin for origin in chosen["cors"] if not _ORIGIN.fullmatch(origin)]:
        raise ConfigError(f"--cors: received {odd[0]!r}; allowed: *, or an origin such as http://localhost:3000")
    if name := next((name for name in ("node_name", "node_url") if chosen.get(name)), None):
        _check_shared(f"--{name.replace('_', '-')}", chosen[name], chosen["log"])


def _check_shared(option: str, received: str, log: str) -> None:
    """A node that shares nothing with the others would be one unnoticed."""
    if log.partition(":")[0] in ("memory", "sqlite"):
        raise ConfigError(f"{option}: received {received!r}; allowed: beside --log redis://..., which nodes share")


def _task_seconds(seconds: float, *, realistic: bool) -> float | None:
    """None for what the documents estimate. The command line goes before the environment. Raises ConfigError where
    both options came from one place, as one would be for nothing."""
    context = click.get_current_context(silent=True)
    if not realistic or context is None:
        return None if realistic else seconds
    ours, other = map(context.get_parameter_source, ("realistic", "task_seconds"))
    if ours is other:
        raise ConfigError("--realistic: received beside --task-seconds; allowed: one of the two")
    return seconds if other is ParameterSource.COMMANDLINE else None


def _has_certificate(file: Path) -> bool:
    """As whoever sends callbacks will read it."""
    import ssl  # for whoever trusts somebody more: a start does without

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError:
        return False
    return True


def placed(options: Options, address: str) -> Options:
    """The same for a server at this address: it is known by that where nothing else was said."""
    port = address.rpartition(":")[2]
    name = options.node_name or f"{socket.gethostname()}-{port}"
    return structs.replace(options, node_name=name, node_url=options.node_url or address)


def lines(application: Application, log_format: str, out: TextIO | None) -> Lines | None:
    """What prints of each request; None where there is nowhere to print to. Colours are for terminals, unless
    NO_COLOR says no (no-color.org) or FORCE_COLOR yes."""
    try:
        if out is None or out.fileno() < 0:
            return None
    except (OSError, ValueError):  # a stream of somebody else's, without a file behind it
        return None
    if log_format == "json":
        return Lines(application, JsonLines(), out)
    colours = (out.isatty() and os.environ.get("TERM") != "dumb") or bool(os.environ.get("FORCE_COLOR"))
    return Lines(application, Text(colours=colours and not os.environ.get("NO_COLOR")), out)


def ready(application: Application, address: str, log_format: str, note: str = "") -> str:
    """What `serve` says once it takes requests; `note` is said after it."""
    if log_format == "json":
        told = {"type": "serving", "url": address, "models": application.registry.models}
        return msgspec.json.encode({**told, **application.options.told(), "note": note.strip()}).decode()
    return banner(application, address) + note


def banner(application: Application, address: str) -> str:
    """What runs where, and a line that works when pasted."""
    told, bounds = application.options, application.options.bounds
    pace = "as long as its document estimates" if told.task_seconds is None else f"{told.task_seconds:g} s"
    callbacks = "https to public addresses only, as the real API; --allow-local-callbacks opens this machine"
    if told.allow_local_callbacks:
        callbacks = "also to this machine, http too (--allow-local-callbacks)"
    speed = f", {told.speed:g} times as fast as real" if told.speed != 1 and told.clock is Mode.REAL else ""
    return "\n".join(
        (
            f"EvoLink mock on {address}  ({_models(application)})",
            "",
            f"  {_curl(application, address)}",
            "",
            f"  profile    {told.profile}",
            f"  clock      {told.clock}{_CLOCKS.get(told.clock, '')}{speed}; a task takes {pace}",
            f"  seed       {told.seed}",
            f"  credits    {told.credits:,.10g} for {_keys(told)}",
            f"  callbacks  {callbacks}",
            f"  page       {address}/_mock/",
            f"  documents  {address}/_mock/docs",
            f"  log        {told.log_shown}",
            f"  bounds     body {bounds.body_bytes} bytes, {bounds.tasks_per_tenant} tasks a key, "
            f"{bounds.tenants} keys, journal {bounds.journal_entries}; all in {address}/_mock/health",
            "",
            "Ctrl-C stops it.",
        )
    )


def _keys(told: Options) -> str:
    if len(told.only_keys) == 1:
        return "the one API key there is"
    return f"each of the {len(told.only_keys)} API keys there are" if told.only_keys else "each new API key"


def _models(application: Application) -> str:
    """Which models are served; whether the documents of some are faulty, and how much of them is not served."""
    registry = application.registry
    told = ", ".join(registry.models) if len(registry.models) <= _FEW else f"{len(registry.models)} models"
    if registry.unserved:
        told += f"; {_counted(len(registry.unserved), 'operation')} not served, see `mockserver explain`"
    if registry.faults:
        told += f"; {_counted(len(registry.faults), 'fault')} in their documents, see `mockserver explain --faults`"
    return told


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _curl(application: Application, address: str) -> str:
    create = application.registry.of_role(Role.CREATE_TASK)
    example = next(iter(create.examples.values()))
    return curl(create, address, example, only_keys=bool(application.options.only_keys))
