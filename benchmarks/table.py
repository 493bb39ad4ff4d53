"""The result: a line for each thing measured."""

from typing import NamedTuple


class Row(NamedTuple):
    """What was measured, how it came out, what it is meant to be, and the figures behind it."""

    what: str
    result: str
    wanted: str
    figures: str


def shown(rows: list[Row]) -> str:
    widths = [max(len(row[column]) for row in [_HEAD, *rows]) for column in range(3)]
    return "\n".join(
        "  ".join([*(row[column].ljust(width) for column, width in enumerate(widths)), row.figures])
        for row in [_HEAD, *rows]
    )


_HEAD = Row("measured", "result", "wanted", "figures")
