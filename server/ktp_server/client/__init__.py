"""Callers of a running server: a client for blocking code, one for asyncio, and reading a whole folder.

    AsyncKtpOcrClient, KtpOcrClient ── endpoint   where the server is, and what the caller shows it
                                    ── retry      when to try again
                                    ── failures   what went wrong, as CallError
                                    ── images     what a stream takes and gives
    batch ── journal   what is done already
          ── tables    JSON lines, CSV, Parquet

Answers are the dataclasses of `ktp_server.results`, as the reader in this process gives them.
"""

from ktp_server.client.asynchronous import AsyncKtpOcrClient
from ktp_server.client.endpoint import Endpoint
from ktp_server.client.failures import CallError, failure_from_rpc_error, failure_on_the_way
from ktp_server.client.images import CardAnswer, CardImage
from ktp_server.client.retry import RetryPolicy
from ktp_server.client.synchronous import KtpOcrClient

__all__ = [
    "AsyncKtpOcrClient",
    "CallError",
    "CardAnswer",
    "CardImage",
    "Endpoint",
    "KtpOcrClient",
    "RetryPolicy",
    "failure_from_rpc_error",
    "failure_on_the_way",
]
