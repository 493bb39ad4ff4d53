"""An uploaded file: all that is known of it but its bytes."""

from msgspec import Struct


class File(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One upload. `digest` names its bytes (empty: nobody has them), `length_ms` how long it plays.

    Times are milliseconds since the Unix epoch, sizes bytes.
    """

    id: str
    name: str
    original_name: str
    size: int
    mime_type: str
    upload_path: str
    uploaded_ms: int
    expires_ms: int
    digest: str = ""
    length_ms: int | None = None

    def there(self, now_ms: int) -> bool:
        """Whether it has not expired yet."""
        return now_ms < self.expires_ms
