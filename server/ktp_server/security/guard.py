"""All that stands between a server's port and its methods, opened from the settings."""

import logging
from dataclasses import dataclass

import grpc

from ktp_server.security.exposure import check_exposure, is_local
from ktp_server.security.key_file import Keyring
from ktp_server.security.tls import ServerTls, TlsFiles
from ktp_server.settings import Settings

__all__ = ["Guard"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """TLS and keys of one server process.

    Attributes:
        tls: None for connections without encryption.
        keyring: None where callers need no key.
    """

    tls: ServerTls | None
    keyring: Keyring | None

    @classmethod
    def open(cls, settings: Settings) -> "Guard":
        """Read keys and certificates, and check that the server is not open to strangers.

        Raises:
            SecurityError: a file is at fault, or it is; the message says what to do.
        """
        keyring = None if settings.api_keys is None else Keyring(settings.api_keys)
        tls = None
        if settings.tls_certificate is not None and settings.tls_key is not None:
            tls = ServerTls(TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca))
        check_exposure(
            "listen_address",
            settings.listen_address,
            knows_callers=keyring is not None or settings.tls_client_ca is not None,
            insecure=settings.insecure,
        )
        if tls is None and not is_local(settings.listen_address):
            logger.warning("without tls_certificate, images and keys travel to %s unencrypted", settings.listen_address)
        return cls(tls, keyring)

    def add_port(self, server: grpc.aio.Server, address: str) -> int:
        """Let a server listen, with TLS where it is set; a Unix socket needs none.

        Returns:
            The port.

        Raises:
            RuntimeError: the address is taken or not ours.
        """
        if self.tls is None or address.startswith("unix"):
            return server.add_insecure_port(address)
        return server.add_secure_port(address, self.tls.credentials())

    def reload(self) -> None:
        """Read keys and certificates anew; what is faulty stays as it was."""
        if self.tls is not None:
            self.tls.reload()
        if self.keyring is not None:
            self.keyring.reload()
