"""A certificate authority of one run. Its key stays in memory; what makes programs trust it is in a folder."""

import shutil
import ssl
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

TRUST_STORE_PASSWORD = "changeit"  # noqa: S105 - Java's own default; a store of certificates holds no secret


class InterceptionError(Exception):
    """Interception can't be set up; says what is missing."""


@dataclass(frozen=True, slots=True)
class Authority:
    """`server` is the TLS context for the hosts; `folder` (mode 0700) holds `ca` (PEM) and `trust_store` (PKCS12)."""

    folder: Path
    server: ssl.SSLContext

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def trust_store(self) -> Path:
        return self.folder / "ca.p12"

    @classmethod
    def of(cls, hosts: Iterable[str]) -> Self:
        """A new authority and a certificate for the hosts. Raises InterceptionError without the extra `intercept`, or
        where no folder for them can be made."""
        try:
            import trustme
        except ImportError as error:
            raise InterceptionError(f"{error}: install it with `pip install 'evolink-mock[intercept]'`") from error
        try:
            return cls._made(trustme, hosts)
        except OSError as error:
            told = f"no folder for the certificates of this run can be made or written: {error}"
            raise InterceptionError(f"{told}; set TMPDIR to one that can") from error

    @classmethod
    def _made(cls, trustme: Any, hosts: Iterable[str]) -> Self:
        authority = trustme.CA(organization_name="evolink-mock", organization_unit_name="this run only")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_alpn_protocols(["http/1.1"])
        authority.issue_cert(*hosts).configure_cert(context)
        made = cls(Path(tempfile.mkdtemp(prefix="mockserver-")), context)
        certificate = authority.cert_pem.bytes()
        made.ca.write_bytes(certificate)
        made.trust_store.write_bytes(_trust_store(certificate))
        return made

    def forget(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _trust_store(certificate: bytes) -> bytes:
    """A store that Java trusts: PKCS12 with Java's own mark on the certificate."""
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
    from cryptography.x509 import load_pem_x509_certificate

    entry = PKCS12Certificate(load_pem_x509_certificate(certificate), b"evolink-mock")
    return serialize_java_truststore([entry], BestAvailableEncryption(TRUST_STORE_PASSWORD.encode()))
