"""TLS and mutual TLS from PEM files that may be exchanged while the server runs."""

import logging
import ssl
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import grpc

from ktp_server.security.errors import SecurityError
from ktp_server.security.watched_files import WatchedFiles

__all__ = ["ServerTls", "TlsFiles", "check_tls_files"]

logger = logging.getLogger(__name__)

HANDSHAKE_ROUNDS = 4
"""A TLS 1.3 handshake in memory takes two; one that goes on is no handshake."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where keys and certificates lie, all in PEM.

    Attributes:
        certificate: the server's certificate, followed by those that lead to the authority.
        key: its private key, without a passphrase.
        client_ca: authorities whose signature on a caller's certificate is believed; None to ask for none.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class ServerTls:
    """Credentials of a server that takes over changed files with the next connection.

    Connections that stand keep the certificate with which they were made.
    """

    def __init__(self, files: TlsFiles) -> None:
        """Read and check the files.

        Args:
            files: where they lie.

        Raises:
            SecurityError: one of them is at fault; the message names it and says what is wrong.
        """
        self._files = files
        self._lock = threading.Lock()
        self._watched = WatchedFiles(path for path in (files.certificate, files.key, files.client_ca) if path)
        self._configuration = _read_configuration(files)

    def credentials(self) -> grpc.ServerCredentials:
        """Give the credentials for a port."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration, self._fetch, require_client_authentication=self._files.client_ca is not None
        )

    def reload(self) -> None:
        """Read the files anew; faulty ones are logged and change nothing."""
        with self._lock:
            self._read_anew()

    def _fetch(self) -> grpc.ServerCertificateConfiguration:
        """Give what the next handshake uses; gRPC calls this from threads of its own, before each."""
        with self._lock:
            if self._watched.have_changed():
                self._read_anew()
            return self._configuration

    def _read_anew(self) -> None:
        try:
            self._configuration = _read_configuration(self._files)
        except SecurityError as error:
            logger.error("the certificates stay as they were: %s", error)  # noqa: TRY400  # the message says it all
        else:
            logger.info("certificates read anew from %s", self._files.certificate)


def check_tls_files(files: TlsFiles) -> None:
    """Try certificate and key as a caller would meet them: by a TLS handshake, in memory.

    Raises:
        SecurityError: a file is missing or of another kind, the key belongs to another certificate, or a certificate
            has expired or does not hold yet.
    """
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The certificate itself is what is believed here: its authority is the callers' matter.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load_certificates(client, "tls_certificate", files.certificate)
    _load_pair(server, files)
    try:
        _shake_hands(server, client)
    except ssl.SSLCertVerificationError as error:
        raise SecurityError(f"tls_certificate {files.certificate}: {error.verify_message}") from None
    except ssl.SSLError as error:
        raise SecurityError(f"tls_certificate {files.certificate} does not work: {_reason(error)}") from None
    if files.client_ca is not None:
        _check_authorities(files.client_ca)


def _read_configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    check_tls_files(files)
    authorities = None if files.client_ca is None else files.client_ca.read_bytes()
    return grpc.ssl_server_certificate_configuration(
        [(files.key.read_bytes(), files.certificate.read_bytes())], root_certificates=authorities
    )


def _load_certificates(context: ssl.SSLContext, setting: str, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise SecurityError(f"{setting} {path} holds no PEM certificate") from None
    except OSError as error:
        raise SecurityError(f"{setting} {path} cannot be read: {error.strerror}") from None


def _load_pair(server: ssl.SSLContext, files: TlsFiles) -> None:
    def refuse_passphrase() -> NoReturn:
        raise SecurityError(f"tls_key {files.key} is protected by a passphrase; give a key without one")

    try:
        server.load_cert_chain(files.certificate, files.key, password=refuse_passphrase)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = f"tls_key {files.key} does not belong to tls_certificate {files.certificate}"
        else:
            message = f"tls_key {files.key} holds no PEM private key"
        raise SecurityError(message) from None
    except OSError as error:
        raise SecurityError(f"tls_key {files.key} cannot be read: {error.strerror}") from None


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for _ in range(HANDSHAKE_ROUNDS):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue


def _check_authorities(path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load_certificates(context, "tls_client_ca", path)
    ends_s = [ssl.cert_time_to_seconds(str(authority["notAfter"])) for authority in context.get_ca_certs()]
    if not ends_s:
        raise SecurityError(f"tls_client_ca {path} holds no certificate of an authority")
    if max(ends_s) < datetime.now(UTC).timestamp():
        raise SecurityError(f"tls_client_ca {path}: certificate has expired")


def _reason(error: ssl.SSLError) -> str:
    return str(error.reason).replace("_", " ").lower()
