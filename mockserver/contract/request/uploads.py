"""What a document says of uploaded files under x-evolink-uploads: which are taken, how many, for how long."""

from msgspec import Struct

from mockserver.contract.document.evidence import Told


class Kept(Told, frozen=True, kw_only=True):
    """How long a file is there."""

    seconds: int


class Quota(Told, frozen=True, kw_only=True):
    """How many files an account may have at a time."""

    files: int


class Largest(Told, frozen=True, kw_only=True):
    """How large a file may be."""

    bytes: int


class FileType(Told, frozen=True, kw_only=True):
    """A type that is taken: the endings of its file names (the first is given to a name without one), the sample
    that stands for it, and by what other names it is recognised."""

    endings: tuple[str, ...]
    sample: str
    recognised: tuple[str, ...] = ()


class Untold(Told, frozen=True, kw_only=True):
    """What lies behind a URL whose ending does not tell."""

    type: str


class Missing(Told, frozen=True, kw_only=True):
    """How a task fails that was given the link of a file that is no longer there."""

    failure: str


class Uploads(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides what becomes of an upload."""

    kept: Kept
    quota: Quota
    largest: Largest
    types: dict[str, FileType]
    untold: Untold
    missing: Missing

    def __post_init__(self) -> None:
        """A type that is named elsewhere has to be one that is taken."""
        if self.untold.type not in self.types:
            raise ValueError(f"untold.type is {self.untold.type}, which types does not have")

    def type_called(self, name: str) -> str | None:
        """The type taken that goes by this name; None where none does."""
        return next((one for one, told in self.types.items() if name in (one, *told.recognised)), None)

    def type_ending(self, ending: str) -> str | None:
        """The type taken whose file names end so (in lower case, with the dot); None where none does."""
        return next((one for one, told in self.types.items() if ending in told.endings), None)
