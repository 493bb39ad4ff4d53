"""The page's files. They hold nothing of the mock: whatever the page shows, it asks the control API for."""

from functools import cache
from hashlib import blake2b
from pathlib import Path

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from mockserver.web.control.desk import error_response
from mockserver.web.dashboard.policy import HEADERS

PAGE_PATH = "/_mock/"
STATIC_PATH = f"{PAGE_PATH}static/"
DOCUMENTS = (f"{PAGE_PATH}docs", f"{PAGE_PATH}openapi.json")
_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""What is served; licences and notes beside the files are not."""


class _File(Struct, frozen=True):
    content: bytes
    media_type: str
    etag: str


def is_open(path: str, token: str | None) -> bool:
    """Whether a path is the page's own where control asks for a token: the page has to be there to ask a person for
    it, and shows nothing without; a browser that follows a link to the documents sends none, and they hold nothing of
    the mock. Where there is no token, the page is guarded as all of control is."""
    is_page = path in (PAGE_PATH, PAGE_PATH.rstrip("/")) or path.startswith(STATIC_PATH)
    return token is not None and (is_page or path.rstrip("/") in DOCUMENTS)


def page_routes() -> list[Route]:
    """The page, a way to it without its slash, and its files."""
    return [
        Route(PAGE_PATH.rstrip("/"), lambda _: RedirectResponse(PAGE_PATH, 302), methods=["GET"]),
        Route(PAGE_PATH, lambda request: _answer(request, "index.html"), methods=["GET"]),
        Route(STATIC_PATH + "{name:path}", lambda request: _answer(request, request.path_params["name"])),
    ]


def _answer(request: Request, name: str) -> Response:
    file = _files().get(name)
    if file is None:
        return error_response(404, "not_found", "The page has no such file")
    headers = {**HEADERS, "etag": file.etag}
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


@cache
def _files() -> dict[str, _File]:
    """Every file by its path below the folder: what is not here, no name leads to."""
    found = [path for path in _FOLDER.rglob("*") if path.suffix in _TYPES]
    return {path.relative_to(_FOLDER).as_posix(): _read(path) for path in found}


def _read(path: Path) -> _File:
    content = path.read_bytes()
    etag = f'"{blake2b(content, digest_size=12).hexdigest()}"'
    return _File(content, _TYPES[path.suffix], etag)
