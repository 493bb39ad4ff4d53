"""The documents: what is served here, and where it is described."""

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mockserver.contract.objection import Objection, shown
from mockserver.web.control.desk import Desk, invalid, json_response

PAGE = "/_mock/"
"""Where a person with a browser is sent."""
_NEGOTIATED = {"vary": "accept"}


class DocumentCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_front(self, request: Request, body: Any) -> Response:
        """A browser is shown the page, a program what there is."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(PAGE, 302, _NEGOTIATED)
        answer = json_response(self._front())
        answer.headers.update(_NEGOTIATED)
        return answer

    async def get_document(self, request: Request, body: Any) -> Response:
        """One of the documents of the generation API, as JSON; the built-in one where none is named."""
        documents = self._desk.registry.documents
        name = request.query_params.get("document", next(iter(documents)))
        if name not in documents:
            raise invalid(Objection("document", shown(name), ", ".join(documents)))
        return json_response(documents[name].raw)

    async def get_control_document(self, request: Request, body: Any) -> Response:
        return json_response(self._desk.control_document.raw)

    def _front(self) -> dict[str, Any]:
        desk = self._desk
        served = dict.fromkeys((one.method, one.path) for one in desk.registry.operations)
        return {
            "name": "evolink-mock",
            "version": desk.version,
            "serves": [{"method": method, "path": path} for method, path in served],
            "models": desk.registry.models,
            "documents": list(desk.registry.documents),
            "see": {
                "page": PAGE,
                "docs": "/_mock/docs",
                "openapi": "/openapi.json",
                "control": "/_mock/openapi.json",
                "health": "/_mock/health",
            },
        }
