"""Whose a task, a delivery or a file is, by its id alone: the mark in it leads to the few worlds that may have it."""

from mockserver.runtime.resident import Resident
from mockserver.runtime.worlds import Worlds
from mockserver.simulation.file import File


class Finder:
    """Worlds that are not here are loaded to be asked."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds

    async def owner_of(self, one_id: str) -> Resident | None:
        """The world that has the task or the delivery of this id."""
        for name in self._worlds.names_for(one_id):
            resident = await self._worlds.fetch(name)
            if one_id in resident.world.tasks or one_id in resident.world.deliveries:
                return resident
        return None

    async def file(self, file_id: str) -> File | None:
        """A file that is still there, whoever uploaded it."""
        owner = await self.uploader_of(file_id)
        return None if owner is None else owner.world.find_file(file_id, owner.now_ms())

    async def uploader_of(self, file_id: str) -> Resident | None:
        """The world that has the file of this id, if it is still there."""
        for name in self._worlds.names_for(file_id):
            resident = await self._worlds.fetch(name)
            if resident.world.find_file(file_id, resident.now_ms()) is not None:
                return resident
        return None
