"""What an upload carries, out of base64 or a form, and which type its content is; names and headers prove nothing.

The two libraries are loaded with the first upload: most servers never see one.
"""

import base64
import logging
import re
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from mockserver.contract.request.objection import Objection, shown
from mockserver.web.http.parsing import UnreadableError, parsed

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

logging.getLogger("python_multipart").addHandler(logging.NullHandler())  # a form that can't be read is no news here

_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)
_HEAD_BYTES = 4_096
"""How much of a file is looked at to recognise its type."""
_PARTS_LIMIT = 20
_NAME_LIMIT = 200
_UNFIT = re.compile(r"[\x00-\x1f\x7f]")


class Form(NamedTuple):
    """A multipart form: its text fields, the last of each name, and its files as (field, name, content)."""

    fields: dict[str, str]
    files: list[tuple[str, str, bytes]]


def of_base64(text: str) -> bytes | Objection:
    """The content of base64 or of a data URL; or what is wrong with it."""
    head = _DATA_URL.match(text)
    if head is None and text[:5].lower() == "data:":
        return Objection("base64_data", shown(text[:40]), "a data URL with ;base64,")
    try:
        return parsed(partial(base64.b64decode, validate=True), "".join(text[head.end() if head else 0 :].split()))
    except UnreadableError as error:
        return Objection("base64_data", f"no base64 ({error})", "base64 (RFC 4648, section 4), padded")


def form_of(content_type: bytes, body: bytes) -> Form:
    """The form in a multipart body. Raises UnreadableError where it can't be read, or has too many parts."""
    return parsed(_form_of, content_type, body)


def _form_of(content_type: bytes, body: bytes) -> Form:
    from python_multipart import FormParser

    parts: list[Field | File] = []
    ended: list[bool] = []

    def take(part: "Field | File") -> None:
        if len(parts) >= _PARTS_LIMIT:
            raise UnreadableError(f"it has more than {_PARTS_LIMIT} parts")
        parts.append(part)

    config = {"MAX_MEMORY_FILE_SIZE": inf}
    boundary = boundary_of(content_type)
    parser = FormParser("multipart/form-data", take, take, partial(ended.append, True), boundary, config=config)
    parser.write(_from_first(boundary, body))
    parser.finalize()
    if not ended:
        raise UnreadableError("it ends before the last boundary")
    return _sorted(parts)


def _from_first(boundary: bytes, body: bytes) -> bytes:
    """Without what stands before the first boundary, which is to be passed over (RFC 2046, 5.1.1)."""
    start = 0 if body.startswith(b"--" + boundary) else body.find(b"\r\n--" + boundary)
    return body[start + 2 :] if start > 0 else body


def boundary_of(content_type: bytes) -> bytes:
    """The boundary of a form; empty where the header is not that of a form, or names none."""
    from python_multipart.multipart import parse_options_header

    try:
        kind, parameters = parsed(parse_options_header, content_type)
    except UnreadableError:
        return b""
    return parameters.get(b"boundary", b"") if kind == b"multipart/form-data" else b""


def recognised(content: bytes) -> str | None:
    """The media type that the first bytes tell; None where they tell none."""
    import puremagic

    try:
        return parsed(partial(puremagic.from_string, mime=True), content[:_HEAD_BYTES]) or None
    except UnreadableError:
        return None


def plain_name(name: str) -> str:
    """A file's own name as it may be shown: no folders, no control characters, not endless."""
    return _UNFIT.sub("", re.split(r"[/\\]", name)[-1])[-_NAME_LIMIT:]


def _sorted(parts: "list[Field | File]") -> Form:
    from python_multipart.multipart import File

    form = Form({}, [])
    for part in parts:
        name = _text(part.field_name)
        if isinstance(part, File):
            part.file_object.seek(0)
            form.files.append((name, _text(part.file_name), part.file_object.read()))
        else:
            form.fields[name] = _text(part.value)
    return form


def _text(value: Any) -> str:
    return (value or b"").decode("utf-8", "replace")
