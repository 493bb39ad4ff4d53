"""Uploaded files of all tenants. Their bytes are kept elsewhere.

A file is there until it expires or is deleted; expiry is found out by asking, so no timer runs for days.
"""

from mockserver.simulation.chance import file_suffix
from mockserver.simulation.command import DeleteFile, Upload
from mockserver.simulation.event import Reply
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.tenant import Tenant

FILE_ID_PREFIX = "file_"


class Storage:
    """The files by id; each tenant has its own by id too, oldest first."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}

    def find(self, file_id: str, now_ms: int) -> File | None:
        """The file, if it is still there."""
        file = self.files.get(file_id)
        return file if file is not None and file.there(now_ms) else None

    def upload(self, seed: int, tenant: Tenant, command: Upload, now_ms: int) -> Reply:
        """Keep a file, where the quota has room for it; what has expired makes room first."""
        self._drop_expired(tenant, now_ms)
        if len(tenant.files) >= quota(tenant, command.files_limit):
            return Reply(refusal=Refusal.FILE_QUOTA_EXHAUSTED)
        number = tenant.uploads
        while FILE_ID_PREFIX + (suffix := file_suffix(seed, tenant.id, number)) in self.files:
            number += 1
        file = _draft(suffix, tenant.id, command, now_ms)
        tenant.uploads = number + 1
        self.files[file.id] = tenant.files[file.id] = file
        return Reply(file=file)

    def delete(self, tenant: Tenant, command: DeleteFile, now_ms: int) -> Reply:
        """Forget a file of the tenant's own; somebody else's is as unknown as one that never was."""
        file = tenant.files.get(command.file_id)
        if file is None or not file.there(now_ms):
            return Reply(refusal=Refusal.FILE_NOT_FOUND)
        self._drop(tenant, file.id)
        return Reply(file=file)

    def forget(self, tenant: Tenant) -> None:
        """Forget all that a tenant has uploaded."""
        for file_id in list(tenant.files):
            self._drop(tenant, file_id)

    def _drop_expired(self, tenant: Tenant, now_ms: int) -> None:
        for file_id in [one.id for one in tenant.files.values() if not one.there(now_ms)]:
            self._drop(tenant, file_id)

    def _drop(self, tenant: Tenant, file_id: str) -> None:
        del tenant.files[file_id], self.files[file_id]


def quota(tenant: Tenant, files_limit: int) -> int:
    """How many files a tenant may have: the account's own limit, or else the document's."""
    return files_limit if tenant.account.max_files is None else tenant.account.max_files


def _draft(suffix: str, tenant_id: str, command: Upload, now_ms: int) -> File:
    """The file of an accepted upload; one without a name is called by its id."""
    name = command.name or f"{suffix}{command.ending}"
    return File(
        id=FILE_ID_PREFIX + suffix,
        tenant=tenant_id,
        name=name,
        original_name=command.original_name or name,
        size=command.size,
        mime_type=command.mime_type,
        upload_path=command.upload_path,
        uploaded_ms=now_ms,
        expires_ms=now_ms + command.valid_ms,
        digest=command.digest,
        length_ms=command.length_ms,
    )
