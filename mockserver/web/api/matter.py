"""What an exchange was about, as far as it was understood."""

from typing import Any

from msgspec import Struct

from mockserver.contract.operation import Operation
from mockserver.contract.request.objection import Objection
from mockserver.web.api.intake import Call


class Matter(Struct, frozen=True, gc=False):
    """The request, the operation that judged it, the body of an accepted submission, and what was held against a
    refused one."""

    call: Call
    operation: Operation
    asked: dict[str, Any] | None = None
    objection: Objection | None = None
