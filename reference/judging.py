"""What the contract tests judge: the one list of checks, and the grids of clients and receivers."""

from contract_tests.check import Layer, checks
from contract_tests.client.behaviours.grid import cells
from contract_tests.receiver.grid import CASES, owner_of
from reference.markdown import page, table

_WHO = {
    Layer.SCHEMA: "Servers: schema",
    Layer.BEHAVIOUR: "Servers: behaviour",
    Layer.CALLBACK: "Servers: callbacks",
    Layer.CLIENT: "Clients",
    Layer.RECEIVER: "Callback receivers",
}


def check_list() -> str:
    """The page of checks, with the source of each and how sure it is."""
    return page(
        "Checks",
        "Each promise that is judged, where the contract makes it, and [how sure that is](../trust.md). A check "
        "marked with a star warns at most.",
        *(_layer(layer) for layer in Layer),
    )


def _layer(layer: Layer) -> str:
    rows = [(f"`{one.id}`" + "*" * one.warns, one.promise, one.source, one.evidence) for one in checks(layer)]
    return f"## {_WHO.get(layer, layer.title())}\n\n" + table(("check", "promise", "source", "evidence"), rows)


def behaviours() -> str:
    """The page of what clients and receivers are made to meet."""
    clients = [(f"`{one.name}`", "; ".join(one.behaviour.lines), one.may, one.evidence) for one in cells()]
    receivers = [(f"`{name}`", probe.line, f"`{owner_of(name)}`") for name, probe in CASES.items()]
    return page(
        "Behaviours and cases",
        "What `contract-tests client --behaviour NAME` and `contract-tests receiver --case NAME` play. Beyond these, "
        "combinations are drawn.",
        "## What a client meets\n\n"
        + table(("behaviour", "the API", "a correct client may", "how sure"), clients)
        + "\n## What a receiver gets\n\n"
        + table(("case", "sends", "check"), receivers),
    )
