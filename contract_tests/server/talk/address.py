"""The address of a server, as people write it: what is wrong with it is said before anything is sent."""

from urllib.parse import SplitResult, urlsplit, urlunsplit

_OF_THE_API = ("/v1", "/_mock", "/api/v1")
"""Beginnings of the paths that the run adds itself."""


class AddressError(ValueError):
    """The address can't be one; says what was received and what is allowed. Never shows a password."""


def server_address(given: str) -> str:
    """The address without a slash at its end. A path before the API's own is kept. Raises AddressError."""
    parts = _parts(given, "URL")
    if parts.query or parts.fragment:
        raise AddressError(f"URL: received {_bare(given)} with a query or fragment; allowed: an address without")
    for begin in _OF_THE_API:
        before, found, _ = f"{parts.path}/".partition(f"{begin}/")
        if found:
            shorter = urlunsplit((parts.scheme, parts.netloc, before, "", ""))
            raise AddressError(f"URL: received {_bare(given)}; allowed: what stands before {begin}, here {shorter}")
    return given.rstrip("/")


def callback_address(given: str) -> str:
    """A public address for callbacks. Raises AddressError."""
    parts = _parts(given, "--callback-url")
    if parts.query or parts.fragment:
        raise AddressError(f"--callback-url: received {_bare(given)} with a query or fragment; allowed: none")
    return given.rstrip("/")


def _parts(given: str, what: str) -> SplitResult:
    try:
        parts = urlsplit(given)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise AddressError(f"{what}: received {_bare(given)}: {error}; allowed: an http or https address") from error
    if parts.scheme not in ("http", "https") or not host or any(one.isspace() for one in given):
        raise AddressError(f"{what}: received {_bare(given)}; allowed: an http or https address")
    if "@" in parts.netloc:
        raise AddressError(
            f"{what}: received credentials in {_bare(given)}; allowed: none. "
            "API keys come from EVOLINK_API_KEY and EVOLINK_OTHER_API_KEY, or from --key-file and --other-key-file"
        )
    return parts


def _bare(given: str) -> str:
    """As it was given, but for what may be secret: what stands before an @, and the query."""
    scheme, separator, rest = given.partition("://")
    netloc, slash, path = (rest if separator else given).partition("?")[0].partition("/")
    return f"{scheme + separator if separator else ''}{netloc.rpartition('@')[2]}{slash}{path}"
