"""Links of uploaded files: made for answers, and recognised where a request brings one back."""

import re
from collections.abc import Callable, Iterable
from urllib.parse import quote

from mockserver.simulation.file import File

SHOWN = "/media/files/"
SAVED = "/api/v1/files/download/"
"""The paths below which files are shown and saved; the second is as the provider's documents show it."""
MARK = b"file_"
"""What every id of a file begins with: a body without it needs no search."""
_ID = re.compile(rf"({re.escape(SHOWN)}|{re.escape(SAVED)})(?P<id>[^/?#]*)")


class FileLinks:
    """Links under the public URL, which is asked each time: it may change."""

    def __init__(self, public_url: Callable[[], str], others: Callable[[], Iterable[str]] = tuple) -> None:
        """`others` are the public URLs of other nodes, whose links work here, too."""
        self._public_url, self._others = public_url, others

    def shown(self, file: File) -> str:
        """Where the file is seen. It ends as the file's name does."""
        return f"{self._public_url()}{SHOWN}{file.id}/{quote(file.name)}"

    def saved(self, file: File) -> str:
        """Where the file is downloaded."""
        return f"{self._public_url()}{SAVED}{file.id}"

    def file_id(self, url: str) -> str | None:
        """The id in a link of this server; None in any other URL."""
        for base in {self._public_url(), *self._others()}:
            found = _ID.match(url, len(base)) if url.startswith(base) else None
            if found:
                return found["id"]
        return None
