"""Where the documents and fixtures are: beside the package in a checkout, inside it in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def data(*parts: str) -> Path:
    """The path of a file or folder that travels with the package, such as data("openapi", "evolink.yaml")."""
    inside = _PACKAGE / "_data"
    return (inside if inside.is_dir() else _PACKAGE.parent).joinpath(*parts)
