"""The documents: what is served here, and where it is described."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from mockserver.contract.operation import Operation
from mockserver.contract.request.objection import Objection, shown
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
        name = self._known(request.query_params.get("document", next(iter(documents))))
        return json_response(documents[name].raw)

    async def get_control_document(self, request: Request, body: Any) -> Response:
        return json_response(self._desk.control_document.raw)

    async def get_docs(self, request: Request, body: Any) -> Response:
        """The documents for people: what there is, or one operation."""
        from mockserver.web.docs.pages import Pages, policy

        desk, asked = self._desk, request.query_params
        pages = Pages(desk.registry, desk.public_url(), only_keys=desk.only_keys)
        document = self._known(asked["document"]) if "document" in asked else None
        operation = self._operation(document, asked["operation"]) if "operation" in asked else None
        page = pages.front() if operation is None else pages.operation(operation)
        headers = {
            "content-security-policy": policy(),
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        return HTMLResponse(page, headers=headers)

    def _known(self, name: str) -> str:
        """The name of a document that is mounted."""
        documents = self._desk.registry.documents
        if name not in documents:
            raise invalid(Objection("document", shown(name), ", ".join(documents)))
        return name

    def _operation(self, document: str | None, name: str) -> Operation:
        """By its operationId, in one document or in any."""
        known = [one for one in self._desk.registry.operations if document in (None, one.document)]
        found = next((one for one in known if one.id == name), None)
        if found is None:
            raise invalid(Objection("operation", shown(name), ", ".join(one.id for one in known[:20]) or "none"))
        return found

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
