"""TLS of the HTTP port, with the certificates of the gRPC port and exchanged like them while the server runs."""

import logging
import ssl

from ktp_server.security.errors import SecurityError
from ktp_server.security.tls import TlsFiles, check_tls_files
from ktp_server.security.watched_files import WatchedFiles

__all__ = ["HttpTls"]

logger = logging.getLogger(__name__)


class HttpTls(ssl.SSLContext):
    """A context that makes each connection by the files as they are then.

    A context cannot forget authorities; so each state of the files has one of its own, and this one hands connections
    on to the present one. asyncio asks for `wrap_bio` only.
    """

    def __new__(cls, files: TlsFiles) -> "HttpTls":  # noqa: ARG004  # __init__ takes them
        """Make the context; see `ssl.SSLContext`."""
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(self, files: TlsFiles) -> None:
        """Read and check the files.

        Args:
            files: certificate, key, and the authority of callers' certificates.

        Raises:
            SecurityError: one of them is at fault; the message names it.
        """
        self._files = files
        self._watched = WatchedFiles(path for path in (files.certificate, files.key, files.client_ca) if path)
        self._current = _open_context(files)

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # ssl's signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """See `ssl.SSLContext`; called once for each connection."""
        if self._watched.have_changed():
            self._read_anew()
        return self._current.wrap_bio(incoming, outgoing, server_side, server_hostname, session)

    def _read_anew(self) -> None:
        try:
            self._current = _open_context(self._files)
        except SecurityError as error:
            logger.error("the HTTP port's certificates stay as they were: %s", error)  # noqa: TRY400  # it says it all
        else:
            logger.info("the HTTP port's certificates were read anew from %s", self._files.certificate)


def _open_context(files: TlsFiles) -> ssl.SSLContext:
    check_tls_files(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca is not None:
        context.load_verify_locations(files.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
