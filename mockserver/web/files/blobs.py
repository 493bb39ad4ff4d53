"""The bytes of uploaded files: kept in memory, told apart by content, bounded. The log knows nothing of them.

What was dropped for lack of room, or with the process, is stood for by a sample of the same type.
"""

from collections import OrderedDict
from hashlib import blake2b


def digest_of(content: bytes) -> str:
    """What content is known by: the same for the same bytes."""
    return blake2b(content, digest_size=16).hexdigest()


class Blobs:
    """At most `limit_bytes` of content; what was asked for least lately goes first."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, digest: str, content: bytes) -> None:
        """Keep content; what is larger than all the room there is, is not kept at all."""
        if digest in self._kept:
            self._kept.move_to_end(digest)
        elif len(content) <= self.limit_bytes:
            self._kept[digest] = content
            self.size_bytes += len(content)
            while self.size_bytes > self.limit_bytes:
                _, dropped = self._kept.popitem(last=False)
                self.size_bytes -= len(dropped)

    def get(self, digest: str) -> bytes | None:
        """The content, if it is still here."""
        content = self._kept.get(digest)
        if content is not None:
            self._kept.move_to_end(digest)
        return content

    def forget(self) -> None:
        """Drop everything."""
        self._kept.clear()
        self.size_bytes = 0
