"""The bounds of a server, from its options and the command line that sets them."""

from msgspec.structs import asdict

from mockserver.cli import serve
from mockserver.config import BOUND_OPTIONS
from mockserver.web.options import Bounds
from reference.markdown import page, table


def bounds() -> str:
    """The page of bounds: what everything that can grow may grow to."""
    option_of = {bound: name for name, bound in BOUND_OPTIONS.items()}
    helps = {option.name: getattr(option, "help", "") for option in serve.params}
    rows = [
        (
            f"`{name}`",
            f"{value:,}",
            f"`--{option_of[name].replace('_', '-')}`" if name in option_of else "",
            helps.get(option_of.get(name, ""), "") or "",
        )
        for name, value in asdict(Bounds()).items()
    ]
    return page(
        "Bounds",
        "Everything that can grow has a bound; `GET /_mock/health` tells those in force. Sizes are in bytes, the "
        "rest are counts.",
        table(("bound", "usually", "option", "is"), rows),
    )
