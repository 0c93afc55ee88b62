"""Where a server is, and what a caller shows it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

import grpc

__all__ = ["HEALTH_CHECK", "MAX_MESSAGE_BYTES", "RECONNECT_S", "TIMEOUT_S", "Endpoint"]

TIMEOUT_S = 30.0
"""Deadline of a call that is given no other; the server's default."""

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message either way; the server's default limit."""

RECONNECT_S = 1.0
"""Until then a lost connection has been tried again; gRPC's own two minutes would outlast every call."""

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
"""A method that every server of ours answers, without a key."""

CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),  # which gRPC makes up to a fifth longer, at random
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server to call.

    Attributes:
        address: host:port, or unix:PATH.
        tls_ca: PEM file of authorities that vouch for the server; None speaks without encryption.
        tls_certificate: PEM file of the caller's own certificate, for servers that ask for one.
        tls_key: PEM file of that certificate's private key.
        api_key: what the server knows the caller by, as `ktp-ocr keys add` prints it; empty for none.
    """

    address: str
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    api_key: str = field(default="", repr=False)

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Give the credentials of the connection; None without encryption.

        Raises:
            OSError: a PEM file cannot be read.
            ValueError: the caller's certificate, its key and the authorities were not given together, or a file holds
                something else.
        """
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key must be given together")
        if self.tls_ca is None:
            if self.tls_certificate is not None:
                raise ValueError("tls_certificate needs tls_ca")
            return None
        contents = [_read(path) for path in (self.tls_ca, self.tls_key, self.tls_certificate)]
        self._check_files(self.tls_ca)
        return grpc.ssl_channel_credentials(*contents)

    def _check_files(self, authorities: Path) -> None:
        """Try the files; gRPC would only say, at the first call, that there is no connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError:
            raise ValueError(f"tls_ca {authorities} holds no PEM certificate") from None
        if self.tls_certificate is None or self.tls_key is None:
            return
        try:
            context.load_cert_chain(self.tls_certificate, self.tls_key, password=str)  # an empty one: nobody is asked
        except ssl.SSLError:
            raise ValueError(
                f"tls_key {self.tls_key} is no PEM key without a passphrase that belongs to tls_certificate "
                f"{self.tls_certificate}"
            ) from None

    def options(self, message_limit_bytes: int = MAX_MESSAGE_BYTES) -> list[tuple[str, int]]:
        """Give the connection's channel arguments.

        Args:
            message_limit_bytes: largest message that is taken from the server.

        Source: grpc/impl/channel_arg_names.h.
        """
        return [*CHANNEL_OPTIONS, ("grpc.max_receive_message_length", message_limit_bytes)]

    def open_channel(self, message_limit_bytes: int = MAX_MESSAGE_BYTES) -> grpc.aio.Channel:
        """Give a channel for asyncio, which connects as soon as it is used.

        Args:
            message_limit_bytes: largest message that is taken from the server.

        Raises:
            OSError, ValueError: as of `credentials`.
        """
        credentials, options = self.credentials(), self.options(message_limit_bytes)
        if credentials is None:
            return grpc.aio.insecure_channel(self.address, options=options)
        return grpc.aio.secure_channel(self.address, credentials, options=options)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Give what every call carries."""
        return (("x-api-key", self.api_key),) if self.api_key else ()


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
