"""Uploaded files as the inputs of a generation: what lies behind their links, and what if they are gone."""

from collections.abc import Callable

from mockserver.contract.registry import Registry
from mockserver.simulation.scenario import Effect, Media
from mockserver.simulation.storage import Storage
from mockserver.web.links import FileLinks
from mockserver.web.order import MediaTable


class UploadedInputs:
    """`storage` is asked each time: a reset makes another one. A link works whoever uses it, as on the web."""

    def __init__(self, registry: Registry, storage: Callable[[], Storage], links: FileLinks) -> None:
        self._registry, self._storage, self._links = registry, storage, links

    def of(self, urls: list[str], now_ms: int, effect: Effect | None) -> tuple[MediaTable, Effect | None]:
        """What lies behind those URLs that lead here; and the effect, a failure in it where one leads to nothing."""
        ids = {url: file_id for url in urls if (file_id := self._links.file_id(url)) is not None}
        found = {url: self._storage().find(file_id, now_ms) for url, file_id in ids.items()}
        if None in found.values():
            effect = Effect(fail=self._registry.uploads.missing.failure).over(effect)
        table = {url: Media(length_ms=file.length_ms, bytes=file.size) for url, file in found.items() if file}
        return table, effect
