"""Pages made here, of what `explain` knows. A kept renderer (Swagger UI, Redoc, Scalar) shows schemas and would pass
over what sets these documents apart: evidence marks, rules, prices, what was inferred, what is in prose only."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from typing import Any

from mockserver.contract.explanation import explained
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.web.docs.curl import curl

MARKS = {
    "documented": "the provider's published documentation says it",
    "observed": "somebody published a recording of the live service that shows it",
    "vendor": "the provider's own client programs rely on it",
    "assumed": "nobody says it: a choice of this mock",
}


class Pages:
    """`address` is where the lines to try lead."""

    def __init__(self, registry: Registry, address: str, *, only_keys: bool) -> None:
        self._registry, self._address, self._only_keys = registry, address, only_keys

    def front(self) -> str:
        """Every operation with a link to its page; what is not served, and why."""
        registry = self._registry
        served = [
            {"operation": one, "models": [model for model in one.models if registry.of_model(model) is one]}
            for one in registry.operations
        ]
        return _rendered("front.html.j2", served=served, registry=registry)

    def operation(self, operation: Operation) -> str:
        told = explained(self._registry, operation)
        line = curl(operation, self._address, told.example, only_keys=self._only_keys)
        return _rendered("operation.html.j2", told=told, operation=operation, curl=line)


def policy() -> str:
    """The Content-Security-Policy of these pages: their own style, and nothing else from anywhere."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    closed = ("default-src", "base-uri", "form-action", "frame-ancestors")
    return "; ".join([*(f"{one} 'none'" for one in closed), f"style-src 'sha256-{digest}'"])


def _rendered(name: str, **values: Any) -> str:
    page: str = _environment().get_template(name).render(**values, marks=MARKS, style=_style())
    return page


@cache
def _environment() -> Any:
    """Jinja is loaded when somebody reads, not to serve."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    loader = PackageLoader("mockserver.web.docs", ".")
    made: Any = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["verbatim"] = Markup
    return made


@cache
def _style() -> str:
    environment = _environment()
    style: str = environment.loader.get_source(environment, "docs.css")[0]
    return style
