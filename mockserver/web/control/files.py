"""Files: what was uploaded, until it is forgotten."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from mockserver.web.control.desk import Desk, json_response, limit_asked, offset_asked
from mockserver.web.control.records import file_record


class FileCalls:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def list_uploads(self, request: Request, body: Any) -> Response:
        residents = await self._desk.everyone(self._desk.name_asked(request))
        files = [(resident, file) for resident in residents for file in resident.world.files.values()]
        files.sort(key=lambda pair: -pair[1].uploaded_ms)
        offset = offset_asked(request)
        listed = files[offset : offset + limit_asked(request)]
        records = [file_record(one.name, file, one.now_ms()) for one, file in listed]
        return json_response({"total": len(files), "files": records})
