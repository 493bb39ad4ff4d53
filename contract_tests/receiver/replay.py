"""The command that plays one case again: to be pasted, with what is secret left to variables of the environment."""

import shlex
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from contract_tests.exchange import redacted
from contract_tests.receiver.delivery import shown

VARIABLES = "CONTRACT_TESTS_RECEIVER_"
"""Click reads each option from a variable of this beginning where it is not given."""


def replay_of(case: str, url: str, options: Mapping[str, str | None], spec: Sequence[str] = ()) -> str:
    """`options` by their names, without dashes; those that are None were not given. `spec` names the document."""
    given = {name: value for name, value in options.items() if value is not None}
    words = [f"--{name} {_word(name, value)}" for name, value in given.items()]
    return " ".join(
        [
            "contract-tests receiver",
            *([shlex.join(spec)] if spec else []),
            f"--case {shlex.quote(case)}",
            *words,
            _word("url", url),
        ]
    )


def variable(name: str) -> str:
    """The variable that stands for an option, or for the URL."""
    return f"{VARIABLES}{name.replace('-', '_').upper()}"


def _word(name: str, value: str) -> str:
    secret = _has_secret_address(value) if name.endswith("url") else redacted(value) != value
    return f'"${variable(name)}"' if secret else shlex.quote(value)


def _has_secret_address(url: str) -> bool:
    """Whether a report shows another address than the one that is asked."""
    bare = urlsplit(url)._replace(fragment="").geturl()
    return shown(url) not in (bare, f"{bare}/")
