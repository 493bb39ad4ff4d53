"""The files API: uploads, quota, list and delete. What is known of a file is the world's, its bytes are here."""

from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from mockserver.contract.behaviour import Role
from mockserver.contract.registry import Registry
from mockserver.contract.request.objection import Objection, shown
from mockserver.contract.request.uploads import FileType
from mockserver.runtime.node import Node
from mockserver.simulation.command import DeleteFile, Upload
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.scenario import UNACCEPTED, Effect
from mockserver.simulation.storage import quota
from mockserver.web.api.intake import Call, Intake
from mockserver.web.api.refused import RefusedError, error, invalid, on_the_wire, scripted, too_many_tenants
from mockserver.web.api.view import FileView, PageView, QuotaView
from mockserver.web.files import content
from mockserver.web.files.blobs import Blobs, digest_of
from mockserver.web.files.links import FileLinks
from mockserver.web.http.exchange import Answer, json_answer
from mockserver.web.http.parsing import UnreadableError


class Arrived(NamedTuple):
    """What an upload brings: the field that carries it, its type and size, and the content if there is any."""

    field: str
    mime_type: str
    size: int
    content: bytes = b""
    original_name: str = ""
    length_ms: int | None = None


class FilesApi:
    """Answers the requests of admitted tenants. Raises RefusedError with the answer where one goes no further."""

    def __init__(
        self, *, node: Node, registry: Registry, intake: Intake, blobs: Blobs, links: FileLinks, samples: Path
    ) -> None:
        self._node, self._registry, self._intake = node, registry, intake
        self._blobs, self._links, self._samples = blobs, links, samples
        self._roles: dict[Role, Callable[[Call], Answer]] = {
            Role.UPLOAD_BASE64: self._upload_base64,
            Role.UPLOAD_STREAM: self._upload_stream,
            Role.UPLOAD_URL: self._upload_url,
            Role.GET_FILES_QUOTA: self._get_quota,
            Role.LIST_FILES: self._list,
            Role.DELETE_FILE: self._delete,
        }

    def answer(self, call: Call) -> Answer:
        return self._roles[call.operation.role](call)

    # --- uploads

    def _upload_base64(self, call: Call) -> Answer:
        body = self._intake.body(call)
        data = content.of_base64(body["base64_data"])
        if isinstance(data, Objection):
            raise invalid(call.operation, data)
        return self._keep(call, body, self._arrived(call, "base64_data", data))

    def _upload_stream(self, call: Call) -> Answer:
        form = self._form(call)
        self._intake.judge(call, {**form.fields, **{field: "" for field, _, _ in form.files}})
        if len(form.files) != 1 or form.files[0][0] != "file":
            odd = {0: "a field that is no file", 1: "a file in another field"}
            received = odd.get(len(form.files), f"{len(form.files)} files")
            raise invalid(call.operation, Objection("file", received, "exactly one file, in the field file"))
        _, name, data = form.files[0]
        return self._keep(call, form.fields, self._arrived(call, "file", data, name))

    def _upload_url(self, call: Call) -> Answer:
        body = self._intake.body(call)
        url = body["file_url"]
        media, effect = self._intake.remote(call, url)
        self._obey(call, effect)
        mime_type = self._type_behind(call, url)
        size = self._sample(mime_type).stat().st_size if media.bytes is None else media.bytes
        name = unquote(PurePosixPath(urlsplit(url).path).name)
        arrived = Arrived("file_url", mime_type, size, original_name=name, length_ms=media.length_ms)
        return on_the_wire(self._keep(call, body, arrived), effect)

    def _keep(self, call: Call, fields: dict[str, Any], arrived: Arrived) -> Answer:
        """Ask the world to take the file in, and keep its bytes if it does."""
        uploads, told = self._registry.uploads, self._registry.uploads.types[arrived.mime_type]
        if not 0 < arrived.size <= uploads.largest.bytes:
            allowed = f"1 to {uploads.largest.bytes} bytes"
            raise invalid(call.operation, Objection(arrived.field, f"a file of {arrived.size} bytes", allowed))
        name = fields.get("file_name") or fields.get("fileName") or ""
        digest = digest_of(arrived.content) if arrived.content else ""
        command = Upload(
            at_ms=call.now_ms,
            size=arrived.size,
            mime_type=arrived.mime_type,
            ending=told.endings[0],
            upload_path=fields.get("upload_path") or fields.get("uploadPath") or _folder(arrived.mime_type),
            valid_ms=uploads.kept.seconds * 1000,
            files_limit=uploads.quota.files,
            name=name and self._fitting(name, told),
            original_name=content.plain_name(arrived.original_name or name),
            digest=digest,
            length_ms=arrived.length_ms,
        )
        file = self._done(call, command)
        if digest:
            self._blobs.keep(digest, arrived.content)
        return json_answer(200, call.operation.shape.render(FileView(file, self._links)))

    def _form(self, call: Call) -> content.Form:
        header = call.headers.get(b"content-type", b"")
        if not content.boundary_of(header):
            raise self._intake.unsupported(call, "multipart/form-data with a boundary")
        try:
            return content.form_of(header, call.body)
        except UnreadableError as reason:
            raise RefusedError(error(call.operation.errors["malformed_body"], received=str(reason))) from reason

    def _arrived(self, call: Call, field: str, data: bytes, name: str = "") -> Arrived:
        """What content is, by its first bytes."""
        if not data:
            raise invalid(call.operation, Objection(field, "an empty file", "a file with content"))
        found = content.recognised(data)
        mime_type = self._registry.uploads.type_called(found) if found else None
        if mime_type is None:
            raise self._of_no_type(call, field, f"content of type {found}" if found else "content of no known type")
        return Arrived(field, mime_type, len(data), data, name)

    def _type_behind(self, call: Call, url: str) -> str:
        """The type of a remote file, by the ending of its URL."""
        uploads = self._registry.uploads
        ending = PurePosixPath(urlsplit(url).path).suffix.lower()
        mime_type = uploads.type_ending(ending) if ending else uploads.untold.type
        if mime_type is None:
            raise self._of_no_type(call, "file_url", f"a file that ends in {shown(ending)}")
        return mime_type

    def _of_no_type(self, call: Call, field: str, received: str) -> RefusedError:
        return invalid(call.operation, Objection(field, received, ", ".join(self._registry.uploads.types)))

    def _fitting(self, name: str, told: FileType) -> str:
        """A name that ends as its content asks for."""
        ending = PurePosixPath(name).suffix
        if ending.lower() in told.endings:
            return name
        misleading = self._registry.uploads.type_ending(ending.lower()) is not None
        return (name.removesuffix(ending) if misleading else name) + told.endings[0]

    def _sample(self, mime_type: str) -> Path:
        return self._samples / self._registry.uploads.types[mime_type].sample

    def _obey(self, call: Call, effect: Effect | None) -> None:
        """Stop where the trigger words of a URL ask for an error, or for the loss of the request."""
        if effect is not None and effect.answer is not None:
            raise RefusedError(on_the_wire(scripted(call.operation, effect.answer), effect))
        if effect is not None and effect.fault in UNACCEPTED:
            raise RefusedError(on_the_wire(error(call.operation.errors["internal_error"]), effect))

    # --- what is there

    def _get_quota(self, call: Call) -> Answer:
        world, now_ms = call.resident.world, call.now_ms
        used = sum(file.there(now_ms) for file in world.files.values())
        most = quota(world, self._registry.uploads.quota.files)
        return json_answer(200, call.operation.shape.render(QuotaView(world.account, used, most)))

    def _list(self, call: Call) -> Answer:
        asked = self._intake.query(call)
        page, size = asked["page"], asked["pageSize"]
        now_ms = call.now_ms
        there = [file for file in reversed(call.resident.world.files.values()) if file.there(now_ms)]
        item = call.operation.item_shape
        files = [
            msgspec.Raw(item.render(FileView(file, self._links))) for file in there[(page - 1) * size : page * size]
        ]
        return json_answer(200, call.operation.shape.render(PageView(len(there), page, size, files)))

    def _delete(self, call: Call) -> Answer:
        file_id = call.route.path_values["file_id"]
        command = DeleteFile(at_ms=call.now_ms, file_id=file_id)
        self._done(call, command)
        return json_answer(200, call.operation.shape.render(None))

    def _done(self, call: Call, command: Upload | DeleteFile) -> File:
        """The file that the world has taken in or let go."""
        reply = self._node.execute(call.resident, command)
        if reply.file is not None:
            return reply.file
        if reply.refusal is Refusal.TOO_MANY_TENANTS:
            raise RefusedError(too_many_tenants(call.operation, self._node.worlds.limits.worlds))
        limit = quota(call.resident.world, self._registry.uploads.quota.files)
        raise RefusedError(error(call.operation.errors[reply.refusal or ""], limit=limit))


def _folder(mime_type: str) -> str:
    return f"{mime_type.partition('/')[0]}s"
