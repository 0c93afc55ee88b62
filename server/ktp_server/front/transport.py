"""The settings of gRPC's connections, in gRPC's own words."""

from ktp_server.settings import Settings

__all__ = ["channel_arguments"]

AGE_GRACE_S = 60.0
"""An aged connection's calls may go on for so long; longer than any call's default deadline."""


def channel_arguments(settings: Settings) -> list[tuple[str, int]]:
    """Give the server's channel arguments.

    Source: grpc/impl/channel_arg_names.h.
    """
    arguments = {
        "grpc.max_receive_message_length": settings.max_message_bytes,
        "grpc.max_send_message_length": settings.max_message_bytes,
        "grpc.max_concurrent_streams": settings.max_streams_per_connection,
        "grpc.keepalive_time_ms": _milliseconds(settings.keepalive_interval_s),
        "grpc.keepalive_timeout_ms": _milliseconds(settings.keepalive_timeout_s),
        # gRPC's other pings, which measure the connection, have a bound of their own: a minute unless it is told.
        "grpc.http2.ping_timeout_ms": _milliseconds(settings.keepalive_timeout_s),
        # A caller may ping an idle connection, too: that is how it learns that a server went away.
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_ping_interval_without_data_ms": _milliseconds(settings.ping_interval_min_s),
        # Without SO_REUSEPORT a second server on the port fails at once instead of taking half of the calls.
        "grpc.so_reuseport": int(settings.workers > 1),
    }
    if settings.connection_age_max_s > 0.0:
        arguments["grpc.max_connection_age_ms"] = _milliseconds(settings.connection_age_max_s)
        arguments["grpc.max_connection_age_grace_ms"] = _milliseconds(AGE_GRACE_S)
    return list(arguments.items())


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1e3)
