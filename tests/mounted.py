"""Every document that tests mount: some made up, and the provider's own if EVOLINK_PUBLISHED names their folder."""

import os
from pathlib import Path
from typing import Any, NamedTuple

from mockserver.contract.behaviour import Role
from mockserver.contract.operation import Operation
from mockserver.contract.registry import Registry
from mockserver.web.app import registry_of
from mockserver.web.options import Options

PUBLISHED = Path(os.environ.get("EVOLINK_PUBLISHED") or "no-such-folder")
PROMPT_EXAMPLE = "A street in the snow"
INVENTED = Path(__file__).parent / "specs"
"""What sets documents apart: the kind, a fifth status, several models, a price by the image, no price at all."""


class Mounted(NamedTuple):
    """A model and the operation that serves it."""

    model: str
    operation: Operation

    def body(self) -> dict[str, Any]:
        """A request that is valid: a sound example of the document, or one made of those of its properties."""
        contract = self.operation.request
        assert contract is not None
        for example in self.operation.examples.values():
            if contract.objection(body := {**example, "model": self.model}) is None:
                return body
        properties = contract.schema["properties"]
        needed = {name: properties[name].get("example", PROMPT_EXAMPLE) for name in contract.schema["required"]}
        return {**needed, "model": self.model}


SPECS = (INVENTED, *((PUBLISHED,) if PUBLISHED.is_dir() else ()))
REGISTRY: Registry = registry_of(Options(specs=SPECS))
MODELS = {
    model: Mounted(model, one)
    for one in REGISTRY.operations
    if one.role is Role.CREATE_TASK
    for model in one.models
    if REGISTRY.of_model(model) is one
}
