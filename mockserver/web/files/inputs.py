"""Uploaded files as the inputs of a generation: what lies behind their links, and what if they are gone."""

from mockserver.contract.registry import Registry
from mockserver.runtime.node import Node
from mockserver.simulation.file import File
from mockserver.simulation.scenario import Effect, Media
from mockserver.web.api.order import MediaTable
from mockserver.web.files.links import FileLinks


class UploadedInputs:
    """A link works whoever uses it, as on the web: the file may be another key's."""

    def __init__(self, registry: Registry, node: Node, links: FileLinks) -> None:
        self._registry, self._node, self._links = registry, node, links

    def of(self, urls: list[str], effect: Effect | None) -> tuple[MediaTable, Effect | None]:
        """What lies behind those URLs that lead here; and the effect, a failure in it where one leads to nothing.

        Raises NotHereError where the world of a file has to be loaded first.
        """
        ids = {url: file_id for url in urls if (file_id := self._links.file_id(url)) is not None}
        found = {url: self._find(file_id) for url, file_id in ids.items()}
        if None in found.values():
            effect = Effect(fail=self._registry.uploads.missing.failure).over(effect)
        table = {url: Media(length_ms=file.length_ms, bytes=file.size) for url, file in found.items() if file}
        return table, effect

    def _find(self, file_id: str) -> File | None:
        worlds, elsewhere = self._node.worlds, self._node.elsewhere
        if elsewhere is not None and elsewhere.is_away(file_id):
            return elsewhere.file(file_id)
        for name in worlds.names_for(file_id):
            resident = worlds.here(name)
            file = resident.world.find_file(file_id, resident.now_ms())
            if file is not None:
                return file
        return None
