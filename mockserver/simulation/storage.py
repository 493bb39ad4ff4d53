"""Uploaded files. Their bytes are kept elsewhere.

A file is there until it expires or is deleted; expiry is found out by asking, so no timer runs for days.
"""

from mockserver.simulation.chance import Stream, letters
from mockserver.simulation.command import DeleteFile, Upload
from mockserver.simulation.event import Happening, Reply
from mockserver.simulation.file import File
from mockserver.simulation.refusal import Refusal
from mockserver.simulation.state import State

FILE_ID_PREFIX = "file_"


def upload(state: State, command: Upload) -> Reply:
    """Keep a file, where the quota has room for it; what has expired makes room first."""
    for file_id in [one.id for one in state.files.values() if not one.there(state.now_ms)]:
        del state.files[file_id]
    if len(state.files) >= quota(state, command.files_limit):
        return Reply(refusal=Refusal.FILE_QUOTA_EXHAUSTED)
    number = state.uploads
    while FILE_ID_PREFIX + (suffix := _suffix(state, number)) in state.files:
        number += 1
    state.uploads = number + 1
    file = state.files[FILE_ID_PREFIX + suffix] = _draft(suffix, command, state.now_ms)
    state.tell(state.now_ms, Happening.FILE_UPLOADED, file_id=file.id)
    return Reply(file=file)


def delete_file(state: State, command: DeleteFile) -> Reply:
    """Forget a file; one that has expired is as unknown as one that never was."""
    file = state.find_file(command.file_id, state.now_ms)
    if file is None:
        return Reply(refusal=Refusal.FILE_NOT_FOUND)
    del state.files[file.id]
    state.tell(state.now_ms, Happening.FILE_DELETED, file_id=file.id)
    return Reply(file=file)


def quota(state: State, files_limit: int) -> int:
    """How many files a key may have: the account's own limit, or else the document's."""
    return files_limit if state.account.max_files is None else state.account.max_files


def _suffix(state: State, number: int) -> str:
    """How the id of the n-th upload ends: twelve of a-z0-9."""
    settings = state.settings
    return letters(Stream(settings.seed, settings.name, "file").digest(number), settings.mark)


def _draft(suffix: str, command: Upload, now_ms: int) -> File:
    """The file of an accepted upload; one without a name is called by its id."""
    name = command.name or f"{suffix}{command.ending}"
    return File(
        id=FILE_ID_PREFIX + suffix,
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
